using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>A crashed backend, and a crashed server.</summary>
public class CrashTests
{
    // Native PostgreSQL 18.6 crashes: the plans of the failed query lie in memory that has another text by then.
    [OursFact]
    public async Task Executing_the_portal_of_a_simple_query_that_failed_is_an_error()
    {
        const string Execute = "\0\0\0\0\0";
        await using TestServer server = await TestServer.StartAsync(new ServerOptions());
        string other = "select " + string.Concat(Enumerable.Repeat("'g_rag_rag_ra' ,", 300)) + "1";
        foreach (bool parsed in (bool[])[true, false])
        {
            await using SimpleQueryClient client = await SimpleQueryClient.OpenAsync(server);
            Assert.Equal("/BEGIN;", await client.QueryAsync("begin"));
            Assert.Contains("22012 ", await client.QueryAsync("select 1/(select 0)"), StringComparison.Ordinal);
            Assert.StartsWith("25P02 ", parsed ? await client.SendAsync(('P', $"\0{other}\0\0\0")) : await client.QueryAsync(other), StringComparison.Ordinal);
            Assert.StartsWith("25P02 ", await client.SendAsync(('E', Execute)), StringComparison.Ordinal);
            Assert.Equal("/ROLLBACK;", await client.QueryAsync("rollback"));
            Assert.StartsWith("34000 ", await client.SendAsync(('E', Execute)), StringComparison.Ordinal);
            Assert.Equal("one:23|1/SELECT 1;", await client.QueryAsync("select 1 as one"));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_crashed_backend_restarts_the_cluster_and_loses_nothing(bool file)
    {
        using var directory = new TemporaryDirectory();
        await using TestServer server = await TestServer.StartAsync(
            new ServerOptions { DataDirectory = file ? directory.Combine("data") : null, CrashesBackends = true });
        await using NpgsqlConnection setup = await server.OpenAsync();
        await setup.ExecuteAsync("create table t (v int); create unlogged table u (v int); insert into u values (1)");

        for (int round = 1; round <= 3; round++)
        {
            await using NpgsqlConnection victim = await server.OpenAsync();
            await using NpgsqlConnection bystander = await server.OpenAsync();
            await bystander.ExecuteAsync("insert into t values ($1)", round);
            await victim.ExecuteAsync("begin");
            await victim.ExecuteAsync("insert into t values (1000)");

            Task busy = bystander.ExecuteAsync("select pg_sleep(600)");
            Task idle = victim.WaitAsync();
            await server.CrashBackendAsync(victim.ProcessID);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Wait.ForAsync(idle, "the victim's connection ends"));
            // Everybody else is told: WARNING 57P02, then the connection ends.
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Wait.ForAsync(busy, "the bystander's connection ends"));

            await Wait.UntilAsync(() => AnswersAsync(server), "the cluster answers again");
            await using NpgsqlConnection after = await server.OpenAsync();
            Assert.Equal(Enumerable.Range(1, round), await after.ColumnAsync<int>("select v from t order by v"));
            Assert.Equal(0, await after.ScalarAsync<long>("select count(*) from u"));
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.True(server.Log.Count("all server processes terminated; reinitializing") == 3, server.Log.Tail);
    }

    [Fact]
    public async Task A_killed_server_has_every_acknowledged_row_after_its_restart()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        var acknowledged = new int[4];
        for (int round = 1; round <= 3; round++)
        {
            await using TestServer server = await TestServer.StartAsync(options);
            await using (NpgsqlConnection setup = await server.OpenAsync())
            {
                if (round == 1)
                {
                    await setup.ExecuteAsync("create table t (writer int, n int, filler text, primary key (writer, n))");
                }
                else
                {
                    await VerifyAsync(setup, acknowledged);
                }
            }

            int before = acknowledged.Sum();
            Task[] writers = [.. Enumerable.Range(0, acknowledged.Length).Select(writer => Task.Run(() => WriteAsync(server, writer, acknowledged)))];
            await Wait.UntilAsync(() => Volatile.Read(ref acknowledged[0]) > 0 && acknowledged.Sum() - before >= 400, "400 acknowledged rows");
            await server.KillAsync();
            await Wait.ForAsync(Task.WhenAll(writers), "the writers have seen the end");
        }

        await using TestServer last = await TestServer.StartAsync(options);
        await using NpgsqlConnection session = await last.OpenAsync();
        await VerifyAsync(session, acknowledged);
        await session.ExecuteAsync("insert into t values (99, 1, '')");
        Assert.True(last.Log.Contains("database system was not properly shut down"), last.Log.Tail);
    }

    static async Task WriteAsync(TestServer server, int writer, int[] acknowledged)
    {
        try
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            int next = await session.ScalarAsync<int>("select coalesce(max(n), 0) + 1 from t where writer = $1", writer);
            for (; ; next++)
            {
                await session.ExecuteAsync("insert into t values ($1, $2, repeat('x', 500))", writer, next);
                Volatile.Write(ref acknowledged[writer], next);
            }
        }
        catch (NpgsqlException)
        {
            // The server is gone, which is what the test does to it. (A wrong answer would show in VerifyAsync.)
        }
    }

    static async Task VerifyAsync(NpgsqlConnection session, int[] acknowledged)
    {
        for (int writer = 0; writer < acknowledged.Length; writer++)
        {
            List<int> rows = await session.ColumnAsync<int>("select n from t where writer = $1 order by n", writer);
            Assert.Equal(Enumerable.Range(1, rows.Count), rows);
            // One more may have been committed whose acknowledgement did not arrive.
            Assert.InRange(rows.Count, acknowledged[writer], acknowledged[writer] + 1);
        }

        List<string> broken = await session.ColumnAsync<string>("select writer || '/' || n from t where filler <> repeat('x', 500)");
        Assert.Empty(broken);
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
