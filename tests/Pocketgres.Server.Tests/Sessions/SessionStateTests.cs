using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>What belongs to one session and does not leak into another.</summary>
[Collection(SharedServer.Name)]
public class SessionStateTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Fact]
    public async Task Prepared_statements_of_the_same_name_differ()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("prepare p as select 'first'");
        await second.ExecuteAsync("prepare p(int) as select 'second ' || $1");
        Assert.Equal("first", await first.ScalarAsync<string>("execute p"));
        Assert.Equal("second 5", await second.ScalarAsync<string>("execute p(5)"));
        await first.ExecuteAsync("deallocate p");
        await first.ExecuteAsync("execute p").FailsAsync("26000");
        Assert.Equal("second 6", await second.ScalarAsync<string>("execute p(6)"));
    }

    [Fact]
    public async Task Protocol_level_statements_of_the_same_name_differ()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await using var one = new NpgsqlCommand("select $1::int + 1", first) { Parameters = { new NpgsqlParameter { Value = 1 } } };
        await using var other = new NpgsqlCommand("select $1::int * 100", second) { Parameters = { new NpgsqlParameter { Value = 1 } } };
        await one.PrepareAsync();
        await other.PrepareAsync();
        Assert.Equal(
            await first.ScalarAsync<string>("select name from pg_prepared_statements"),
            await second.ScalarAsync<string>("select name from pg_prepared_statements"));
        for (int i = 0; i < 20; i++)
        {
            one.Parameters[0].Value = i;
            other.Parameters[0].Value = i;
            Assert.Equal(i + 1, await one.ExecuteScalarAsync());
            Assert.Equal(i * 100, await other.ExecuteScalarAsync());
        }
    }

    [Fact]
    public async Task Temporary_tables_of_the_same_name_differ()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create temp table scratch (v int); insert into scratch values (1), (2)");
        await second.ExecuteAsync("create temp table scratch (v text, w text)");
        await second.ExecuteAsync("insert into scratch values ('x', 'y')");
        Assert.Equal(2, await first.ScalarAsync<long>("select count(*) from scratch"));
        Assert.Equal("x", await second.ScalarAsync<string>("select v from scratch"));
        await first.ExecuteAsync("drop table scratch");
        Assert.Equal("y", await second.ScalarAsync<string>("select w from scratch"));
    }

    [Fact]
    public async Task Temporary_tables_are_gone_with_the_session()
    {
        NpgsqlConnection first = await OpenAsync();
        await first.ExecuteAsync($"create temp table {Schema}_temp (v int)");
        int pid = first.ProcessID;
        Assert.Equal(1, await Observer.ScalarAsync<long>("select count(*) from pg_class where relname = $1", Schema + "_temp"));
        await first.CloseAsync();
        await Observer.WaitForEndAsync(pid);
        Assert.Equal(0, await Observer.ScalarAsync<long>("select count(*) from pg_class where relname = $1", Schema + "_temp"));
    }

    [Fact]
    public async Task Settings_are_a_sessions_own()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        string before = await second.ScalarAsync<string>("show work_mem");
        await first.ExecuteAsync("set work_mem = '77MB'; set app.tenant = 'seven'");
        Assert.Equal("77MB", await first.ScalarAsync<string>("show work_mem"));
        Assert.Equal(before, await second.ScalarAsync<string>("show work_mem"));
        Assert.Null(await second.ScalarAsync<string>("select current_setting('app.tenant', true)"));
    }

    [Fact]
    public async Task A_cached_plan_follows_another_sessions_schema_change()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (v int); insert into t select generate_series(1, 1000); prepare p(int) as select count(*) from t where v = $1");
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(1, await first.ScalarAsync<long>("execute p(7)"));
        }

        await second.ExecuteAsync("create index on t (v); alter table t alter v type bigint; insert into t values (7)");
        Assert.Equal(2, await first.ScalarAsync<long>("execute p(7)"));
        await second.ExecuteAsync("drop table t");
        await first.ExecuteAsync("execute p(7)").FailsAsync("42P01");
    }

    [Fact]
    public async Task Every_session_has_its_own_backend()
    {
        List<int> pids = [];
        for (int i = 0; i < 10; i++)
        {
            NpgsqlConnection session = await OpenAsync();
            pids.Add(await session.ScalarAsync<int>("select pg_backend_pid()"));
            Assert.Equal(pids[^1], session.ProcessID);
        }

        Assert.Equal(pids.Count, pids.Distinct().Count());
        Assert.Equal(pids.Count, await Observer.ScalarAsync<long>("select count(*) from pg_stat_activity where pid = any($1)", pids.ToArray()));
    }
}
