using System.Diagnostics;
using Pocketgres.Cli.Tests.Support;
using Pocketgres.Transfer;

namespace Pocketgres.Cli.Tests;

/// <summary><c>dump</c> and <c>restore</c>.</summary>
public sealed class TransferTests(MemoryServer server) : IClassFixture<MemoryServer>
{
    private const string Rich =
        """
        CREATE EXTENSION hstore; CREATE SCHEMA "S p"; CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, t text, j jsonb, h hstore, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
        INSERT INTO a (m, t, j, h) SELECT 'ok', E'a\tb\\n\n' || i, '{"a": [1]}', 'k=>v' FROM generate_series(1, 1000) i;
        CREATE TABLE "S p".parts (d int, t text) PARTITION BY LIST (d); CREATE TABLE "S p".parts1 PARTITION OF "S p".parts FOR VALUES IN (1); INSERT INTO "S p".parts VALUES (1, '\.'), (1, NULL);
        CREATE INDEX ON a USING gin (j); CREATE VIEW v AS SELECT id FROM a WHERE m = 'ok'; CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM a; COMMENT ON TABLE a IS 'it''s';
        CREATE FUNCTION n() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM a; END; CREATE SEQUENCE s; SELECT nextval('s'); SELECT lo_from_bytea(0, 'content');
        """;

    [Theory]
    [InlineData("dump.sql")]
    [InlineData("dump.dump")]
    [InlineData("dump.tar")]
    [InlineData("dump/")]
    [InlineData("four", "-Fd", "-j", "4")]
    public async Task A_dump_is_pg_dumps_and_comes_back_here_and_natively(string name, params string[] options)
    {
        using var directory = new TemporaryDirectory();
        string source = await CreateRichAsync(), file = directory.Below(name.TrimEnd('/')), given = directory.Path + "/" + name;
        string expected = await NativeDumpAsync(source);
        await SucceedAsync(["dump", source, "-o", given, .. options]);
        if (name == "dump.sql")
        {
            Assert.Equal(expected, Normalized(await File.ReadAllTextAsync(file)));
        }

        Assert.Equal([Path.GetFileName(file)], Directory.EnumerateFileSystemEntries(directory.Path).Select(Path.GetFileName));
        string here = await server.CreateDatabaseAsync(), natively = await server.CreateDatabaseAsync();
        await SucceedAsync(["restore", given, here, .. name == "four" ? (string[])["-j", "3"] : []]);
        Assert.Equal(expected, await NativeDumpAsync(here));
        await RunNativeAsync(name == "dump.sql" ? ["psql", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", natively, "-f", file] : ["pg_restore", "-e", "-d", natively, file]);
        Assert.Equal(expected, await NativeDumpAsync(natively));

        var refused = await CliProcess.RunAsync("restore", given, here);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("give --replace", refused.Error, StringComparison.Ordinal);
        await MemoryServer.ExecuteAsync(here, "CREATE TABLE more (x int)");
        await SucceedAsync(["restore", "--replace", given, here]);
        Assert.Equal(expected, await NativeDumpAsync(here));
    }

    [Fact]
    public async Task Directories_are_served_meanwhile_and_standard_streams_work()
    {
        using var directory = new TemporaryDirectory();
        string source = await CreateRichAsync(), data = "file:" + directory.Below("data");
        var dump = await CliProcess.RunAsync("dump", source, "--no-owner");
        Assert.Equal((0, ""), (dump.ExitCode, dump.Error));
        var restored = await CliProcess.RunAsync(dump.Output, ["restore", "-", data, "--database", "it's"]);
        Assert.Equal((0, "", ""), (restored.ExitCode, restored.Output, restored.Error));
        var again = await CliProcess.RunAsync("dump", data, "--database", "it's", "--no-owner");
        Assert.Equal((0, Normalized(dump.Output)), (again.ExitCode, Normalized(again.Output)));
        Assert.Equal((0, "1000\n"), await PsqlAsync(data, "SELECT count(*) FROM a", "it's"));
        Assert.Equal((0, "3\n"), await PsqlAsync("memory:", "SELECT 3", "postgres"));
    }

    [Fact]
    public async Task A_whole_cluster_comes_into_an_empty_one_only()
    {
        using var directory = new TemporaryDirectory();
        string dump = directory.Below("all.sql"), source = "file:" + directory.Below("source"), data = "file:" + directory.Below("data");
        Assert.Equal(0, (await CliProcess.RunAsync("sql", source, "--database", "shop", "-c", "CREATE ROLE somebody; CREATE TABLE t AS SELECT 5 AS x; ALTER TABLE t OWNER TO somebody")).ExitCode);
        Assert.Equal(0, (await CliProcess.RunAsync("run", source, "--", Path.Combine(NativePrograms.Directory, "pg_dumpall"), "-f", dump)).ExitCode);
        var restored = await CliProcess.RunAsync("restore", dump, data);
        Assert.Equal(0, restored.ExitCode);
        Assert.Matches("^psql:[^\n]*all.sql:[0-9]+: ERROR:  role \"postgres\" already exists\n$", restored.Error);
        Assert.Equal(
            Normalized((await CliProcess.RunAsync("dump", source, "--database", "shop")).Output), Normalized((await CliProcess.RunAsync("dump", data, "--database", "shop")).Output));
        var refused = await CliProcess.RunAsync("restore", dump, data);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("restore it into an empty one", refused.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await CliProcess.RunAsync("restore", dump, data, "--replace")).ExitCode);
    }

    [Theory]
    [InlineData("dump.sql", 2, "is cut off")]
    [InlineData("dump.dump", 1, "removed again")]
    [InlineData("dump.tar", 2, "is cut off")]
    public async Task A_truncated_dump_leaves_the_target_as_it_was(string name, int exitCode, string message)
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Below(name), target = await server.CreateDatabaseAsync(), empty = await NativeDumpAsync(target);
        await SucceedAsync("dump", await CreateRichAsync(), "-o", file);
        using (var stream = new FileStream(file, FileMode.Open))
        {
            stream.SetLength(stream.Length / 3);
        }

        var result = await CliProcess.RunAsync("restore", file, target);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(empty, await NativeDumpAsync(target));

        await MemoryServer.ExecuteAsync(target, "CREATE TABLE kept (x int)");
        string before = await NativeDumpAsync(target);
        result = await CliProcess.RunAsync("restore", file, target, "--replace");
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal(before, await NativeDumpAsync(target));
    }

    [Fact]
    public async Task The_first_error_ends_a_restore_and_keep_going_passes_over_it()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("some.sql", "CREATE TABLE a (x int);\nCREATE TABLE b (x nothing);\nCREATE TABLE c (x int);\n"), target = await server.CreateDatabaseAsync(), empty = await NativeDumpAsync(target);
        var result = await CliProcess.RunAsync("restore", file, target);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("some.sql:2: ERROR:  type \"nothing\" does not exist", result.Error, StringComparison.Ordinal);
        Assert.Equal(empty, await NativeDumpAsync(target));
        Assert.Equal(0, (await CliProcess.RunAsync("restore", file, target, "--keep-going")).ExitCode);
        Assert.Equal(["a,c"], await MemoryServer.QueryAsync(target, "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
    }

    [Fact]
    public async Task An_interrupted_restore_leaves_the_target_empty()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("slow.sql", "CREATE TABLE a (x int);\nSELECT pg_sleep(600) /* slow restore */;\n"), target = await server.CreateDatabaseAsync(), empty = await NativeDumpAsync(target);
        using var process = CliProcess.Start("restore", file, target);
        await UntilAsync(target, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* slow restore */%' AND wait_event = 'PgSleep'");
        process.Signal("INT");
        var result = await process.EndAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.EndsWith("pocketgres: interrupted\n", result.Error, StringComparison.Ordinal);
        Assert.Equal(empty, await NativeDumpAsync(target));
    }

    [Fact]
    public async Task An_interrupted_dump_leaves_the_older_one()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("a.dump", "older"), source = await CreateRichAsync();
        await using var connection = await MemoryServer.OpenAsync(source);
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new Npgsql.NpgsqlCommand("LOCK TABLE a", connection, transaction))
        {
            await command.ExecuteNonQueryAsync();
        }

        using var process = CliProcess.Start("dump", source, "-o", file);
        await UntilAsync(source, "SELECT count(*) FROM pg_locks WHERE NOT granted");
        process.Signal("TERM");
        Assert.Equal(143, (await process.EndAsync()).ExitCode);
        Assert.Equal("older", await File.ReadAllTextAsync(file));
        Assert.Single(Directory.EnumerateFileSystemEntries(directory.Path));
    }

    [Fact]
    public async Task A_full_disk_leaves_nothing()
    {
        string source = await CreateRichAsync();
        var result = await CliProcess.RunAsync("dump", source, "-o", "/dev/full");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("No space left on device", result.Error, StringComparison.Ordinal);
        Assert.True(File.Exists("/dev/full"));
    }

    [Theory]
    [InlineData(2, "/no/such/file cannot be read", "restore", "/no/such/file", "memory:")]
    [InlineData(2, "write the dump first", "restore", "-j", "2", "file")]
    [InlineData(2, "has no database", "dump", "file:/no/such/directory")]
    [InlineData(2, "has no database", "dump", "memory:")]
    [InlineData(2, "is no URL", "dump", "shop")]
    [InlineData(2, "there is no directory /no/such", "dump", "postgres://x@127.0.0.1:1/x", "-o", "/no/such/file")]
    [InlineData(1, "Connection refused", "dump", "postgres://x@127.0.0.1:1/x")]
    [InlineData(2, "-h is not taken", "dump", "postgres://x@127.0.0.1:1/x", "-hlocalhost")]
    [InlineData(1, "unrecognized option", "dump", "postgres://x@127.0.0.1:1/x", "--nothing")]
    public async Task What_cannot_be_is_said(int exitCode, string message, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(arguments);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\u001f\u008b", "gunzip -c")]
    [InlineData("a\0b", "is no dump")]
    public void Files_that_are_no_dumps_are_refused(string content, string message)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Below("file");
        File.WriteAllBytes(path, [.. content.Select(c => (byte)c)]);
        Assert.Contains(message, Assert.Throws<DumpException>(() => DumpFile.Inspect(path)).Message, StringComparison.Ordinal);
    }

    private async Task<string> CreateRichAsync()
    {
        string url = await server.CreateDatabaseAsync();
        await RunNativeAsync("psql", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", Rich);
        return url;
    }

    private static async Task SucceedAsync(params string[] arguments)
    {
        var result = await CliProcess.RunAsync(arguments);
        Assert.Equal((0, "", ""), (result.ExitCode, result.Output, result.Error));
    }

    private static async Task<(int ExitCode, string Output)> PsqlAsync(string url, string sql, string database)
    {
        var result = await CliProcess.RunAsync("psql", url, "-X", "-At", "-c", $"\\c \"{database}\"", "-c", "\\o /dev/stdout", "-c", sql);
        return (result.ExitCode, result.Output[(result.Output.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
    }

    private static async Task UntilAsync(string url, string count)
    {
        for (long start = Environment.TickCount64; (await MemoryServer.QueryAsync(url, count))[0] == "0"; await Task.Delay(50))
        {
            Assert.True(Environment.TickCount64 - start < 120_000, count);
        }
    }

    private static async Task<string> NativeDumpAsync(string url) => Normalized(await RunNativeAsync("pg_dump", "--restrict-key=x", "-d", url));

    private static async Task<string> RunNativeAsync(params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(NativePrograms.Directory, words[0]), words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        string text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((0, ""), (process.ExitCode, await error));
        return text;
    }

    // What is the dump's own: the program's version and the random key.
    private static string Normalized(string dump) => string.Join('\n', dump.Split('\n').Where(l =>
        !l.StartsWith("\\restrict", StringComparison.Ordinal) && !l.StartsWith("\\unrestrict", StringComparison.Ordinal) && !l.StartsWith("-- Dumped", StringComparison.Ordinal)));
}
