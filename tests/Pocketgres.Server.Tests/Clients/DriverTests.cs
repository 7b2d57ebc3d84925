using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>Drivers of other languages; each script asserts by itself and prints "ok" at its end.</summary>
[Collection(ClientsServer.Name)]
public class DriverTests(ClientsFixture fixture)
{
    /// <summary>pgjdbc, where Debian's package has it.</summary>
    internal const string PgjdbcFile = "/usr/share/java/postgresql.jar";

    const string Python = "/usr/bin/python3";

    TestServer Server => fixture.Server;

    [Fact]
    public async Task Node_postgres()
    {
        var environment = new Dictionary<string, string> { ["NODE_PATH"] = Workspace.NodeModules };
        await RunAsync("node", [Path.Combine(Workspace.ClientScripts, "node", "node-postgres.cjs")], environment);
    }

    [Theory]
    [InlineData("asyncpg")]
    [InlineData("psycopg")]
    [InlineData("psycopg2")]
    public async Task Python_drivers(string driver)
    {
        ToolResult installed = await Tool.RunAsync(Python, ["-c", $"import {driver}"]);
        Assert.True(installed.ExitCode == 0, $"{driver} is not installed for {Python}: run eng/clients.sh\n{installed.Error}");
        await RunAsync(Python, [Path.Combine(Workspace.ClientScripts, "python", $"{driver}_client.py")], []);
    }

    [JavaFact]
    public async Task Pgjdbc()
    {
        Assert.True(File.Exists(PgjdbcFile), $"pgjdbc is not installed ({PgjdbcFile}): run eng/clients.sh");
        await RunAsync("java", ["-cp", PgjdbcFile, Path.Combine(Workspace.ClientScripts, "java", "PgjdbcClient.java")], []);
    }

    async Task RunAsync(string program, string[] arguments, Dictionary<string, string> environment)
    {
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        foreach ((string name, string value) in Server.Environ(database.Name))
        {
            environment[name] = value;
        }

        ToolResult result = (await Tool.RunAsync(program, arguments, environment)).Succeeded();
        Assert.Equal("ok", result.Output.Trim().Split('\n')[^1]);
    }
}

/// <summary>Runs where there is a Java: the other clients are everywhere, a Java is not, and eng/clients.sh does not bring one.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class JavaFactAttribute : FactAttribute
{
    public JavaFactAttribute()
    {
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        if (!path.Split(':').Any(directory => File.Exists(Path.Combine(directory, "java"))))
        {
            Skip = "no java on this machine";
        }
    }
}
