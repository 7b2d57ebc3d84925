using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>What interleaved transactions of different sessions see of each other.</summary>
[Collection(SharedServer.Name)]
public class TransactionTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Fact]
    public async Task Uncommitted_changes_are_invisible_to_others()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (id int primary key, v text); insert into t values (1, 'old')");

        await first.ExecuteAsync("begin; update t set v = 'new' where id = 1; insert into t values (2, 'two')");

        Assert.Equal("new", await first.ScalarAsync<string>("select v from t where id = 1"));
        Assert.Equal("old", await second.ScalarAsync<string>("select v from t where id = 1"));
        Assert.Equal(1, await second.ScalarAsync<long>("select count(*) from t"));

        await first.ExecuteAsync("commit");
        Assert.Equal("new", await second.ScalarAsync<string>("select v from t where id = 1"));
        Assert.Equal(2, await second.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task A_rollback_leaves_nothing()
    {
        NpgsqlConnection first = await OpenAsync();
        await first.ExecuteAsync("create table t (id int)");
        await first.ExecuteAsync("begin; insert into t values (1); create table u (id int); rollback");
        Assert.Equal(0, await Observer.ScalarAsync<long>("select count(*) from t"));
        await Observer.ExecuteAsync("select * from u").FailsAsync("42P01");
    }

    [Fact]
    public async Task Repeatable_read_keeps_its_snapshot()
    {
        NpgsqlConnection reader = await OpenAsync();
        NpgsqlConnection writer = await OpenAsync();
        await writer.ExecuteAsync("create table t (v int); insert into t values (1)");

        await reader.ExecuteAsync("begin isolation level repeatable read");
        Assert.Equal(1, await reader.ScalarAsync<long>("select sum(v) from t"));
        await writer.ExecuteAsync("insert into t values (10)");
        Assert.Equal(1, await reader.ScalarAsync<long>("select sum(v) from t"));
        Assert.Equal(1, await reader.ExecuteAsync("update t set v = 2 where v = 1"));
        Assert.Equal(2, await reader.ScalarAsync<long>("select sum(v) from t"));
        await reader.ExecuteAsync("commit");
        Assert.Equal(12, await reader.ScalarAsync<long>("select sum(v) from t"));
    }

    [Fact]
    public async Task Repeatable_read_refuses_to_overwrite_a_newer_row()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (v int); insert into t values (1)");
        await first.ExecuteAsync("begin isolation level repeatable read; select * from t");
        await second.ExecuteAsync("update t set v = 2");
        await first.ExecuteAsync("update t set v = 3").FailsAsync("40001");
        await first.ExecuteAsync("rollback");
        Assert.Equal(2, await first.ScalarAsync<int>("select v from t"));
    }

    [Fact]
    public async Task Serializable_prevents_write_skew()
    {
        NpgsqlConnection alice = await OpenAsync();
        NpgsqlConnection bob = await OpenAsync();
        await alice.ExecuteAsync("create table on_call (doctor text primary key, yes bool); insert into on_call values ('alice', true), ('bob', true)");

        string failed = "";
        foreach ((NpgsqlConnection session, string _) in new[] { (alice, "alice"), (bob, "bob") })
        {
            await session.ExecuteAsync("begin isolation level serializable");
            Assert.Equal(2, await session.ScalarAsync<long>("select count(*) from on_call where yes"));
        }

        foreach ((NpgsqlConnection session, string doctor) in new[] { (alice, "alice"), (bob, "bob") })
        {
            try
            {
                await session.ExecuteAsync("update on_call set yes = false where doctor = $1", doctor);
                await session.ExecuteAsync("commit");
            }
            catch (PostgresException exception)
            {
                Assert.Equal("40001", exception.SqlState);
                failed += doctor;
                await session.ExecuteAsync("rollback");
            }
        }

        Assert.Equal("bob", failed);
        Assert.Equal(1, await Observer.ScalarAsync<long>("select count(*) from on_call where yes"));
    }

    [Fact]
    public async Task Savepoints_undo_a_part()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (v int primary key); begin; insert into t values (1); savepoint a; insert into t values (2)");
        await session.ExecuteAsync("insert into t values (1)").FailsAsync("23505");
        await session.ExecuteAsync("select 1").FailsAsync("25P02");
        await session.ExecuteAsync("rollback to a");
        await session.ExecuteAsync("savepoint b");
        await session.ExecuteAsync("insert into t values (3)");
        await session.ExecuteAsync("release b");
        await session.ExecuteAsync("commit");
        Assert.Equal([1, 3], await Observer.ColumnAsync<int>("select v from t order by v"));
    }

    [Fact]
    public async Task A_prepared_transaction_outlives_its_session()
    {
        string gid = "gid-" + Schema;
        NpgsqlConnection first = await OpenAsync();
        await first.ExecuteAsync("create table t (v int)");
        await first.ExecuteAsync("begin");
        await first.ExecuteAsync("insert into t values (7)");
        await first.ExecuteAsync($"prepare transaction '{gid}'");
        int pid = first.ProcessID;
        await first.CloseAsync();
        await Observer.WaitForEndAsync(pid);

        Assert.Equal(0, await Observer.ScalarAsync<long>("select count(*) from t"));
        Assert.Equal(1, await Observer.ScalarAsync<long>("select count(*) from pg_prepared_xacts where gid = $1", gid));
        NpgsqlConnection second = await OpenAsync();
        await second.ExecuteAsync($"commit prepared '{gid}'");
        Assert.Equal(7, await Observer.ScalarAsync<int>("select v from t"));
    }

    [Fact]
    public async Task A_lost_session_is_rolled_back()
    {
        NpgsqlConnection first = await OpenAsync();
        await first.ExecuteAsync("create table t (v int); insert into t values (1)");
        await first.ExecuteAsync("begin");
        await first.ExecuteAsync("update t set v = 2");
        int pid = first.ProcessID;
        await first.CloseAsync();
        await Observer.WaitForEndAsync(pid);
        await Observer.ExecuteAsync("set lock_timeout = '10s'; update t set v = v + 10");
        Assert.Equal(11, await Observer.ScalarAsync<int>("select v from t"));
    }
}
