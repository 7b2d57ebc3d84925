using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Statements and sessions ended from outside or by a timeout.</summary>
[Collection(SharedServer.Name)]
public class CancellationTests(ServerFixture fixture) : SessionTest(fixture)
{
    // Postgres does not look for interrupts here: natively none comes before the 200 s are over.
    const string NeverLooking = "select ('a' || repeat('|a', 1500000))::tsquery";

    // Nor here, in an hour.
    const string SteppingThroughText = "select length(translate(repeat('x', 3000000), repeat('[', 200000), ''))";

    // Nor here, where nothing is called either.
    const string ComparingTexts = "select length(btrim(repeat('x', 3000000), repeat('y', 300000) || 'x'))";

    const string Sleeping = "select pg_sleep(600)";
    const string Computing = "select count(*) from generate_series(1, 1000000000) i where i % 7 = 3";

    [Theory]
    [InlineData(Sleeping)]
    [InlineData(Computing)]
    public async Task CancelRequest_ends_the_statement_not_the_session(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, session);
        Task<object?> running = command.ExecuteScalarAsync();
        await WaitForRunningAsync(session, sql);
        command.Cancel();
        await running.FailsAsync("57014");
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Theory]
    [InlineData(Sleeping)]
    [InlineData(Computing)]
    public async Task Pg_cancel_backend_ends_the_statement_not_the_session(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        Task<int> running = session.ExecuteAsync(sql);
        await WaitForRunningAsync(session, sql);
        Assert.True(await Observer.ScalarAsync<bool>("select pg_cancel_backend($1)", session.ProcessID));
        await running.FailsAsync("57014");
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task A_wait_for_a_lock_can_be_cancelled()
    {
        NpgsqlConnection holder = await OpenAsync();
        NpgsqlConnection session = await OpenAsync();
        await holder.ExecuteAsync("create table t (v int)");
        await holder.ExecuteAsync("begin; lock table t");
        Task<int> running = session.ExecuteAsync("select * from t");
        await Observer.WaitForEventAsync(session.ProcessID, "Lock", "relation");
        await Observer.ExecuteAsync("select pg_cancel_backend($1)", session.ProcessID);
        await running.FailsAsync("57014");
        await holder.ExecuteAsync("rollback");
        Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from t"));
    }

    [Theory]
    [InlineData(Sleeping)]
    [InlineData(Computing)]
    public async Task Statement_timeout(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        await TimesOutAsync(session, sql);
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    // What is left of a timeout when the alarm came a little early is less than a millisecond.
    [Fact]
    public async Task No_timeout_is_lost()
    {
        NpgsqlConnection session = await OpenAsync();
        for (int i = 0; i < 300; i++)
        {
            await SetTimeoutAsync(1 + i % 7);
            await session.ExecuteAsync(Sleeping).FailsAsync("57014");
        }

        // On a busy machine the timeout of the round before may end this statement, too.
        async Task SetTimeoutAsync(int milliseconds)
        {
            for (bool isSet = false; !isSet;)
            {
                try
                {
                    await session.ExecuteAsync($"set statement_timeout = '{milliseconds}ms'");
                    isSet = true;
                }
                catch (PostgresException e) when (e.SqlState == "57014")
                {
                }
            }
        }
    }

    [Fact]
    public async Task Transaction_timeout()
    {
        NpgsqlConnection session = await OpenAsync();
        int pid = session.ProcessID;
        await session.ExecuteAsync("set transaction_timeout = '100ms'");
        await session.ExecuteAsync("begin");
        await session.ExecuteAsync(Sleeping).FailsAsync("25P04");
        await Observer.WaitForEndAsync(pid);
    }

    [Fact]
    public async Task Idle_in_transaction_timeout_ends_the_session()
    {
        NpgsqlConnection session = await OpenAsync();
        int pid = session.ProcessID;
        await session.ExecuteAsync("create table t (v int)");
        await session.ExecuteAsync("set idle_in_transaction_session_timeout = '100ms'");
        await session.ExecuteAsync("begin; insert into t values (1)");
        await session.WaitAsync().FailsAsync("25P03");
        await Observer.WaitForEndAsync(pid);
        Assert.Equal(0, await Observer.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task Idle_session_timeout_ends_the_session()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("set idle_session_timeout = '100ms'");
        await session.WaitAsync().FailsAsync("57P05");
    }

    [Theory]
    [InlineData(Sleeping)]
    [InlineData(Computing)]
    public async Task Pg_terminate_backend_is_seen_by_a_busy_victim(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        int pid = session.ProcessID;
        Task<int> running = session.ExecuteAsync(sql);
        await WaitForRunningAsync(session, sql);
        Assert.True(await Observer.ScalarAsync<bool>("select pg_terminate_backend($1, 20000)", session.ProcessID));
        await running.FailsAsync("57P01");
        await Observer.WaitForEndAsync(pid);
    }

    [Fact]
    public async Task Pg_terminate_backend_is_seen_by_an_idle_victim()
    {
        NpgsqlConnection session = await OpenAsync();
        Task idle = session.WaitAsync();
        Assert.True(await Observer.ScalarAsync<bool>("select pg_terminate_backend($1, 20000)", session.ProcessID));
        await idle.FailsAsync("57P01");
    }

    [Fact]
    public async Task Other_sessions_answer_beside_a_busy_one()
    {
        NpgsqlConnection busy = await OpenAsync();
        NpgsqlConnection other = await OpenAsync();
        Task<int> running = busy.ExecuteAsync(Computing);
        await WaitForRunningAsync(busy, Computing);
        for (int i = 0; i < 200; i++)
        {
            Assert.Equal(i, await other.ScalarAsync<int>("select $1::int", i));
        }

        await using NpgsqlConnection late = await Server.OpenAsync();
        Assert.Equal(1, await late.ScalarAsync<int>("select 1"));
        Assert.False(running.IsCompleted);
        await Observer.ExecuteAsync("select pg_cancel_backend($1)", busy.ProcessID);
        await running.FailsAsync("57014");
    }

    [OursTheory]
    [InlineData(NeverLooking)]
    [InlineData(SteppingThroughText)]
    [InlineData(ComparingTexts)]
    public async Task What_never_looks_for_interrupts_is_interrupted(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        Task<int> running = session.ExecuteAsync(sql);
        await WaitForRunningAsync(session, sql);
        Assert.False(running.IsCompleted);
        await Observer.ExecuteAsync("select pg_cancel_backend($1)", session.ProcessID);
        await running.FailsAsync("57014");

        await TimesOutAsync(session, sql);
        Assert.Equal("'a' | 'b'", await session.ScalarAsync<string>("select 'a|b'::tsquery::text"));
    }

    [OursTheory]
    [InlineData(NeverLooking)]
    [InlineData(ComparingTexts)]
    public async Task What_never_looks_for_interrupts_is_terminated(string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        Task<int> running = session.ExecuteAsync(sql);
        await WaitForRunningAsync(session, sql);
        Assert.True(await Observer.ScalarAsync<bool>("select pg_terminate_backend($1, 20000)", session.ProcessID));
        await running.FailsAsync("57P01");
    }

    // With a timeout that ends with its transaction: no other statement has it, which a busy machine may let take as long.
    static async Task TimesOutAsync(NpgsqlConnection session, string sql)
    {
        await session.ExecuteAsync("begin; set local statement_timeout = '100ms'");
        PostgresException exception = await session.ExecuteAsync(sql).FailsAsync("57014");
        Assert.Contains("statement timeout", exception.MessageText, StringComparison.Ordinal);
        await session.ExecuteAsync("rollback");
    }

    Task WaitForRunningAsync(NpgsqlConnection session, string sql) => Wait.UntilAsync(
        () => Observer.ScalarAsync<bool>("select exists (select from pg_stat_activity where pid = $1 and state = 'active' and query = $2)", session.ProcessID, sql),
        "the statement is running");
}
