using System.Diagnostics;
using Npgsql;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Modules;
using Pocketgres.Cli.Tests.Support;
using Pocketgres.Installation;
using Pocketgres.Wasm;

namespace Pocketgres.Engine.Tests;

/// <summary>
/// C++ exceptions in an extension (<c>Thrower/</c>), which is compiled as <c>pocketgres extension build</c> does it and translated into a copy of the engine: what is thrown arrives where it is caught,
/// ERRORs pass, and what nobody catches ends the session and not the process of .NET.
/// </summary>
public sealed class CppExceptionTests : IDisposable
{
    private const string Name = "zz_thrower"; // the last one, so that the globals of other libraries stay where they are

    private readonly string _directory = Directory.CreateTempSubdirectory("pocketgres-thrower-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [EngineTreeFact]
    public async Task Exceptions_arrive_errors_pass_and_what_nobody_catches_ends_the_session()
    {
        var options = new ClusterOptions { EngineFiles = EngineWithThrower(), Port = 0 };
        await using var cluster = await PostgresCluster.StartAsync(options);
        await using (var connection = await Clusters.OpenAsync(cluster))
        {
            string[] kinds = ["destructors", "rethrow", "nested", "any", "int", "base", "pointer", "kept", "through C", "cast", "library"];
            string library = $"'{await TextAsync(connection, "show data_directory")}/{Name}.so' language c strict";
            await Clusters.RunAsync(connection, $"copy (select 1) to '{library.Split('\'')[1]}'"); // the file must be there; what is loaded is its translation
            await Clusters.RunAsync(connection, $"create function thrown(text) returns text as {library}; create function through_cpp(text) returns text as {library}; "
                + $"create function uncaught() returns text as {library}");
            Assert.Equal(
                [
                    "01010 from below", "0a from below", "from below inner", "0", "42", "7", "7", "01 from below", "t through C", "std::bad_cast", "1.5 42 stoi: no conversion range",
                ],
                await EachAsync(connection, kinds));
            Assert.Equal("from below", (await FailureAsync(connection, "select thrown('error')")).MessageText); // what() of an std::runtime_error
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal("destroyed", await TextAsync(connection, "select through_cpp('select 1')"));
                Assert.Equal("22012", (await FailureAsync(connection, "select through_cpp('select 1/0')")).SqlState); // neither caught nor taken for a return
            }

            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Clusters.RunAsync(connection, "select uncaught()"));
            Assert.NotEqual(System.Data.ConnectionState.Open, connection.State);
        }

        await Clusters.WaitAsync(cluster, "select thrown('int')", "42"); // the server has recovered, as after SIGABRT
    }

    private static async Task<string[]> EachAsync(NpgsqlConnection connection, string[] kinds)
    {
        var answers = new List<string>();
        foreach (string kind in kinds)
        {
            answers.Add(await TextAsync(connection, $"select thrown('{kind}')"));
        }

        return [.. answers];
    }

    private static async Task<string> TextAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<PostgresException> FailureAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
    }

    /// <summary>The engine's files with one library more.</summary>
    private EngineFiles EngineWithThrower()
    {
        string repository = Repository(), source = Directory.CreateDirectory(Path.Combine(_directory, Name)).FullName, own = Path.Combine(_directory, "own"), translated = Path.Combine(_directory, "translated"),
            engine = Directory.CreateDirectory(Path.Combine(_directory, "engine")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(repository, "tests/Pocketgres.Engine.Tests/Thrower")))
        {
            File.Copy(file, Path.Combine(source, Path.GetFileName(file)));
        }

        string compiled = Environment.GetEnvironmentVariable("PocketgresPostgres") is { Length: > 0 } result ? result : Run(Path.Combine(repository, "eng/engine.sh"));
        Run(Path.Combine(repository, "eng/extension.sh"), source, Path.Combine(own, Name));
        var hosts = HostFunctions.Load([typeof(Kernel.Process).Assembly.Location, typeof(PostgresCluster).Assembly.Location]);
        Directory.CreateDirectory(translated);
        var thrower = new EngineTranslator(hosts, new Dictionary<string, long>(), new Dictionary<string, IReadOnlySet<CallSite>>(), CodeVariant.None)
            .TranslateAll(new PostgresInput(compiled, own), translated).Single(r => r.Source.Name == Name);
        Assert.Empty(thrower.Report.Unresolved);

        var whole = EngineFiles.Default;
        foreach (string file in Directory.GetFiles(whole.Directory).Where(f => Path.GetFileName(f) != EngineArtifacts.ModuleIndex))
        {
            File.CreateSymbolicLink(Path.Combine(engine, Path.GetFileName(file)), file);
        }

        foreach (string extension in (string[])[".dll", EngineArtifacts.ManifestExtension, EngineArtifacts.MemoryExtension])
        {
            File.Copy(Path.Combine(translated, thrower.Source.AssemblyName + extension), Path.Combine(engine, thrower.Source.AssemblyName + extension));
        }

        File.WriteAllLines(Path.Combine(engine, EngineArtifacts.ModuleIndex), [.. File.ReadLines(Path.Combine(whole.Directory, EngineArtifacts.ModuleIndex)), $"{Name}\t{thrower.Source.AssemblyName}"]);
        return new EngineFiles(engine);
    }

    private static string Run(string script, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(script, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        return output.Trim();
    }

    private static string Repository()
    {
        string repository = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(repository, "Pocketgres.slnx")))
        {
            repository = Path.GetDirectoryName(repository)!;
        }

        return repository;
    }
}
