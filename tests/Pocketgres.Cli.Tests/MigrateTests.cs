using Pocketgres.Cli.Tests.Support;
using Pocketgres.Migrations;

namespace Pocketgres.Cli.Tests;

/// <summary>Folders of each tool's shape: applied, applied again, changed, interrupted.</summary>
public sealed class MigrateTests(MemoryServer server) : IClassFixture<MemoryServer>, IDisposable
{
    private const string One = "CREATE TABLE a (id int PRIMARY KEY);\nCREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT count(*)::int FROM a; END;\n";
    private const string Two = "INSERT INTO a VALUES (1), (2);\nSELECT set_config('search_path', '', false);\n";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("prisma", "SELECT migration_name || ' ' || checksum || ' ' || (finished_at >= started_at) FROM _prisma_migrations ORDER BY 1")]
    [InlineData("drizzle", "SELECT created_at || ' ' || hash FROM drizzle.__drizzle_migrations ORDER BY id")]
    [InlineData("knex", "SELECT name || ' ' || batch FROM knex_migrations ORDER BY id")]
    [InlineData("flyway", "SELECT installed_rank || ' ' || version || ' ' || description || ' ' || script || ' ' || checksum || ' ' || success FROM flyway_schema_history ORDER BY installed_rank")]
    [InlineData("dbmate", "SELECT version FROM schema_migrations ORDER BY 1")]
    [InlineData("golang-migrate", "SELECT version || ' ' || dirty FROM schema_migrations")]
    [InlineData("goose", "SELECT version_id || ' ' || is_applied FROM goose_db_version ORDER BY id")]
    [InlineData("sql", "SELECT name FROM pocketgres.migrations WHERE finished_at IS NOT NULL ORDER BY 1")]
    public async Task Each_tools_folder_is_applied_once_and_noted_as_the_tool_does(string tool, string query)
    {
        string url = await server.CreateDatabaseAsync();
        var (files, expected) = Shape(tool);
        Write(files);

        var dry = await MigrateAsync(url, new MigrateOptions { DryRun = true });
        Assert.Equal(2, dry.Applied.Count);
        Assert.Equal(["0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_|information_schema'"));

        var report = await MigrateAsync(url);
        Assert.Equal(tool, report.Tool);
        Assert.Equal(dry.Applied, report.Applied);
        Assert.Equal(expected, await MemoryServer.QueryAsync(url, query));
        Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT f()"));

        var again = await MigrateAsync(url);
        Assert.Empty(again.Applied);
        Assert.Equal(2, again.AlreadyApplied);

        // What the tool itself has applied is taken over.
        await MemoryServer.ExecuteAsync(url, tool == "sql" ? "SELECT 1" : "DROP SCHEMA pocketgres CASCADE");
        Assert.Empty((await MigrateAsync(url)).Applied);

        string changed = files.Keys.Last(f => f.EndsWith(".sql", StringComparison.Ordinal) || f.EndsWith(".js", StringComparison.Ordinal));
        _directory.Write(changed, files[changed].Replace("(2)", "(3)", StringComparison.Ordinal));
        var e = await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url));
        Assert.Equal(MigrationError.Changed, e.Error);
        Assert.Contains(changed.Split('/')[^1], e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rails_structure_with_a_dumps_copy_and_settings()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("db/structure.sql", "\\restrict x\nSET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n" +
            "CREATE TABLE public.schema_migrations (version character varying NOT NULL);\nCOPY public.schema_migrations (version) FROM stdin;\n1;\n2\n\\.\n\n" +
            "\\unrestrict x\nSET search_path TO \"$user\", public;\nINSERT INTO \"schema_migrations\" (version) VALUES ('20260101000000');\n");
        Assert.Equal("rails", (await MigrateAsync(url)).Tool);
        Assert.Equal(["1;", "2", "20260101000000"], await MemoryServer.QueryAsync(url, "SELECT version FROM schema_migrations ORDER BY 1"));
        Assert.Empty((await MigrateAsync(url)).Applied);
    }

    [Fact]
    public async Task A_failed_migration_leaves_nothing_and_those_before_it_stay()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", One);
        _directory.Write("2.sql", "INSERT INTO a VALUES (1);\n\nINSERT INTO nowhere VALUES (1);\n");
        var e = await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url));
        Assert.Equal(MigrationError.StatementFailed, e.Error);
        Assert.Contains("2.sql:3: 42P01: relation \"nowhere\" does not exist", e.Message, StringComparison.Ordinal);
        Assert.Equal(["0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM a"));
        _directory.Write("2.sql", "INSERT INTO a VALUES (1);\n");
        Assert.Equal(["2.sql"], (await MigrateAsync(url)).Applied);
    }

    [Fact]
    public async Task What_cannot_be_in_a_transaction_goes_on_where_it_was()
    {
        string url = await server.CreateDatabaseAsync();
        const string Script = "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY \"T_a\" ON t (a);\nINSERT INTO t VALUES (2);\n";
        _directory.Write("1.sql", Script);
        var e = await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url));
        Assert.Contains("1.sql:3: 23505", e.Message, StringComparison.Ordinal);

        // No invalid index is left, and what was done stays done.
        Assert.Equal(["0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
        await MemoryServer.ExecuteAsync(url, "DELETE FROM t");
        Assert.Equal(["1.sql"], (await MigrateAsync(url)).Applied);
        Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT a FROM t"));
        Assert.Equal(["t"], await MemoryServer.QueryAsync(url, "SELECT CASE WHEN indisvalid THEN 't' END FROM pg_index WHERE indexrelid = '\"T_a\"'::regclass"));
    }

    [Fact]
    public async Task A_step_that_was_begun_and_not_noted_is_looked_at()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", "CREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY t_a ON t (a);\nDROP TABLE IF EXISTS nothing;\n");
        await MigrateAsync(url);
        await MemoryServer.ExecuteAsync(url, "UPDATE pocketgres.migrations SET finished_at = NULL, steps_done = 1, step_began = true");
        Assert.Equal(["1.sql"], (await MigrateAsync(url)).Applied);
        await MemoryServer.ExecuteAsync(url,
            "UPDATE pocketgres.migrations SET finished_at = NULL, steps_done = 1, step_began = true; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass");
        Assert.Equal(["1.sql"], (await MigrateAsync(url)).Applied);
        Assert.Equal(["True"], await MemoryServer.QueryAsync(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"));
    }

    [Theory]
    [InlineData("-- migrate:up\nCREATE TABLE big (a int);\nINSERT INTO big SELECT 1;\nSELECT pg_sleep(600);\n-- migrate:down\n", 0)]
    [InlineData("-- migrate:up transaction:false\nCREATE TABLE big (a int);\nINSERT INTO big SELECT 1;\nSELECT pg_sleep(600);\n-- migrate:down\n", 1)]
    public async Task Kill_9_in_the_middle_and_a_second_run(string script, int rows)
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("20260101_a.sql", "-- migrate:up\n" + One);
        string path = _directory.Write("20260102_b.sql", script);
        using (var migrate = CliProcess.Start("migrate", _directory.Path, url))
        {
            while ((await MemoryServer.QueryAsync(url, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'")).Count == 0)
            {
                await Task.Delay(20);
            }

            migrate.Kill();
        }

        await MemoryServer.ExecuteAsync(url, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        Assert.Equal([rows > 0 ? "1" : "0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM pg_class WHERE relname = 'big'"));

        // The journal does not forbid to mend what was never applied; what is half applied must stay as it was.
        await File.WriteAllTextAsync(path, script.Replace("600", "0", StringComparison.Ordinal));
        var second = await CliProcess.RunAsync("migrate", _directory.Path, url);
        if (rows == 0)
        {
            Assert.Equal((0, "applied 20260102_b.sql\ndbmate: applied 1, 1 were there\n"), (second.ExitCode, second.Output));
            Assert.Equal(["1"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM big"));
        }
        else
        {
            Assert.Equal(1, second.ExitCode);
            Assert.Contains("has changed since it was begun", second.Error, StringComparison.Ordinal);
            Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT steps_done FROM pocketgres.migrations WHERE finished_at IS NULL"));
        }
    }

    [Fact]
    public async Task Two_at_once_apply_each_migration_once()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", "CREATE TABLE a (x int);");
        _directory.Write("2.sql", "INSERT INTO a VALUES (1);");
        var reports = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => MigrateAsync(url)));
        Assert.Equal(2, reports.Sum(r => r.Applied.Count));
        Assert.Equal(["1"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM a"));
    }

    [Fact]
    public async Task Flyways_repeatable_migrations_order_and_placeholders()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("V10__ten.sql", "INSERT INTO a VALUES (10);");
        _directory.Write("V9.1__nine.sql", "CREATE TABLE ${table} (x int);");
        _directory.Write("views/R__v.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x;");
        Assert.Contains("--set table=", (await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url))).Message, StringComparison.Ordinal);
        var options = new MigrateOptions { Placeholders = new Dictionary<string, string> { ["table"] = "a" } };
        Assert.Equal(["V9.1__nine.sql", "V10__ten.sql", "views/R__v.sql"], (await MigrateAsync(url, options)).Applied);
        _directory.Write("views/R__v.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS x;");
        Assert.Equal(["views/R__v.sql"], (await MigrateAsync(url, options)).Applied);
        Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT x FROM v"));
        _directory.Write("V9.2__late.sql", "SELECT 1;");
        Assert.Equal(MigrationError.History, (await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url, options))).Error);
    }

    [Fact]
    public async Task Flyways_callbacks_are_run_and_after_a_kill_before_the_last_of_them_once_more()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("beforeMigrate.sql", "CREATE SEQUENCE IF NOT EXISTS runs; SELECT nextval('runs');");
        _directory.Write("V1__a.sql", "CREATE TABLE a (x int);");
        _directory.Write("views/afterMigrateApplied__1_drop.sql", "DROP VIEW IF EXISTS v;");
        _directory.Write("views/afterMigrateApplied__2_view.sql", "CREATE VIEW v AS SELECT count(*), ${number} FROM a;");
        _directory.Write("afterMigrate__rows.sql", "INSERT INTO a VALUES (1);");
        _directory.Write("afterClean.sql", "SELECT 1/0;");
        var options = new MigrateOptions { Placeholders = new Dictionary<string, string> { ["number"] = "5" } };
        Assert.Equal(["V1__a.sql"], (await MigrateAsync(url, options)).Applied);
        Assert.Equal(["1"], await MemoryServer.QueryAsync(url, "SELECT count FROM v"));

        await MemoryServer.ExecuteAsync(url, "DROP VIEW v");
        var again = await MigrateAsync(url, options);
        Assert.Equal((0, 0), (again.Applied.Count, again.Missing.Count));
        Assert.Equal(["2", "2", ""], [.. await MemoryServer.QueryAsync(url, "SELECT count(*) FROM a"), .. await MemoryServer.QueryAsync(url, "SELECT last_value FROM runs"),
            .. await MemoryServer.QueryAsync(url, "SELECT coalesce(to_regclass('v')::text, '')")]);

        await MemoryServer.ExecuteAsync(url, "UPDATE pocketgres.migrations SET finished_at = NULL WHERE name LIKE '%2_view.sql'");
        await MigrateAsync(url, options);
        Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT count(*) - 1 FROM a WHERE EXISTS (SELECT FROM v)"));
        _directory.Write("beforeEachMigrate.sql", "SELECT 1;");
        Assert.Contains("beforeEachMigrate.sql is a callback", (await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url, options))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_extension_that_was_not_made_is_asked_for_when_its_function_is_not_found()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", "CREATE TABLE a (id uuid DEFAULT uuid_generate_v4());");
        Assert.Contains("CREATE EXTENSION \"uuid-ossp\"", (await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SELECT pg_terminate_backend(pg_backend_pid());")]
    [InlineData("CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nCREATE FUNCTION f(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT pg_terminate_backend(pg_backend_pid())';\nCREATE INDEX CONCURRENTLY i ON a (f(x));")]
    public async Task A_connection_that_the_server_ends_is_said_in_one_line(string script)
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", script);
        var result = await CliProcess.RunAsync("migrate", _directory.Path, url);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("terminating connection", result.Error, StringComparison.Ordinal);
        Assert.Contains("the server has ended the connection", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task Programs_among_the_scripts_are_not_left_out()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1_a.sql", "-- +goose Up\nCREATE TABLE a (x int);");
        _directory.Write("2_b.go", "package migrations");
        _directory.Write("main_test.go", "package migrations");
        var e = await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url));
        Assert.Equal(MigrationError.NotRecognized, e.Error);
        Assert.Contains("(2_b.go)", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_extension_that_is_not_there_is_said_before_anything_runs()
    {
        string url = await server.CreateDatabaseAsync();
        _directory.Write("1.sql", One);
        _directory.Write("2.sql", "\nCREATE EXTENSION IF NOT EXISTS timescaledb;");
        var e = await Assert.ThrowsAsync<MigrationException>(() => MigrateAsync(url));
        Assert.Equal(MigrationError.ExtensionMissing, e.Error);
        Assert.Contains("timescaledb (", e.Message, StringComparison.Ordinal);
        Assert.Contains("2.sql:2", e.Message, StringComparison.Ordinal);
        Assert.Equal(["0"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'migrations')"));
    }

    [Theory]
    [InlineData("no/such", "x", "no migrations of a known tool")]
    [InlineData("db/migrate/1_a.rb", "class A", "programs (1_a.rb)")]
    [InlineData("1_a.js", "exports.up = knex => knex.schema.createTable('x', t => t.increments())", "npx knex")]
    [InlineData("1.sql", "SELECT 'a", "1.sql:1: a quote ' has no end")]
    [InlineData("1.sql", "\\i other.sql\n", "command of psql")]
    [InlineData("meta/_journal.json", "{\"dialect\":\"sqlite\",\"entries\":[]}", "sqlite")]
    public async Task Folders_that_cannot_be_run(string file, string text, string expected)
    {
        _directory.Write(file, text);
        var result = await CliProcess.RunAsync("migrate", _directory.Path, "memory:");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    private static (Dictionary<string, string> Files, string[] Expected) Shape(string tool)
    {
        string one = Migration.Hash(System.Text.Encoding.UTF8.GetBytes(One)), two = Migration.Hash(System.Text.Encoding.UTF8.GetBytes(Two));
        return tool switch
        {
            "prisma" => (new() { ["prisma/migrations/1_a/migration.sql"] = One, ["prisma/migrations/2_b/migration.sql"] = Two, ["prisma/migrations/migration_lock.toml"] = "" },
                [$"1_a {one} true", $"2_b {two} true"]),
            "drizzle" => (new()
            {
                ["drizzle/meta/_journal.json"] = """{"dialect":"postgresql","entries":[{"idx":0,"when":1700000000001,"tag":"0000_a"},{"idx":1,"when":1700000000002,"tag":"0001_b"}]}""",
                ["drizzle/0000_a.sql"] = One,
                ["drizzle/0001_b.sql"] = Two,
            }, [$"1700000000001 {one}", $"1700000000002 {two}"]),
            "knex" => (new()
            {
                ["20260101_a.js"] = "exports.up = async function (knex) {\n  // why\n  await knex.raw(`" + One + "`);\n};\nexports.down = () => {};",
                ["20260102_b.js"] = "exports.up = (knex) => knex.schema.raw(\"" + Two.Split('\n')[0] + "\").raw('SELECT 1')\nexports.down = () => {}",
            }, ["20260101_a.js 1", "20260102_b.js 2"]),

            // The checksums are those of Flyway: zlib's crc32 over the lines.
            "flyway" => (new() { ["U2__b_c.sql"] = "x", ["V1__a.sql"] = One, ["V2__b_c.sql"] = Two }, ["1 1 a V1__a.sql " + FlywayOne + " true", "2 2 b c V2__b_c.sql " + FlywayTwo + " true"]),
            "dbmate" => (new() { ["1_a.sql"] = "-- migrate:up\n" + One + "-- migrate:down\nDROP TABLE a;", ["2_b.sql"] = "-- migrate:up\n" + Two + "-- migrate:down\n" }, ["1", "2"]),
            "golang-migrate" => (new() { ["000001_a.down.sql"] = "x", ["000001_a.up.sql"] = One, ["000002_b.up.sql"] = Two }, ["2 false"]),
            "goose" => (new() { ["0001_a.sql"] = "-- +goose Up\n-- +goose StatementBegin\n" + One + "-- +goose StatementEnd\n-- +goose Down\nDROP TABLE a;", ["0002_b.sql"] = "-- +goose Up\n" + Two },
                ["0 true", "1 true", "2 true"]),
            _ => (new() { ["20260101_a/up.sql"] = One, ["20260101_a/down.sql"] = "x", ["beside.sql"] = "x", ["2026-01-02_b/up.sql"] = Two }, ["2026-01-02_b/up.sql", "20260101_a/up.sql"]),
        };
    }

    private const string FlywayOne = "2130720654", FlywayTwo = "1020161561";

    private void Write(Dictionary<string, string> files)
    {
        foreach (var (name, text) in files)
        {
            _directory.Write(name, text);
        }
    }

    private async Task<MigrationReport> MigrateAsync(string url, MigrateOptions? options = null)
    {
        await using var connection = await MemoryServer.OpenAsync(url);
        return await MigrationRunner.RunAsync(connection, _directory.Path, options ?? new MigrateOptions(), null, default);
    }
}
