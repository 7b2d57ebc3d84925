using Npgsql;
using Pocketgres.Installation;

namespace Pocketgres.Engine.Tests;

/// <summary>The engine of a first start, which has no extensions yet.</summary>
public sealed class FirstEngineTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pocketgres-first-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("create extension hstore", "extension \"hstore\" cannot be created: it is not compiled yet")]
    [InlineData("load 'auto_explain'", "could not load library \"/pocketgres/lib/postgresql/auto_explain.so\": it is not compiled yet")]
    public async Task What_is_compiled_later_is_called_that(string statement, string message)
    {
        foreach (string file in Directory.GetFiles(EngineFiles.Default.Directory).Where(f => Path.GetFileName(f) != EngineArtifacts.ModuleIndex))
        {
            File.CreateSymbolicLink(Path.Combine(_directory, Path.GetFileName(file)), file);
        }

        string[] later = ["auto_explain", "hstore"];
        File.WriteAllLines(Path.Combine(_directory, EngineArtifacts.Later), later);
        File.WriteAllLines(
            Path.Combine(_directory, EngineArtifacts.ModuleIndex),
            File.ReadLines(Path.Combine(EngineFiles.Default.Directory, EngineArtifacts.ModuleIndex)).Where(l => !later.Contains(l.Split('\t')[0])));
        string sockets = Directory.CreateDirectory(Path.Combine(_directory, "sockets")).FullName;
        await using var cluster = await PostgresCluster.StartAsync(new ClusterOptions { EngineFiles = new EngineFiles(_directory), ListenAddress = null, UnixSocketDirectory = sockets });
        await using var source = NpgsqlDataSource.Create($"Host={sockets};Port={cluster.Port};Username=postgres;Database=postgres");
        await using var command = source.CreateCommand(statement);
        var e = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
        Assert.StartsWith(message, e.MessageText, StringComparison.Ordinal);
        Assert.Contains("in the background", e.MessageText + e.Hint, StringComparison.Ordinal);
    }
}
