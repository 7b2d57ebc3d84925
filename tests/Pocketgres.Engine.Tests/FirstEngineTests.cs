using Npgsql;
using Pocketgres.Build.Extensions;
using Pocketgres.Build.Inputs;
using Pocketgres.Installation;
using Pocketgres.Installation.Extensions;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tests;

/// <summary>
/// The engine of a first start: installed files and the list of what is to come are made by the build, from what <c>eng/engine.sh --first</c> compiles; programs
/// and data directory are those of the whole engine.
/// </summary>
public sealed class FirstEngineTests : IDisposable
{
    private const string Later = "it is not compiled yet", WhatToDo = "The first start compiles extensions in the background";

    private readonly string _directory = Directory.CreateTempSubdirectory("pocketgres-first-").FullName;
    private readonly ClusterOptions _options;
    private readonly string[] _later;
    private readonly ExtensionCatalog _catalog = ExtensionCatalog.Load();

    public FirstEngineTests()
    {
        var whole = EngineFiles.Default;
        string compiled = Below("compiled"), engine = Below("engine"), sockets = Below("sockets");
        using (var files = MemoryFileSystem.FromImage(whole.Support))
        {
            FileTree.Copy(files, "/", new HostFileSystem(compiled), "/", path => path != "icu" && Path.GetDirectoryName(path) != "lib/postgresql" && Path.GetExtension(path) != ".control");
            foreach (string library in (string[])["plpgsql", .. ExtensionCheck.OfTheServer(compiled)])
            {
                File.WriteAllText(Path.Combine(compiled, "lib", "postgresql", library + ".so"), library);
            }

            const string Language = "share/postgresql/extension/plpgsql.control";
            File.WriteAllBytes(Path.Combine(compiled, Language), FileTree.ReadAll(files, "/" + Language));
        }

        File.WriteAllText(Path.Combine(compiled, "VERSION"), $"PostgreSQL {whole.PostgresVersion}\n");
        File.WriteAllText(Path.Combine(compiled, ".complete"), "");
        File.WriteAllText(Path.Combine(compiled, ".first"), "");
        new PostgresInput(compiled).WriteSupport(engine, _catalog);

        foreach (string file in Directory.GetFiles(whole.Directory).Where(f => Path.GetFileName(f) is not (EngineArtifacts.ModuleIndex or EngineArtifacts.OwnExtensions)))
        {
            if (!File.Exists(Path.Combine(engine, Path.GetFileName(file))))
            {
                File.CreateSymbolicLink(Path.Combine(engine, Path.GetFileName(file)), file);
            }
        }

        bool IsThere(string module) => module == "postgres" || module.StartsWith(EngineArtifacts.ProgramPrefix, StringComparison.Ordinal)
            || File.Exists(Path.Combine(compiled, "lib", "postgresql", module + ".so"));
        var modules = File.ReadLines(Path.Combine(whole.Directory, EngineArtifacts.ModuleIndex)).ToLookup(l => IsThere(l.Split('\t')[0]));
        File.WriteAllLines(Path.Combine(engine, EngineArtifacts.ModuleIndex), modules[true]);
        var own = whole.OwnExtensions is { } json ? ExtensionCatalog.FromJson(json).Extensions.SelectMany(e => e.Libraries) : [];
        _later = [.. modules[false].Select(l => l.Split('\t')[0]).Except(own)];
        _options = new ClusterOptions { EngineFiles = new EngineFiles(engine), ListenAddress = null, UnixSocketDirectory = sockets };
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_is_compiled_later_is_called_that()
    {
        Assert.Contains("basic_archive", _later); // has no control file
        await using var cluster = await PostgresCluster.StartAsync(_options);
        await using var source = NpgsqlDataSource.Create($"Host={_options.UnixSocketDirectory};Port={cluster.Port};Username=postgres;Database=postgres");
        foreach (string library in _later)
        {
            Assert.StartsWith($"could not load library \"/pocketgres/lib/postgresql/{library}.so\": {Later}. {WhatToDo}", (await FailureOf($"load '{library}'")).MessageText, StringComparison.Ordinal);
        }

        foreach (string name in _catalog.Extensions.Where(e => e.Enabled && e.Kind == ExtensionKind.Extension && e.Name != "plpgsql").Select(e => e.Name))
        {
            var e = await FailureOf($"create extension \"{name}\"");
            Assert.Equal($"extension \"{name}\" cannot be created: {Later}", e.MessageText);
            Assert.StartsWith(WhatToDo, e.Hint, StringComparison.Ordinal);
        }

        async Task<PostgresException> FailureOf(string statement)
        {
            await using var command = source.CreateCommand(statement);
            return await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
        }
    }

    [Theory]
    [InlineData("pg_stat_statements")]
    [InlineData("basic_archive")]
    public async Task A_start_that_preloads_what_is_compiled_later_says_so(string library)
    {
        var options = _options with { Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = library } };
        var e = await Assert.ThrowsAnyAsync<Exception>(async () => await (await PostgresCluster.StartAsync(options)).DisposeAsync());
        Assert.Contains($"{library}.so\": {Later}. {WhatToDo}", e.Message, StringComparison.Ordinal);
    }

    private string Below(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
