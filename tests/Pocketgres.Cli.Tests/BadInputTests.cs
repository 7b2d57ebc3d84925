using System.Diagnostics;
using Pocketgres.Cli.Tests.Support;

namespace Pocketgres.Cli.Tests;

/// <summary>What each command says when what it is given cannot be, and what an interrupt leaves: docs/testing.md has the table.</summary>
public sealed class BadInputTests(BadInputTests.Ground ground) : IClassFixture<BadInputTests.Ground>
{
    private const string Sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    // NONE is no file, DATA a cluster's directory, FULL one with a file that stays, EMPTY an empty one, SERVER a server's URL, NOBODY one that does not answer.
    [Theory]
    [InlineData(4, "has no PG_VERSION", "import-pgdata", "NONE", "TO")]
    [InlineData(2, "names no directory", "import-pgdata", "NOBODY", "TO")]
    [InlineData(2, "names no directory", "import-pgdata", "DATA", "memory:")]
    [InlineData(4, "is not empty", "import-pgdata", "DATA", "FULL")]
    [InlineData(1, "choose another place", "import-pgdata", "DATA", "DATA/below")]
    [InlineData(4, "has no PG_VERSION", "export-pgdata", "NONE", "TO")]
    [InlineData(2, "names no directory", "export-pgdata", "memory:", "TO")]
    [InlineData(4, "is not empty", "export-pgdata", "DATA", "FULL")]
    [InlineData(4, "has no PG_VERSION", "export-pgdata", "--pglite", "NONE", "TO")]
    [InlineData(1, "is a directory", "export-pgdata", "--pglite", "DATA", "FULL")]
    [InlineData(1, "there is no directory", "export-pgdata", "--pglite", "DATA", "NONE/a.tgz")]
    [InlineData(1, "is no archive", "export-pgdata", "--pglite", "DATA", "FULL/kept")]
    [InlineData(2, "cannot be read", "sql", "memory:", "-f", "NONE")]
    [InlineData(2, "unknown scheme", "sql", "memroy:", "-c", "SELECT 1")]
    [InlineData(1, "Connection refused; check the URL", "sql", "NOBODY", "-c", "SELECT 1")]
    [InlineData(4, "is not empty", "sql", "file:FULL", "-c", "SELECT 1")]
    [InlineData(1, "NONE: No such file or directory", "psql", "SERVER", "-f", "NONE")]
    [InlineData(2, "Connection refused", "psql", "NOBODY", "-c", "SELECT 1")]
    [InlineData(4, "is not empty", "psql", "file:FULL", "-c", "SELECT 1")]
    [InlineData(4, "is not empty", "run", "file:FULL", "--", "true")]
    [InlineData(1, "does not exist", "migrate", "NONE", "memory:")]
    [InlineData(1, "has no migrations of a known tool", "migrate", "EMPTY", "memory:")]
    [InlineData(1, "Connection refused; check the URL", "migrate", "MIGRATIONS", "NOBODY")]
    [InlineData(4, "is not empty", "migrate", "MIGRATIONS", "file:FULL")]
    [InlineData(2, "is not a URL", "copy", "nonsense", "memory:")]
    [InlineData(1, "the source cannot be used", "copy", "NOBODY", "memory:")]
    [InlineData(4, "is not empty", "copy", "file:DATA", "file:FULL")]
    [InlineData(2, "toc.dat", "restore", "FULL", "memory:")]
    [InlineData(1, "Connection refused", "restore", "FULL/kept", "NOBODY")]
    [InlineData(2, "is not a URL", "doctor", "nonsense")]
    [InlineData(2, "does not exist", "scan", "NONE")]
    [InlineData(4, "is not a PostgreSQL data directory", "check", "NONE")]
    [InlineData(4, "is not a PostgreSQL data directory", "config", "file:FULL")]
    public async Task What_cannot_be_is_said_and_nothing_is_made(int exitCode, string message, params string[] words)
    {
        var result = await CliProcess.RunAsync([.. words.Select(ground.Named)]);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(ground.Named(message), result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        if (words[0] is not "psql")
        {
            Assert.StartsWith("pocketgres: ", result.Error, StringComparison.Ordinal);
            Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        }

        ground.AssertUnchanged();
    }

    [Theory]
    [InlineData("TO", "import-pgdata", "DATA", "TO")]
    [InlineData("TO", "export-pgdata", "DATA", "TO")]
    [InlineData("TO.unfinished", "export-pgdata", "--pglite", "DATA", "TO")]
    public async Task An_interrupted_move_leaves_nothing(string begun, params string[] words)
    {
        using var process = CliProcess.Start([.. words.Select(ground.Named)]);
        await UntilAsync(() => Task.FromResult(Path.Exists(ground.Named(begun))));
        process.Signal("INT");
        var result = await process.EndAsync();
        Assert.Equal((130, "pocketgres: interrupted\n", ""), (result.ExitCode, result.Error, result.Output));
        ground.AssertUnchanged();
    }

    [Theory]
    [InlineData(130, "pocketgres: interrupted\n", "sql", "SERVER", "-c", "CREATE TABLE half (x int); SELECT pg_sleep(600) /* interrupted */", "-1")]
    [InlineData(1, "Cancel request sent\nERROR:  canceling statement due to user request\n", "psql", "SERVER", "-X", "-1", "-c", "CREATE TABLE half (x int)", "-c", "SELECT pg_sleep(600) /* interrupted */")]
    [InlineData(130, "pocketgres: interrupted\n", "migrate", "SLOW", "SERVER")]
    public async Task An_interrupted_statement_is_ended_and_what_belongs_to_it_undone(int exitCode, string error, params string[] words)
    {
        string url = await ground.Server.CreateDatabaseAsync();
        using var process = CliProcess.Start([.. words.Select(w => w == "SERVER" ? url : ground.Named(w))]);
        await UntilAsync(async () => (await MemoryServer.QueryAsync(url, Sleeping)).Count > 0);
        process.Signal("INT");
        var result = await process.EndAsync();
        Assert.Equal((exitCode, error), (result.ExitCode, result.Error));
        await UntilAsync(async () => (await MemoryServer.QueryAsync(url, Sleeping)).Count == 0);
        Assert.Equal(["0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM pg_class WHERE relname = 'half'"));
    }

    [Fact]
    public async Task An_interrupted_copy_leaves_the_target_empty()
    {
        // Slow where a copy is unfinished, which is the target.
        string source = await ground.Server.CreateDatabaseAsync(), target = await ground.Server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(source,
            """
            CREATE FUNCTION slow(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'pocketgres_unfinished_copy') THEN PERFORM pg_catalog.pg_sleep(600); END IF;
                RETURN true;
            END $$;
            CREATE TABLE a (x int CHECK (slow(x))); INSERT INTO a VALUES (1);
            """);
        using var process = CliProcess.Start("copy", source, target);
        await UntilAsync(async () => (await MemoryServer.QueryAsync(target, Sleeping)).Count > 0);
        process.Signal("INT");
        var result = await process.EndAsync();
        Assert.Equal((130, "pocketgres: interrupted\n", ""), (result.ExitCode, result.Error, result.Output));
        Assert.Equal(["0"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM pg_class WHERE oid >= 16384"));
        Assert.Equal(["0"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pocketgres%'"));
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(10))
        {
            Assert.True(waited.Elapsed < s_patience, "it did not come so far");
        }
    }

    /// <summary>A server, and directories that no failure may change.</summary>
    public sealed class Ground : IAsyncLifetime, IDisposable
    {
        private readonly TemporaryDirectory _directory = new();
        private Dictionary<string, string> _names = [];
        private string[] _entries = [];

        public MemoryServer Server { get; } = new();

        public async Task InitializeAsync()
        {
            await Server.InitializeAsync();
            _directory.Write("full/kept", "SELECT 1;\n");
            _directory.Write("migrations/1.sql", "CREATE TABLE a (x int);\n");
            _directory.Write("slow/1.sql", "CREATE TABLE half (x int);\nSELECT pg_sleep(600) /* interrupted */;\n");
            Directory.CreateDirectory(_directory.Below("empty"));
            Assert.Equal(0, (await CliProcess.RunAsync("sql", "file:" + _directory.Below("data"), "-c", "CREATE TABLE t (x int)")).ExitCode);
            _names = new()
            {
                ["NONE"] = _directory.Below("none"), ["DATA"] = _directory.Below("data"), ["FULL"] = _directory.Below("full"), ["EMPTY"] = _directory.Below("empty"),
                ["MIGRATIONS"] = _directory.Below("migrations"), ["SLOW"] = _directory.Below("slow"), ["TO"] = _directory.Below("to"), ["NOBODY"] = "postgres://u@127.0.0.1:1/d", ["SERVER"] = await Server.CreateDatabaseAsync(),
            };
            _entries = Entries();
        }

        public Task DisposeAsync() => Server.DisposeAsync();

        public void Dispose() => _directory.Dispose();

        /// <summary>A word with the names in it replaced.</summary>
        public string Named(string word) => _names.Aggregate(word, (text, name) => text.Replace(name.Key, name.Value, StringComparison.Ordinal));

        public void AssertUnchanged()
        {
            Assert.Equal(_entries, Entries());
            Assert.Equal("SELECT 1;\n", File.ReadAllText(_directory.Below("full/kept")));
        }

        private string[] Entries() => [.. Directory.EnumerateFileSystemEntries(_directory.Path).Concat(Directory.EnumerateFileSystemEntries(_directory.Below("full"))).Order(StringComparer.Ordinal)];
    }
}
