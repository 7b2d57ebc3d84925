using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Backups;

/// <summary>`pocketgres check` on what PostgreSQL itself leaves behind: none of it is damage.</summary>
public class LeftoverTests
{
    const int PageSize = 8192;

    [Fact]
    public async Task What_belongs_to_nobody_is_no_damage()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), space = Directory.CreateDirectory(directory.Combine("space")).FullName;
        string table, map, gone, elsewhere;
        await using (EmbeddedServer server = await StartAsync(data, ("max_prepared_transactions", "3")))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync($"create tablespace elsewhere location '{space}'");
            await session.ExecuteAsync("create database away tablespace elsewhere");
            await session.ExecuteAsync("create database gone");
            await session.ExecuteAsync("create table t as select i from generate_series(1, 1000) i; create index on t (i); create table locked as select 1 i");
            await session.ExecuteAsync("vacuum t");
            table = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('t')"));
            map = await session.ScalarAsync<string>("select pg_relation_filepath('t') || '_fsm'");
            gone = await session.ScalarAsync<string>("select 'base/' || oid from pg_database where datname = 'gone'");
            await using (NpgsqlConnection away = await OpenAsync(server, "away"))
            {
                // The only thing of this database in the default tablespace: a directory without version and map.
                await away.ExecuteAsync("create table here tablespace pg_default as select 1 i");
                elsewhere = await away.ScalarAsync<string>("select pg_relation_filepath('pg_proc')");
            }

            // Found by the room they had, which a command line gave; one of them keeps even readers away.
            await session.ExecuteAsync("begin; insert into t values (0); prepare transaction 'reader'");
            await session.ExecuteAsync("begin; alter table locked add column j int; prepare transaction 'owner'");
            await session.ExecuteAsync("update pg_database set datconnlimit = -2 where datname = 'gone'"); // as DROP DATABASE begins
            await server.Cluster.StopAsync();
        }

        // An interrupted CREATE DATABASE: nothing, not much, and half of a page; and an interrupted DROP.
        Directory.CreateDirectory(Path.Combine(data, "base/77777"));
        Write(data, "base/77778/PG_VERSION", []);
        Write(data, "base/77778/pg_filenode.map", new byte[100]);
        Write(data, "base/77779/1259", Rubbish(PageSize / 2));
        File.Delete(Path.Combine(data, gone, "PG_VERSION"));

        // What a table's growth left: a part of a page, an empty page, an empty segment.
        using (var file = new FileStream(table, FileMode.Append))
        {
            file.Write(new byte[PageSize]);
            file.Write(Rubbish(PageSize / 3));
        }

        Write(data, Path.GetRelativePath(data, table) + ".1", []);
        Damage.Flip(Path.Combine(data, map), 5000);
        Write(data, "base/pgsql_tmp/pgsql_tmp123.0", Rubbish(100));
        Write(data, "base/5/t3_88888", Rubbish(PageSize));
        Write(data, "base/5/pg_internal.init", Rubbish(100));
        Write(data, "base/5/pg_filenode.map.tmp", Rubbish(100));
        Write(data, "global/pg_internal.init.77", Rubbish(100));
        Write(data, "backup_label.old", Rubbish(100));
        Write(data, "tablespace_map.old", Rubbish(100));
        Write(data, "pg_wal/000000010000000000000099.partial", Rubbish(100));
        Write(data, "pg_wal/xlogtemp.99", Rubbish(100));
        Write(data, "pg_stat/pgstat.tmp", Rubbish(100));
        Write(data, "postmaster.pid", "42\n"u8.ToArray());

        ToolResult files = await CliServer.RunToEndAsync("check", "--files-only", data);
        Assert.True(files.ExitCode == 7, files.Output);
        Assert.Contains("base/77777/PG_VERSION: missing: a database that cannot be opened, or what an interrupted CREATE or DROP DATABASE left", files.Output, StringComparison.Ordinal);
        Assert.Contains("base/77778/pg_filenode.map: damaged", files.Output, StringComparison.Ordinal);
        Assert.Matches(@"\nundecided: 4 problems, .*: check again without --files-only\n$", files.Output);

        // An interrupted CREATE TABLE, whose pages never came to the disk as they should; here and in a tablespace; a tablespace that was dropped.
        Write(data, "base/5/88888", Rubbish(PageSize));
        Write(data, "base/5/88888_init", Rubbish(PageSize));
        Write(data, Path.Combine(Path.GetDirectoryName(elsewhere)!, "88888.1"), Rubbish(PageSize));
        File.CreateSymbolicLink(Path.Combine(data, "pg_tblspc/77777"), directory.Combine("dropped"));
        ToolResult intact = (await CliServer.RunToEndAsync("check", data)).Succeeded();
        string[] lines = intact.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Contains($"note: {Path.GetRelativePath(data, table)}: the last {PageSize / 3} bytes are no whole page: what a full disk leaves of a page that was to be added", lines);
        Assert.Contains(lines, line => line.StartsWith($"note: {map}: block 0: checksum ", StringComparison.Ordinal));
        Assert.StartsWith("intact: ", lines[^1], StringComparison.Ordinal);
        Assert.EndsWith(" in 4 databases", lines[^1], StringComparison.Ordinal);

        // PostgreSQL thinks so too, but for the files that are nobody's.
        await using EmbeddedServer again = await StartAsync(data, ("max_prepared_transactions", "3"));
        await using NpgsqlConnection check = await again.OpenAsync();
        await check.ExecuteAsync("insert into t select i from generate_series(1, 1000) i");
        Assert.Equal(2000, await check.ScalarAsync<long>("select count(*) from t"));

        static void Write(string data, string name, byte[] bytes)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(data, name))!);
            File.WriteAllBytes(Path.Combine(data, name), bytes);
        }
    }

    [Fact]
    public async Task What_belongs_to_somebody_is()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), created;
        await using (EmbeddedServer server = await StartAsync(data, ("max_prepared_transactions", "3")))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("begin; create table created as select i from generate_series(1, 1000) i");
            created = Path.Combine(data, await session.ScalarAsync<string>("select pg_relation_filepath('created')"));
            await session.ExecuteAsync("prepare transaction 'unfinished'");
            await server.Cluster.StopAsync();
        }

        // A table that only a prepared transaction knows yet.
        Damage.Flip(created, 5000);
        ToolResult damaged = await CliServer.RunToEndAsync("check", data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains($"{Path.GetRelativePath(data, created)}: block 0: checksum ", damaged.Output, StringComparison.Ordinal);

        // A database that lacks what it cannot be opened without.
        File.Delete(Path.Combine(data, "base/5/PG_VERSION"));
        damaged = await CliServer.RunToEndAsync("check", data);
        Assert.Equal(6, damaged.ExitCode);
        Assert.Contains("base/5/PG_VERSION: missing: the database cannot be opened\n", damaged.Output, StringComparison.Ordinal);
        Assert.Contains($"{Path.GetRelativePath(data, created)}: block 0: checksum ", damaged.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file_copy")]
    [InlineData("wal_log")]
    public async Task A_kill_while_a_database_is_created_leaves_no_damage(string strategy)
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), bases = Path.Combine(data, "base");
        await using (EmbeddedServer server = await StartAsync(data))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            int before = Directory.GetDirectories(bases).Length;
            Task creation = session.ExecuteAsync($"create database shop strategy {strategy}");
            await Wait.UntilAsync(() => creation.IsCompleted || Directory.GetDirectories(bases).Length > before, "the database's directory");
            await server.KillAsync();
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => creation);
        }

        ToolResult intact = (await CliServer.RunToEndAsync("check", data)).Succeeded();
        Assert.Contains(" in 3 databases; the server was not stopped cleanly", intact.Output, StringComparison.Ordinal);
    }

    static byte[] Rubbish(int length) => [.. Enumerable.Repeat((byte)0xA5, length)];

    static Task<EmbeddedServer> StartAsync(string data, params (string Name, string Value)[] settings) => EmbeddedServer.StartAsync(
        new ClusterOptions { DataDirectory = data, Port = 0, Settings = settings.ToDictionary(s => s.Name, s => s.Value) });

    static async Task<NpgsqlConnection> OpenAsync(EmbeddedServer server, string database)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = database }.ConnectionString);
        await session.OpenAsync();
        return session;
    }
}
