using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>Every extension that is shipped: what its script made is there after the server was killed, from the write-ahead log alone.</summary>
public class RecoveryTests
{
    const string FixedKey = "--restrict-key=pocketgres";

    // Scripts about the log or the buffers themselves leave nothing behind; each of the others has tables, indexes, types, functions.
    static string Scripts => Path.Combine(Workspace.ClientScripts, "sql", "extensions");

    [Fact]
    public async Task Everything_survives_a_power_cut()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions
        {
            DataDirectory = directory.Combine("data"),
            Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "pg_stat_statements,pg_textsearch", ["checkpoint_timeout"] = "1h", ["autovacuum"] = "off" },
        };
        (string Database, string Script)[] scripts = [.. ContribTests.ScriptNames.Select(n => (n, n + ".sql"))
            .Concat(NpmTests.ScriptNames.Select(n => (n, Path.Combine("npm", n + ".sql"))))
            .Select(s => ("cut_" + s.n.Replace('-', '_'), Path.Combine(Scripts, s.Item2)))];
        var before = new Dictionary<string, string>();
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection administrator = await server.OpenAsync();
            await administrator.ExecuteAsync("checkpoint");
            foreach ((string database, string script) in scripts)
            {
                await administrator.ExecuteAsync($"create database {database} strategy wal_log");
                Assert.Equal(0, (await server.RunAsync("psql", ["-X", "-q", "-f", script], database)).ExitCode);
                before[database] = await DumpAsync(server, database);
            }

            // So that what is in doubt is everything the scripts did, and nothing is in the data files yet that the log has not.
            await administrator.ExecuteAsync("create table last (); select pg_switch_wal()");
            await server.KillAsync();
        }

        await using TestServer restarted = await TestServer.StartAsync(options);
        var damaged = new List<string>();
        foreach ((string database, _) in scripts)
        {
            if (await DumpAsync(restarted, database) != before[database])
            {
                damaged.Add(database);
                continue;
            }

            await using NpgsqlConnection session = await restarted.OpenAsync(database);
            await session.ExecuteAsync("set client_min_messages = error; create extension if not exists amcheck");
            await session.ExecuteAsync("select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = relam where amname = 'btree' and relkind = 'i' and relpersistence = 'p'");
            await session.ExecuteAsync("select gin_index_check(c.oid) from pg_class c join pg_am a on a.oid = relam where amname = 'gin' and relkind = 'i' and relpersistence = 'p'");
        }

        Assert.Empty(damaged);
        Assert.True(before.Count > 45);
    }

    static async Task<string> DumpAsync(TestServer server, string database) => (await server.RunAsync("pg_dump", [FixedKey], database)).Succeeded().Output;
}
