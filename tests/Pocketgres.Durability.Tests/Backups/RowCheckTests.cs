using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Backups;

/// <summary>What `pocketgres check` finds by amcheck alone: all checksums are right.</summary>
public partial class RowCheckTests
{
    [Fact]
    public async Task It_finds_what_checksums_do_not_show_and_changes_nothing()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), temporary = Directory.CreateDirectory(directory.Combine("tmp")).FullName;
        Dictionary<string, string> paths = await FillAsync(data);
        Dictionary<string, string> before = Fingerprint(data);

        ToolResult intact = (await CheckAsync(temporary, data)).Succeeded();
        Match verdict = Verdict.Match(intact.Output);
        Assert.True(verdict.Success, intact.Output);

        // template0, template1, postgres and shop, each with a few dozen catalogues.
        Assert.Equal("4", verdict.Groups["databases"].Value);
        Assert.InRange(int.Parse(verdict.Groups["tables"].Value, CultureInfo.InvariantCulture), 4 * 60, 4 * 200);
        Assert.InRange(int.Parse(verdict.Groups["indexes"].Value, CultureInfo.InvariantCulture), 4 * 100, 4 * 300);
        Assert.Equal(before, Fingerprint(data));
        (await CheckAsync(temporary, "--parent-check", data)).Succeeded();

        Pages.Change(paths["ordered"], 1, page => Pages.SwapItems(page, 5));
        Pages.Change(paths["rows"], 3, page => Pages.SetXmin(page, 5, 100_000_000));
        Pages.Change(paths["values"], 2, page => Pages.SetFirstInteger(page, 7, 999_999));
        Pages.Change(paths["words_gin"], 1, page => Pages.SwapItems(page, 1));
        Pages.Change(paths["scratch"], 0, page => Pages.SetXmin(page, 2, 100_000_001));
        before = Fingerprint(data);

        // PostgreSQL's own check of the files and ours see nothing.
        (await Tool.RunAsync(Workspace.Pg18("pg_checksums"), ["--check", "-D", data])).Succeeded();
        (await CheckAsync(temporary, "--files-only", data)).Succeeded();

        ToolResult damaged = await CheckAsync(temporary, data);
        Assert.Equal(6, damaged.ExitCode);
        string[] lines = damaged.Output.TrimEnd().Split('\n');
        Assert.Contains("database \"shop\": index public.ordered_i_idx of table public.ordered: item order invariant violated", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"shop\": table public.rows: block 3, offset 5: xmin 100000000 equals or exceeds next valid transaction ID", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"shop\": index public.values_i_idx of table public.\"values\": heap tuple (2,7) from table \"values\" lacks matching index tuple", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"shop\": index public.words_gin of table public.words: ", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"shop\": table public.scratch: block 0, offset 2: xmin 100000001 equals or exceeds next valid transaction ID", damaged.Output, StringComparison.Ordinal);
        Assert.Equal(6, lines.Length);
        Assert.StartsWith("damaged: 5 problems, ", lines[^1], StringComparison.Ordinal);
        ToolResult thorough = await CheckAsync(temporary, "--parent-check", data);
        Assert.Equal(6, thorough.ExitCode);
        Assert.Contains("damaged: 5 problems, ", thorough.Output, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint(data));
        Assert.Empty(Directory.GetFileSystemEntries(temporary));
    }

    [Fact]
    public async Task What_the_log_repairs_is_no_damage_and_what_it_does_not_is()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), logged, old;
        await using (EmbeddedServer server = await StartAsync(data))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table old as select i from generate_series(1, 2000) i; checkpoint");
            await session.ExecuteAsync("create table logged as select i, repeat('x', 500) v from generate_series(1, 500) i; select pg_switch_wal(); checkpoint");
            await session.ExecuteAsync("update logged set v = repeat('y', 500) where i <= 20");
            logged = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('logged')"));
            old = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('old')"));
            await server.KillAsync();
        }

        // A torn write of a page that was changed since the last checkpoint: its full image is in the log.
        Damage.Flip(logged, 5000);
        Dictionary<string, string> before = Fingerprint(data);
        ToolResult files = await CheckAsync(directory.Path, "--files-only", data);
        Assert.Equal(7, files.ExitCode);
        ToolResult intact = (await CheckAsync(directory.Path, data)).Succeeded();
        Assert.Contains("; the server was not stopped cleanly, this is what recovery at the next start will make of it", intact.Output, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint(data));

        // A page that nobody has touched: recovery does not look at it.
        Damage.Flip(old, 5000);
        ToolResult damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains($"{Path.GetRelativePath(data, old)}: block 0: checksum", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"postgres\": table public.old: invalid page in block 0", damaged.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("logged", damaged.Output, StringComparison.Ordinal);

        // The start does what the check foretold.
        await using EmbeddedServer again = await StartAsync(data);
        await using NpgsqlConnection check = await again.OpenAsync();
        Assert.Equal(20, await check.ScalarAsync<long>("select count(*) from logged where v = repeat('y', 500)"));
        PostgresException error = await Assert.ThrowsAsync<PostgresException>(() => check.ExecuteAsync("select count(*) from old"));
        Assert.Equal("XX001", error.SqlState);
    }

    [Fact]
    public async Task Settings_that_hide_damage_or_keep_everybody_out_do_not_matter()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), space = Directory.CreateDirectory(directory.Combine("space")).FullName, path;
        await using (EmbeddedServer server = await StartAsync(data))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create extension amcheck version '1.4'"); // not the newest: without GIN
            await session.ExecuteAsync($"create tablespace elsewhere location '{space}'");
            await session.ExecuteAsync("""
                create table t tablespace elsewhere as select i, array[i] a from generate_series(1, 1000) i;
                create index t_gin on t using gin (a);
                create function refuse() returns event_trigger language plpgsql as 'begin raise exception ''no''; end';
                """);
            await session.ExecuteAsync("create event trigger refuse on ddl_command_start execute function refuse()");
            await session.ExecuteAsync("create event trigger refuse_login on login execute function refuse()");
            await session.ExecuteAsync("alter role postgres set default_transaction_read_only = on");
            await session.ExecuteAsync("alter database postgres set zero_damaged_pages = on");
            await session.ExecuteAsync("alter database postgres set ignore_checksum_failure = on");
            await session.ExecuteAsync("alter role postgres set statement_timeout = '1ms'");
            path = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('t')"));
            await server.Cluster.StopAsync();
        }

        await File.WriteAllTextAsync(Path.Combine(data, "pg_hba.conf"), "local all all reject\nhost all all all reject\n");
        await File.AppendAllTextAsync(Path.Combine(data, "postgresql.conf"), "shared_preload_libraries = 'missing'\nzero_damaged_pages = on\narchive_mode = on\narchive_command = 'touch stolen'\n");
        await File.WriteAllTextAsync(Path.Combine(data, "standby.signal"), "");
        Dictionary<string, string> before = Fingerprint(directory.Path);
        (await CheckAsync(directory.Path, data)).Succeeded();
        Assert.Equal(before, Fingerprint(directory.Path));
        Damage.Flip(path, 5000);
        before = Fingerprint(directory.Path);
        ToolResult damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains("database \"postgres\": table public.t: invalid page in block 0", damaged.Output, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint(directory.Path));
    }

    [Fact]
    public async Task Missing_files_are_damage()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), path;
        await using (EmbeddedServer server = await StartAsync(data))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t as select 1 i; create table u (i int primary key)");
            path = await session.ScalarAsync<string>("select pg_relation_filepath('t')");
            await server.Cluster.StopAsync();
        }

        File.Delete(Path.Combine(data, path));
        (await CheckAsync(directory.Path, "--files-only", data)).Succeeded();
        ToolResult damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.StartsWith($"database \"postgres\": table public.t: could not open file \"{path}\": No such file or directory\ndamaged: 1 problem, ", damaged.Output, StringComparison.Ordinal);

        // The commit log.
        File.Delete(Path.Combine(data, "pg_xact/0000"));
        damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains("pg_xact/0000", damaged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_cannot_be_opened_keeps_no_other_from_being_checked()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        Dictionary<string, string> paths = await FillAsync(data);
        Pages.Change(paths["ordered"], 1, page => Pages.SwapItems(page, 5));
        File.Delete(Path.Combine(data, "base/5/1259")); // pg_class of postgres
        ToolResult damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains("database \"postgres\": could not open file \"base/5/1259\"", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("database \"shop\": index public.ordered_i_idx of table public.ordered: item order invariant", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("damaged: 2 problems, ", damaged.Output, StringComparison.Ordinal);
        Assert.Contains(" in 3 databases: restore a backup", damaged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_checked_leaves_it_undecided()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using (EmbeddedServer server = await StartAsync(data))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("""
                create function f(i int) returns int immutable language sql as 'select 10 / i';
                create function die(i int) returns int immutable language plpgsql as 'begin return i; end';
                create table t as select 1 i;
                create index t_die on t (die(i));
                create index t_f on t (f(i));
                create or replace function f(i int) returns int immutable language sql as 'select 10 / (i - 1)';
                create or replace function die(i int) returns int immutable language plpgsql as 'begin perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); return i; end'
                """);
            await server.Cluster.StopAsync();
        }

        ToolResult undecided = await CheckAsync(directory.Path, data);
        Assert.Equal(7, undecided.ExitCode);
        Assert.Contains("not checked: database \"postgres\": index public.t_f of table public.t: division by zero [22012]", undecided.Output, StringComparison.Ordinal);
        Assert.Contains("not checked: database \"postgres\": index public.t_die of table public.t: terminating connection due to administrator command [57P01]", undecided.Output, StringComparison.Ordinal);
        Assert.Contains("\nundecided: 0 problems, ", undecided.Output, StringComparison.Ordinal);

        await File.AppendAllTextAsync(Path.Combine(data, "postgresql.conf"), "no_such_setting = 1\n");
        undecided = await CheckAsync(directory.Path, data);
        Assert.Equal(7, undecided.ExitCode);
        Assert.Contains("not checked: no server starts on the directory: FATAL: ", undecided.Output, StringComparison.Ordinal);
        (await CheckAsync(directory.Path, "--files-only", data)).Succeeded();
        Assert.Equal(2, (await CheckAsync(directory.Path, "--files-only", "--parent-check", data)).ExitCode);

        // What the log says is lost: a missing segment.
        await File.WriteAllTextAsync(Path.Combine(data, "postgresql.conf"), "");
        foreach (string segment in Directory.GetFiles(Path.Combine(data, "pg_wal")))
        {
            File.Delete(segment);
        }

        ToolResult damaged = await CheckAsync(directory.Path, data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains("no server starts on the directory: ", damaged.Output, StringComparison.Ordinal);
        Assert.Contains("could not locate a valid checkpoint record", damaged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standbys_and_backups_are_checked_as_far_as_their_log_goes()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), backup = directory.Combine("backup"), bare = directory.Combine("bare");
        await using (CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t as select i from generate_series(1, 1000) i; create index on t (i)");
            (await server.RunAsync("pg_basebackup", ["-D", backup, "-X", "stream", "-c", "fast", "-R"])).Succeeded();
            (await server.RunAsync("pg_basebackup", ["-D", bare, "-X", "none", "-c", "fast"])).Succeeded();
            ToolResult fresh = (await CheckAsync(directory.Path, backup)).Succeeded();
            Assert.Contains("; it is a backup that was not started yet, this is what", fresh.Output, StringComparison.Ordinal);
            await using (CliServer standby = await CliServer.StartAsync(["serve", "file:" + backup, "--port", "0"]))
            {
                await session.ExecuteAsync("insert into t select i from generate_series(1, 5000) i");
                string end = await session.ScalarAsync<string>("select pg_current_wal_insert_lsn()::text");
                await using NpgsqlConnection reader = await standby.OpenAsync();
                await Wait.UntilAsync(() => reader.ScalarAsync<bool>($"select pg_last_wal_replay_lsn() >= '{end}'"), "the standby has it all");
                await reader.CloseAsync();
                Assert.Equal(0, await standby.StopAsync());
            }

            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        Dictionary<string, string> before = Fingerprint(directory.Path);
        (await CheckAsync(directory.Path, backup)).Succeeded();
        ToolResult needs = await CheckAsync(directory.Path, bare);
        Assert.True(needs.ExitCode == 7, needs.Output);
        Assert.Contains("not checked: tables and indexes: a standby or backup that does not start from what is in it: ", needs.Output, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint(directory.Path));

        // Pages that are newer than the log.
        string control = Path.Combine(data, "global/pg_control");
        byte[] bytes = await File.ReadAllBytesAsync(control);
        BitConverter.TryWriteBytes(bytes.AsSpan(136), 0x12_00ABCDEFUL);
        BitConverter.TryWriteBytes(bytes.AsSpan(144), 1); // its timeline
        BitConverter.TryWriteBytes(bytes.AsSpan(292), Crc32C.Compute(bytes.AsSpan(0, 292)));
        await File.WriteAllBytesAsync(control, bytes);
        needs = await CheckAsync(directory.Path, data);
        Assert.True(needs.ExitCode == 7, needs.Output);
        Assert.Contains("before 12/ABCDEF, which its pages need", needs.Output, StringComparison.Ordinal);
    }

    // Tables that damage does not spread between.
    static async Task<Dictionary<string, string>> FillAsync(string data)
    {
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        await using EmbeddedServer server = await StartAsync(data);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create database shop");
        }

        await using (var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "shop" }.ConnectionString))
        {
            await session.OpenAsync();
            await session.ExecuteAsync("""
                create table ordered as select i from generate_series(1, 3000) i;
                create index on ordered (i);
                create table rows as select i, repeat('x', 100) v from generate_series(1, 3000) i;
                create table "values" as select i, repeat('x', 100) v from generate_series(1, 3000) i;
                create index on "values" (i);
                create table words as select array['w' || i % 100, 'v' || i % 50] w from generate_series(1, 300) i;
                create index words_gin on words using gin (w);
                create table large as select i, (select string_agg(md5(i::text || k::text), '') from generate_series(1, 300) k) v from generate_series(1, 10) i;
                create unlogged table scratch as select i from generate_series(1, 10) i;
                create materialized view m as select count(*) from ordered;
                create sequence s
                """);
            foreach (string relation in (string[])["rows", "\"values\"", "words_gin", "scratch"])
            {
                paths[relation.Trim('"')] = Path.Combine(data, await session.ScalarAsync<string>($"select pg_relation_filepath('{relation}')"));
            }

            paths["ordered"] = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('ordered_i_idx')"));
        }

        await server.Cluster.StopAsync();
        return paths;
    }

    static Task<EmbeddedServer> StartAsync(string data) => EmbeddedServer.StartAsync(new ClusterOptions { DataDirectory = data, Port = 0 });

    static Task<ToolResult> CheckAsync(string temporary, params string[] arguments) => Tool.RunAsync(
        "dotnet", ["exec", CliServer.CliPath, "check", .. arguments], new Dictionary<string, string> { ["TMPDIR"] = temporary }, deadline: TimeSpan.FromMinutes(5));

    /// <summary>All there is, with contents and times of change.</summary>
    static Dictionary<string, string> Fingerprint(string directory) => Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).ToDictionary(
        p => Path.GetRelativePath(directory, p),
        p => string.Create(CultureInfo.InvariantCulture,
            $"{File.GetUnixFileMode(p)} {File.GetLastWriteTimeUtc(p):O} {(File.Exists(p) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(p))) : "directory")}"));

    [GeneratedRegex(@"^intact: [0-9]+ pages in [0-9]+ files, (?<tables>[0-9]+) tables and (?<indexes>[0-9]+) indexes in (?<databases>[0-9]+) databases\n$")]
    private static partial Regex Verdict { get; }
}
