using Pocketgres.Durability.Tests.Support;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Faults;

/// <summary>Commands that find no room for what they make: they say so, and leave nothing, or what was there.</summary>
public sealed class CommandsOnFullDisksTests(CommandsOnFullDisksTests.Source source) : IClassFixture<CommandsOnFullDisksTests.Source>
{
    const string NoSpace = "o space left on device";

    // A disk of so many MiB is mounted at DISK; DATA is a cluster with a table of 40 MB, DUMP a dump of it, MIGRATIONS a folder whose second one makes another.
    [NamespaceTheory]
    [InlineData(8, 4, "import-pgdata", "DATA", "DISK/made")]
    [InlineData(8, 4, "export-pgdata", "DATA", "DISK/made")]
    [InlineData(8, 1, "export-pgdata", "--pglite", "DATA", "DISK/made.tgz")]
    [InlineData(8, 1, "dump", "file:DATA", "-o", "DISK/made.sql")]
    public async Task What_has_no_room_is_not_there(int size, int exitCode, params string[] words)
    {
        ToolResult result = await RunAsync(size, words, "ls -A DISK");
        Assert.Equal("", result.Output);
        Assert.Contains(NoSpace, result.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
    }

    // Room for an empty cluster, and not for what comes.
    [NamespaceTheory]
    [InlineData("0", "sql", "file:DISK/data", "-1", "-c", "CREATE TABLE first (x int)", "-c", "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 10) AS x FROM generate_series(1, 300000) i")]
    [InlineData("1", "migrate", "MIGRATIONS", "file:DISK/data")]
    [InlineData("0", "restore", "DUMP", "file:DISK/data")]
    [InlineData("0", "copy", "file:DATA", "file:DISK/data")]
    public async Task What_was_begun_in_a_cluster_is_undone(string tables, params string[] words)
    {
        ToolResult result = await RunAsync(76, words, "POCKETGRES sql file:DISK/data --format csv -c \"SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace\"");
        Assert.Contains(NoSpace, result.Error, StringComparison.Ordinal);
        Assert.Equal($"count\n{tables}\n", result.Output);
        Assert.Equal(1, result.ExitCode);
    }

    // Ends with the exit code of the command; what is looked at afterwards is the output.
    async Task<ToolResult> RunAsync(int size, string[] words, string look)
    {
        using var directory = new TemporaryDirectory();
        string pocketgres = $"dotnet exec {CliServer.CliPath}";
        string command = string.Join(' ', words.Select(w => $"'{w.Replace("'", @"'\''", StringComparison.Ordinal)}'"));
        string script = $"mount -t tmpfs -o size={size}m none DISK; POCKETGRES {command} >&2; status=$?; {look}; exit $status"
            .Replace("DISK", directory.Path, StringComparison.Ordinal).Replace("DATA", source.Data, StringComparison.Ordinal).Replace("DUMP", source.Dump, StringComparison.Ordinal)
            .Replace("MIGRATIONS", source.Migrations, StringComparison.Ordinal).Replace("POCKETGRES", pocketgres, StringComparison.Ordinal);
        return await Tool.RunAsync("unshare", ["--mount", "--pid", "--fork", "--uts", "--mount-proc", "sh", "-c", script], deadline: TimeSpan.FromMinutes(2));
    }

    /// <summary>What the commands are given.</summary>
    public sealed class Source : IAsyncLifetime, IDisposable
    {
        readonly TemporaryDirectory _directory = new();

        public string Data => _directory.Combine("data");

        public string Dump => _directory.Combine("a.dump");

        public string Migrations => _directory.Combine("migrations");

        public async Task InitializeAsync()
        {
            const string Big = "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 10) AS x FROM generate_series(1, 100000) i;";
            (await CliServer.RunToEndAsync("sql", "file:" + Data, "-c", Big)).Succeeded();
            (await CliServer.RunToEndAsync("dump", "file:" + Data, "-o", Dump)).Succeeded();
            Directory.CreateDirectory(Migrations);
            await File.WriteAllTextAsync(Path.Combine(Migrations, "1.sql"), "CREATE TABLE first (x int);\n");
            await File.WriteAllTextAsync(Path.Combine(Migrations, "2.sql"), Big.Replace("100000", "300000", StringComparison.Ordinal) + "\n");
        }

        public Task DisposeAsync() => Task.CompletedTask;

        public void Dispose() => _directory.Dispose();
    }
}
