using System.Diagnostics;
using Pocketgres.Cli.Tests.Support;
using Pocketgres.Copying;
using Pocketgres.Server;
using Pocketgres.Sql;

namespace Pocketgres.Cli.Tests;

/// <summary>One database into another.</summary>
public sealed class CopyTests(MemoryServer server) : IClassFixture<MemoryServer>
{
    // Statements by psql's rules, one of each kind that a schema may have.
    private const string Rich =
        """
        CREATE EXTENSION hstore; CREATE EXTENSION citext;
        CREATE SCHEMA "S p"; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a mood, b int[]); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE span AS RANGE (subtype = float8);
        CREATE COLLATION "C too" (provider = libc, locale = 'C');
        CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text COLLATE "C too", m mood, ms mood[], p pair, j jsonb, by bytea, ts timestamptz, f float8, r regclass, h hstore, ci citext, mo money, x xml, s span,
            pos positive DEFAULT 1, twice bigint GENERATED ALWAYS AS (id * 2) STORED, thrice bigint GENERATED ALWAYS AS (id * 3) VIRTUAL);
        INSERT INTO a (t, m, ms, p, j, by, ts, f, r, h, ci, mo, x, s) SELECT E'a\tb\\n\n' || i, 'ok', '{sad,ok}', '(sad,"{1,2}")', '{"a": [1]}', '\x00ff', '2026-01-01 10:00+02', i / 3.0, 'a', 'k=>v', 'Ci', 1.5, '<a/>', '[1,2.5)'
            FROM generate_series(1, 1000) i;
        INSERT INTO a (t) VALUES (NULL), (''), ('\N'), ('\.'), (repeat('long ', 100000));
        ALTER TABLE a ADD dropped int; ALTER TABLE a DROP dropped;
        CREATE TABLE "S p"."B" (id int PRIMARY KEY, parent int REFERENCES "S p"."B" DEFERRABLE, a_id bigint REFERENCES a, pocketgres_row int); INSERT INTO "S p"."B" VALUES (2, NULL, 1, 1), (1, 2, 2, 2);
        CREATE TABLE parts (d int, id bigint REFERENCES a, PRIMARY KEY (d, id)) PARTITION BY LIST (d); CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts2 PARTITION OF parts DEFAULT PARTITION BY HASH (id);
        CREATE TABLE parts2a PARTITION OF parts2 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE parts2b PARTITION OF parts2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO parts SELECT i % 3, i FROM generate_series(1, 99) i;
        CREATE TABLE mother (a int, b text); CREATE TABLE daughter (a int, b text, c int); ALTER TABLE daughter INHERIT mother; INSERT INTO daughter VALUES (2, 'b', 1); INSERT INTO mother VALUES (3, 'm');
        CREATE UNLOGGED TABLE unlogged (x int); INSERT INTO unlogged VALUES (1); CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
        CREATE SEQUENCE s INCREMENT 5 MINVALUE -10 CYCLE; SELECT nextval('s'), nextval('s'); CREATE SEQUENCE unused;
        CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := 'bumped'; RETURN NEW; END $$; CREATE TRIGGER bump BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION bump();
        CREATE FUNCTION n() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM a; END; CREATE PROCEDURE nop() LANGUAGE sql AS ''; CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
        CREATE VIEW v AS SELECT id, twice FROM a WHERE m = 'ok' WITH CHECK OPTION; CREATE MATERIALIZED VIEW mv AS SELECT m, count(*) FROM a GROUP BY m; CREATE UNIQUE INDEX ON mv (m); CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA;
        CREATE INDEX ON a USING gin (j); CREATE INDEX partial ON a (lower(t)) WHERE m = 'ok'; CREATE STATISTICS st ON m, f FROM a; CREATE RULE nope AS ON DELETE TO nothing DO INSTEAD NOTHING;
        ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON a USING (f > 0); COMMENT ON TABLE a IS 'it''s a'; COMMENT ON SCHEMA public IS 'mine';
        CREATE TEXT SEARCH CONFIGURATION en (COPY = english); CREATE CAST (mood AS int) WITH INOUT; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER sv FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (x int) SERVER sv;
        CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION et();
        CREATE SCHEMA pocketgres; CREATE TABLE pocketgres.migrations (name text PRIMARY KEY); INSERT INTO pocketgres.migrations VALUES ('1.sql');
        SELECT lo_from_bytea(77777, repeat('content', 1000000)::bytea), lo_from_bytea(77778, ''); CREATE PUBLICATION pub FOR TABLE a; GRANT SELECT ON a TO pg_monitor;
        """;

    [Fact]
    public async Task A_rich_database_is_dumped_as_the_source_and_the_next_copy_is_refused_without_replace()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, Rich);
        var report = await CopyAsync(source, target);
        Assert.Equal((10, 1005L + 2 + 99 + 2 + 1 + 1 + 1, 2), (report.Tables, report.Rows, report.LargeObjects));
        Assert.Equal(["publications: pub", "the rows of foreign tables, which are elsewhere: public.far"], report.LeftBehind.Take(2));
        Assert.Contains("--owners", Assert.Single(report.LeftBehind.Skip(2)), StringComparison.Ordinal);
        string expected = await DumpAsync(source);
        Assert.Contains("CREATE POLICY", expected, StringComparison.Ordinal);
        Assert.Equal(expected, await DumpAsync(target));
        await MemoryServer.ExecuteAsync(target, "INSERT INTO a (t) VALUES ('x')");
        Assert.Equal(["bumped"], await MemoryServer.QueryAsync(target, "SELECT t FROM a WHERE id = (SELECT max(id) FROM a)"));

        var refused = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target));
        Assert.Contains("--replace", refused.Message, StringComparison.Ordinal);
        Assert.Equal(report.Rows, (await CopyAsync(source, target, new DatabaseCopyOptions { Replace = true })).Rows);
        Assert.Equal(expected, await DumpAsync(target));
        Assert.Contains("same database", (await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, source))).Message, StringComparison.Ordinal);
        await RunScriptAsync(source, "DROP EVENT TRIGGER et");
        await RunScriptAsync(target, "DROP EVENT TRIGGER et");
    }

    [Fact]
    public async Task Owners_and_grants_come_when_asked_for()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, "CREATE ROLE copy_owner; CREATE TABLE t (x int); ALTER TABLE t OWNER TO copy_owner; GRANT SELECT ON t TO pg_monitor");
        var report = await CopyAsync(source, target, new DatabaseCopyOptions { Owners = true });
        Assert.Empty(report.LeftBehind);
        Assert.Equal(await DumpAsync(source, "--no-comments"), await DumpAsync(target, "--no-comments"));
        Assert.Equal(["copy_owner"], await MemoryServer.QueryAsync(target, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 't'"));
    }

    [Theory]
    [InlineData("CREATE TYPE t AS ENUM ('a')", "the type public.t")]
    [InlineData("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "public.f()")]
    [InlineData("SELECT lo_create(5)", "the large object 5")]
    [InlineData("CREATE SCHEMA pocketgres_unfinished_copy; CREATE TABLE half (x int)", "interrupted")]
    public async Task A_target_that_is_not_empty_is_refused(string content, string part)
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(target, content);
        string before = await DumpAsync(target);
        Assert.Contains(part, (await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target))).Message, StringComparison.Ordinal);
        Assert.Equal(before, await DumpAsync(target));
        await CopyAsync(source, target, new DatabaseCopyOptions { Replace = true });
        Assert.Equal(await DumpAsync(source), await DumpAsync(target));
    }

    [Fact]
    public async Task A_table_whose_columns_pg_dump_puts_into_another_order_arrives()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, "CREATE TABLE mother (a int, b text); CREATE TABLE daughter (c int, b text, a int); ALTER TABLE daughter INHERIT mother; INSERT INTO daughter VALUES (1, 'b', 2)");
        Assert.Equal(1, (await CopyAsync(source, target)).Rows);
        Assert.Equal(["(2,b,1)"], await MemoryServer.QueryAsync(target, "SELECT daughter::text FROM daughter"));
    }

    [Fact]
    public async Task A_target_with_an_extension_only_is_empty()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (x int)");
        await RunScriptAsync(target, "CREATE EXTENSION pg_stat_statements");
        Assert.Equal(1, (await CopyAsync(source, target)).Tables);
    }

    [Fact]
    public async Task Rows_that_the_target_refuses_are_said_and_removed_again()
    {
        // The constraint is one that old rows need not keep: a dump of such a database cannot be restored either.
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source,
            "CREATE TABLE before (x int); INSERT INTO before VALUES (1); CREATE TABLE t (x int CHECK (x < current_setting('my.most')::int)); SET my.most = 10; INSERT INTO t SELECT 5 FROM generate_series(1, 200000)");
        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target));
        Assert.Contains("public.t cannot be copied: 42704: unrecognized configuration parameter \"my.most\"", e.Message, StringComparison.Ordinal);
        Assert.Contains("removed from the target again", e.Message, StringComparison.Ordinal);
        Assert.Equal(await DumpAsync(await server.CreateDatabaseAsync()), await DumpAsync(target));
    }

    [Fact]
    public async Task A_row_too_many_is_found()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
        var progress = new Acting(p => p.What == "the schema", () => MemoryServer.ExecuteAsync(target, "INSERT INTO t VALUES (2)").GetAwaiter().GetResult());
        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target, progress: progress));
        Assert.Contains("1 rows with the checksum", e.Message, StringComparison.Ordinal);
        Assert.Contains("removed from the target again", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_whose_sessions_are_ended_is_said_and_emptied()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await RunScriptAsync(source, "CREATE TABLE t AS SELECT i, repeat('x', 1000) AS text FROM generate_series(1, 2000) i; CREATE TABLE u (x int)");
        string name = target[(target.LastIndexOf('/') + 1)..];
        var progress = new Acting(p => p.What == "the schema", () => MemoryServer.ExecuteAsync(source, $"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'").GetAwaiter().GetResult());
        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target, progress: progress));
        Assert.Contains("removed from the target again", e.Message, StringComparison.Ordinal);
        Assert.Equal(await DumpAsync(await server.CreateDatabaseAsync()), await DumpAsync(target));
    }

    [Fact]
    public async Task What_fails_or_is_cancelled_leaves_the_target_empty()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(source, "CREATE TABLE a (x int); INSERT INTO a VALUES (1); CREATE TABLE b (x int); INSERT INTO b VALUES (1)");
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CopyAsync(source, target, progress: new Acting(p => p.Done > 0.1, cancel.Cancel), cancellationToken: cancel.Token));
        Assert.Equal(["0"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
        Assert.Equal(2, (await CopyAsync(source, target)).Tables);
    }

    [Fact]
    public async Task Servers_that_are_not_there_are_said_before_anything_is_done()
    {
        string database = await server.CreateDatabaseAsync();
        const string Nobody = "postgres://x@127.0.0.1:1/x";
        var from = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(Nobody, database));
        Assert.StartsWith("the source cannot be used: Connection refused", from.Message, StringComparison.Ordinal);
        var to = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(database, Nobody));
        Assert.StartsWith("the target cannot be used: Connection refused", to.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pg_dump_that_is_missing_is_said_and_nothing_is_touched()
    {
        string source = await server.CreateDatabaseAsync(), target = await server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(target, "CREATE TABLE kept (x int)");
        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(source, target, new DatabaseCopyOptions { PgDump = "/no/such/pg_dump", Replace = true }));
        Assert.Contains("postgresql-client-18", e.Message, StringComparison.Ordinal);
        Assert.Equal(["1"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM pg_class WHERE relname = 'kept'"));
    }

    [Fact]
    public async Task The_command_copies_into_a_directory_that_it_makes()
    {
        using var directory = new TemporaryDirectory();
        string source = await server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(source, "CREATE TABLE a (x int); INSERT INTO a SELECT generate_series(1, 10)");
        string data = "file:" + directory.Below("data");
        var result = await CliProcess.RunAsync("copy", source, data, "--database", "here");
        Assert.Equal((0, "", "copied 1 tables with 10 rows and 0 large objects; counts and checksums are equal\n"), (result.ExitCode, result.Error, result.Output));
        var back = await CliProcess.RunAsync("copy", data, await server.CreateDatabaseAsync(), "--from-database", "here", "--pg-dump", PgDump);
        Assert.Equal((0, "", result.Output), (back.ExitCode, back.Error, back.Output));
        var served = await CliProcess.RunAsync("sql", data, "--database", "here", "-c", "SELECT 1");
        Assert.Equal(0, served.ExitCode);
        Assert.StartsWith("pocketgres: the database here of this directory was copied to postgres://", served.Error, StringComparison.Ordinal);
        Assert.Contains("remove " + directory.Below("data/pocketgres.copied"), served.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await CliProcess.RunAsync("copy", "s3://bucket/none", source)).ExitCode);
        var none = await CliProcess.RunAsync("copy", "file:" + directory.Below("none"), source);
        Assert.Equal(2, none.ExitCode);
        Assert.False(Path.Exists(directory.Below("none")));
    }

    private static string PgDump => Path.Combine(NativePrograms.Directory, "pg_dump");

    private static Task<DatabaseCopyReport> CopyAsync(
        string source, string target, DatabaseCopyOptions? options = null, IProgress<DatabaseCopyProgress>? progress = null, CancellationToken cancellationToken = default) =>
        DatabaseCopy.RunAsync(
            ConnectionUri.Parse(source).ConnectionString, ConnectionUri.Parse(target).ConnectionString,
            options ?? new DatabaseCopyOptions(), progress, cancellationToken);

    private static async Task RunScriptAsync(string url, string script)
    {
        await using var connection = await MemoryServer.OpenAsync(url);
        foreach (var statement in SqlScript.Split(script))
        {
            await connection.ExecuteAsync(statement.Text, CancellationToken.None);
        }
    }

    // Without owners and grants, which a copy leaves behind, and what is the dump's own.
    private static async Task<string> DumpAsync(string url, params string[] options)
    {
        string[] what = options.Length > 0 ? options : ["--no-owner", "--no-privileges", "--no-publications"];
        using var process = Process.Start(new ProcessStartInfo(PgDump, [.. what, "--dbname", url]) { RedirectStandardOutput = true })!;
        string text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return string.Join('\n', text.Split('\n').Where(l => !l.StartsWith("\\restrict", StringComparison.Ordinal) && !l.StartsWith("\\unrestrict", StringComparison.Ordinal)));
    }

    /// <summary>Does something once, when a step is done.</summary>
    private sealed class Acting(Func<DatabaseCopyProgress, bool> when, Action act) : IProgress<DatabaseCopyProgress>
    {
        private int _done;

        public void Report(DatabaseCopyProgress value)
        {
            if (when(value) && Interlocked.Exchange(ref _done, 1) == 0)
            {
                act();
            }
        }
    }
}
