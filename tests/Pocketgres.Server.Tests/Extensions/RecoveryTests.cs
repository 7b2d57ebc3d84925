using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>Every extension that is shipped: what its script made is there after the server was killed, from the write-ahead log alone.</summary>
public class RecoveryTests
{
    // Scripts about the log or the buffers themselves leave nothing behind; each of the others has tables, indexes, types, functions.
    static string Scripts => Path.Combine(Workspace.ClientScripts, "sql", "extensions");

    [Fact]
    public async Task Everything_survives_a_kill()
    {
        using var directory = new TemporaryDirectory();
        // A SIGKILL takes nothing that was written from the host's page cache, so that fsync adds nothing here but the 24,000 calls for 50 databases that
        // the restart waits for: minutes on a slow disk.
        var options = new ServerOptions
        {
            DataDirectory = directory.Combine("data"),
            Settings = new Dictionary<string, string>
            {
                ["shared_preload_libraries"] = "pg_stat_statements,pgaudit,set_user", ["checkpoint_timeout"] = "1h", ["autovacuum"] = "off", ["fsync"] = "off",
            },
        };
        (string Database, string Script)[] scripts = [.. ContribTests.ScriptNames.Select(n => (n, n + ".sql"))
            .Concat(OtherTests.ScriptNames.Select(n => (n, Path.Combine("other", n + ".sql"))))
            .Select(s => ("cut_" + s.n.Replace('-', '_'), Path.Combine(Scripts, s.Item2)))];
        var before = new Dictionary<string, string>();
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection administrator = await server.OpenAsync();
            await administrator.ExecuteAsync("checkpoint");
            foreach ((string database, string script) in scripts)
            {
                await administrator.ExecuteAsync($"create database {database} strategy wal_log");
                ToolResult result = await server.RunAsync("psql", ["-X", "-q", "-f", script], database);
                Assert.True(result.ExitCode == 0, $"{script}: {result.Error}");
                before[database] = await StateAsync(server, database);
            }

            // So that what is in doubt is everything the scripts did, and nothing is in the data files yet that the log has not.
            await administrator.ExecuteAsync("create table last (); select pg_switch_wal()");
            await server.KillAsync();
        }

        await using TestServer restarted = await TestServer.StartAsync(options);
        foreach ((string database, _) in scripts)
        {
            Assert.Equal(before[database], await StateAsync(restarted, database));
            await using NpgsqlConnection session = await restarted.OpenAsync(database);
            await session.ExecuteAsync("set client_min_messages = error; create extension if not exists amcheck");
            await session.ExecuteAsync("select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = relam where amname = 'btree' and relkind = 'i' and relpersistence = 'p'");
            await session.ExecuteAsync("select gin_index_check(c.oid) from pg_class c join pg_am a on a.oid = relam where amname = 'gin' and relkind = 'i' and relpersistence = 'p'");
        }

        Assert.True(before.Count > 45);
    }

    // Extensions, relations with their definitions, and for each table and materialised view the number of rows and a hash of them.
    static async Task<string> StateAsync(TestServer server, string database)
    {
        await using NpgsqlConnection session = await server.OpenAsync(database);
        List<string> state = await session.ColumnAsync<string>("select 'extension ' || extname || ' ' || extversion from pg_extension order by 1");
        state.AddRange(await session.ColumnAsync<string>("""
            select relkind::text || ' ' || c.oid::regclass || coalesce(' ' || case when relkind = 'i' then pg_get_indexdef(c.oid) end, '') from pg_class c
            where c.oid >= 16384 and relpersistence = 'p' and relnamespace <> 'pg_toast'::regnamespace order by 1
            """));
        foreach (string table in await session.ColumnAsync<string>(
            "select oid::regclass::text from pg_class where oid >= 16384 and relpersistence = 'p' and relkind in ('r', 'm') order by 1"))
        {
            state.Add(table + " " + await session.ScalarAsync<string>($"select count(*) || ' ' || coalesce(sum(hashtext(t::text)), 0) from {table} t"));
        }

        return string.Join('\n', state);
    }
}
