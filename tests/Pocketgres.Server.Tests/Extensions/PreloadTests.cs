using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>Libraries in the postmaster: shared memory of their own, hooks in every session.</summary>
public class PreloadTests
{
    const string CountOf = "select coalesce(sum(calls), 0)::int from pg_stat_statements where query like 'select $1 + %'";

    [Fact]
    public async Task Statements_are_counted_across_sessions_crashes_and_restarts()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions
        {
            DataDirectory = directory.Combine("data"),
            CrashesBackends = true,
            Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "pg_stat_statements" },
        };
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await session.ExecuteAsync("create extension pg_stat_statements");
            }

            for (int i = 0; i < 3; i++)
            {
                await using NpgsqlConnection each = await server.OpenAsync();
                await each.ExecuteAsync($"select {i} + 1");
            }

            await using (NpgsqlConnection observer = await server.OpenAsync())
            {
                Assert.Equal(3, await observer.ScalarAsync<int>(CountOf));
            }

            await using NpgsqlConnection victim = await server.OpenAsync();
            Task idle = victim.WaitAsync();
            await server.CrashBackendAsync(victim.ProcessID);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Wait.ForAsync(idle, "the victim's connection ends"));
            await Wait.UntilAsync(() => AnswersAsync(server), "the cluster answers again");
            await using (NpgsqlConnection after = await server.OpenAsync())
            {
                // Shared memory was made anew, as natively: nothing is left of the counts.
                Assert.Equal(0, await after.ScalarAsync<int>(CountOf));
                await after.ExecuteAsync("select 7 + 1");
                Assert.Equal(1, await after.ScalarAsync<int>(CountOf));
            }

            Assert.Equal(0, await server.StopAsync());
        }

        await using TestServer again = await TestServer.StartAsync(options);
        await using NpgsqlConnection last = await again.OpenAsync();
        Assert.Equal(1, await last.ScalarAsync<int>(CountOf));
    }

    [Fact]
    public async Task Creating_the_extension_is_all_the_configuration_there_is()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            List<string> notices = [];
            session.Notice += (_, e) => notices.Add(e.Notice.MessageText);
            await session.ExecuteAsync("create extension pg_stat_statements");
            Assert.Equal("\"pg_stat_statements\" works only when preloaded: it will be, from the next start of the server", Assert.Single(notices));

            // Until then as natively.
            PostgresException e = await session.ExecuteAsync("select * from pg_stat_statements").FailsAsync("55000");
            Assert.Contains("shared_preload_libraries", e.MessageText, StringComparison.Ordinal);

            await using NpgsqlConnection second = await server.OpenAsync();
            second.Notice += (_, e) => notices.Add(e.Notice.MessageText);
            await second.ExecuteAsync("create extension pgaudit").FailsAsync("55000");
            await second.ExecuteAsync("select * from pg_stat_statements").FailsAsync("55000");
            Assert.Equal(2, notices.Count); // pgaudit's own; pg_stat_statements was said
            Assert.Equal(0, await server.StopAsync());
        }

        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            Assert.Equal("pg_stat_statements,pgaudit", await session.ScalarAsync<string>("show shared_preload_libraries"));
            await session.ExecuteAsync("select 20 + 1");
            await session.ExecuteAsync("select 21 + 1");
            Assert.Equal(2, await session.ScalarAsync<int>(CountOf));
            await session.ExecuteAsync("create extension pgaudit");

            // What the user sets counts.
            await session.ExecuteAsync("alter system set shared_preload_libraries = 'auto_explain'");
            Assert.Equal(0, await server.StopAsync());
        }

        await using TestServer last = await TestServer.StartAsync(options);
        await using NpgsqlConnection after = await last.OpenAsync();
        Assert.Equal("auto_explain", await after.ScalarAsync<string>("show shared_preload_libraries"));
    }

    [Fact]
    public async Task A_cluster_that_needs_none_preloads_none()
    {
        using var directory = new TemporaryDirectory();
        await using TestServer server = await TestServer.StartAsync(new ServerOptions { DataDirectory = directory.Combine("data") });
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("create extension pg_trgm; load 'auto_explain'");
        Assert.False(File.Exists(directory.Combine("data/pocketgres.preload")));
    }

    [Fact]
    public async Task A_list_that_the_user_has_set_is_the_users_to_complete()
    {
        var options = new ServerOptions { Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "auto_explain" } };
        await using TestServer server = await TestServer.StartAsync(options);
        await using NpgsqlConnection session = await server.OpenAsync();
        string? notice = null;
        session.Notice += (_, e) => notice = e.Notice.MessageText;
        await session.ExecuteAsync("create extension pg_stat_statements");
        Assert.Equal("\"pg_stat_statements\" works only when preloaded: shared_preload_libraries is set, add it there and restart", notice);
    }

    [Fact]
    public async Task Several_at_once_are_active_in_every_session()
    {
        var options = new ServerOptions
        {
            Settings = new Dictionary<string, string>
            {
                ["shared_preload_libraries"] = "pg_stat_statements,auto_explain,passwordcheck",
                ["auto_explain.log_min_duration"] = "0",
            },
        };
        await using TestServer server = await TestServer.StartAsync(options);
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("select 123 as explained");
        await Wait.UntilAsync(() => server.Log.Contains("Query Text: select 123 as explained"), "auto_explain has logged the plan");
        await session.ExecuteAsync("create role weak password 'abc'").FailsAsync("22023");
    }

    [Fact]
    public async Task An_unknown_library_fails_the_start()
    {
        var options = new ServerOptions { Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "nosuch" } };
        Exception e = await Assert.ThrowsAnyAsync<Exception>(async () => await (await TestServer.StartAsync(options)).DisposeAsync());
        Assert.Contains("nosuch", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Indexes_of_extensions_survive_a_power_cut()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create extension pg_trgm; create extension bloom; create extension ltree; create extension hstore; create extension btree_gin; create extension amcheck; checkpoint");
            await session.ExecuteAsync("create table t (id int primary key, v text, path ltree, h hstore)");
            await session.ExecuteAsync("create index t_trgm on t using gin (v gin_trgm_ops); create index t_gist on t using gist (path); create index t_h on t using gin (h, id); create index t_bloom on t using bloom (id, v)");
            await session.ExecuteAsync("insert into t select i, md5(i::text), ('a.b' || i)::ltree, hstore('k' || i % 10, i::text) from generate_series(1, 3000) i");
            await session.ExecuteAsync("delete from t where id % 5 = 0");
            await server.KillAsync();
        }

        await using TestServer restarted = await TestServer.StartAsync(options);
        await using NpgsqlConnection after = await restarted.OpenAsync();
        await after.ExecuteAsync("set enable_seqscan = off");
        foreach (string condition in (string[])["v like '%abc%'", "path <@ 'a.b17'", "h @> 'k7=>27'", "h ? 'k3'", $"v = md5('77')"])
        {
            long indexed = await after.ScalarAsync<long>($"select count(*) from t where {condition}");
            Assert.Equal(await after.ScalarAsync<long>($"select count(*) from (select * from t offset 0) s where {condition}"), indexed);
            Assert.True(indexed > 0, condition);
        }

        await after.ExecuteAsync("select bt_index_check('t_pkey', true), gin_index_check('t_trgm')");
    }

    static async Task<bool> AnswersAsync(TestServer server)
    {
        try
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            return await connection.ScalarAsync<int>("select 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
