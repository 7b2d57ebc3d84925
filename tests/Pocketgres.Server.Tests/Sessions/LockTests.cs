using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Sessions that wait for each other's locks.</summary>
[Collection(SharedServer.Name)]
public class LockTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Fact]
    public async Task A_second_writer_waits_for_the_row_until_commit()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (id int primary key, v int); insert into t values (1, 0)");
        await first.ExecuteAsync("begin; update t set v = v + 1 where id = 1");

        Task<int> update = second.ExecuteAsync("update t set v = v + 10 where id = 1");
        await Observer.WaitForBlockedAsync(second.ProcessID, by: first.ProcessID);
        await Observer.WaitForEventAsync(second.ProcessID, "Lock", "transactionid");
        Assert.False(update.IsCompleted);

        await first.ExecuteAsync("commit");
        Assert.Equal(1, await Wait.ForAsync(update, "the second update after the first's commit"));
        Assert.Equal(11, await Observer.ScalarAsync<int>("select v from t"));
    }

    [Fact]
    public async Task Waiters_get_a_row_one_after_the_other()
    {
        NpgsqlConnection holder = await OpenAsync();
        await holder.ExecuteAsync("create table t (v int); insert into t values (0)");
        await holder.ExecuteAsync("begin; update t set v = 1");
        List<Task<int>> updates = [];
        for (int i = 0; i < 5; i++)
        {
            NpgsqlConnection waiter = await OpenAsync();
            updates.Add(waiter.ExecuteAsync("update t set v = v + 1"));
            await Observer.WaitForEventAsync(waiter.ProcessID, "Lock");
        }

        await holder.ExecuteAsync("commit");
        await Wait.ForAsync(Task.WhenAll(updates), "all five waiters");
        Assert.Equal(6, await Observer.ScalarAsync<int>("select v from t"));
    }

    [Fact]
    public async Task A_deadlock_has_exactly_one_victim()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (id int primary key, v int); insert into t values (1, 0), (2, 0)");
        await first.ExecuteAsync("begin; update t set v = v + 1 where id = 1");
        await second.ExecuteAsync("begin; update t set v = v + 1 where id = 2");
        Task<int>[] crossing =
        [
            first.ExecuteAsync("update t set v = v + 1 where id = 2"),
            second.ExecuteAsync("update t set v = v + 1 where id = 1"),
        ];
        // The victim's locks are free at once: the survivor goes on without waiting for the victim's rollback.
        Exception?[] outcomes = await Wait.ForAsync(
            Task.WhenAll(crossing.Select(update => Record.ExceptionAsync(() => update))), "the deadlock detector, and then the survivor's update");
        PostgresException error = Assert.IsType<PostgresException>(Assert.Single(outcomes, outcome => outcome is not null));
        Assert.Equal("40P01", error.SqlState);
        Assert.Contains("waits for ShareLock on transaction", error.Detail, StringComparison.Ordinal);
        await first.ExecuteAsync(outcomes[0] is null ? "commit" : "rollback");
        await second.ExecuteAsync(outcomes[1] is null ? "commit" : "rollback");
        Assert.Equal([1, 1], await Observer.ColumnAsync<int>("select v from t order by id"));
    }

    [Fact]
    public async Task Nowait_fails_and_skip_locked_skips()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (id int primary key); insert into t values (1), (2)");
        await first.ExecuteAsync("begin; select * from t where id = 1 for update");
        await second.ExecuteAsync("select * from t where id = 1 for update nowait").FailsAsync("55P03");
        Assert.Equal([2], await second.ColumnAsync<int>("select id from t order by id for update skip locked"));
    }

    [Fact]
    public async Task Lock_timeout_ends_the_wait()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        await first.ExecuteAsync("create table t (v int)");
        await first.ExecuteAsync("begin; lock table t");
        await second.ExecuteAsync("set lock_timeout = '100ms'");
        await second.ExecuteAsync("select * from t").FailsAsync("55P03");
        await first.ExecuteAsync("rollback");
        Assert.Equal(0, await second.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task Schema_changes_wait_for_readers()
    {
        NpgsqlConnection reader = await OpenAsync();
        NpgsqlConnection owner = await OpenAsync();
        await owner.ExecuteAsync("create table t (v int)");
        await reader.ExecuteAsync("begin; select * from t");
        Task<int> alter = owner.ExecuteAsync("alter table t add column w int default 5");
        await Observer.WaitForEventAsync(owner.ProcessID, "Lock", "relation");
        Assert.False(alter.IsCompleted);
        await reader.ExecuteAsync("commit");
        await Wait.ForAsync(alter, "alter table after the reader's commit");
        await reader.ExecuteAsync("insert into t (v) values (1)");
        Assert.Equal(5, await reader.ScalarAsync<int>("select w from t"));
    }

    [Fact]
    public async Task Advisory_locks_hold_between_sessions()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        long key = Random.Shared.NextInt64();
        await first.ExecuteAsync("select pg_advisory_lock($1)", key);
        Assert.False(await second.ScalarAsync<bool>("select pg_try_advisory_lock($1)", key));
        Assert.True(await second.ScalarAsync<bool>("select pg_try_advisory_lock($1)", key - 1));

        Task<int> wait = second.ExecuteAsync("select pg_advisory_lock($1)", key);
        await Observer.WaitForEventAsync(second.ProcessID, "Lock", "advisory");
        await Observer.WaitForBlockedAsync(second.ProcessID, by: first.ProcessID);
        Assert.False(wait.IsCompleted);
        Assert.True(await first.ScalarAsync<bool>("select pg_advisory_unlock($1)", key));
        await Wait.ForAsync(wait, "the advisory lock");
        Assert.False(await first.ScalarAsync<bool>("select pg_try_advisory_lock($1)", key));
    }

    [Fact]
    public async Task The_end_of_a_session_frees_its_advisory_locks()
    {
        NpgsqlConnection first = await OpenAsync();
        NpgsqlConnection second = await OpenAsync();
        long key = Random.Shared.NextInt64();
        await first.ExecuteAsync("select pg_advisory_lock($1)", key);
        Task<int> wait = second.ExecuteAsync("select pg_advisory_lock($1)", key);
        await Observer.WaitForBlockedAsync(second.ProcessID, by: first.ProcessID);
        await first.CloseAsync();
        await Wait.ForAsync(wait, "the advisory lock of an ended session");
    }
}
