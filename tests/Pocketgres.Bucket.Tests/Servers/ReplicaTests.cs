using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres serve s3:...?replica=true`: follows a cluster in a bucket, and writes nothing there.</summary>
public sealed class ReplicaTests : IDisposable
{
    readonly MemoryObjectStore _kept = new();
    readonly MeteredObjectStore _seen;
    readonly S3Server _server, _ofReplicas;
    readonly ITestOutputHelper _output;

    public ReplicaTests(ITestOutputHelper output)
    {
        _output = output;
        _seen = new MeteredObjectStore(_kept);
        _server = TestCredentials.Serve(_kept);
        _ofReplicas = TestCredentials.Serve(_seen);
    }

    public void Dispose()
    {
        _ofReplicas.Dispose();
        _server.Dispose();
        _kept.Dispose();
    }

    [Fact]
    public async Task Two_replicas_follow_through_kills_takeovers_and_sleep()
    {
        await using var first = await StartAsync("main");
        await using var writer = await first.OpenAsync();
        await writer.ExecuteAsync("create table t (i int primary key, v text); insert into t select i, repeat('x', 100) from generate_series(1, 1000) i");
        await using var one = await StartReplicaAsync("main");
        await using var two = await StartReplicaAsync("main");
        await using var reader = await one.OpenAsync();
        await using var other = await two.OpenAsync();
        await WaitForAsync(reader, 1000);
        await writer.ExecuteAsync("insert into t values (0, 'new')");
        await WaitForAsync(reader, 1001);
        await WaitForAsync(other, 1001);
        Assert.Equal("25006", (await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync("insert into t values (-1, '')"))).SqlState);
        await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync("select pg_promote()"));

        // The writer is killed: what it had is read on, and who takes the cluster is followed.
        await first.KillAsync();
        Assert.Equal(1001, await CountAsync(reader));
        await using (var taker = await StartAsync("main"))
        {
            await using var session = await taker.OpenAsync();
            await session.ExecuteAsync("insert into t values (-1, 'after the kill')");
            await WaitForAsync(reader, 1002);
            await session.CloseAsync();
            Assert.Equal(0, await taker.StopAsync());
        }

        Assert.Equal(1002, await CountAsync(reader));

        // A replica that is killed begins anew, also while nobody has the cluster.
        await two.KillAsync();
        await using var again = await StartReplicaAsync("main");
        await using (var session = await again.OpenAsync())
        {
            Assert.Equal(1002, await CountAsync(session));
        }

        // Fenced under way, and over many segments and images.
        await using var fenced = await StartAsync("main");
        await using var last = await StartAsync("main", "&takeover=true");
        await using (var session = await last.OpenAsync())
        {
            await session.ExecuteAsync("insert into t select i, repeat(md5(i::text), 20) from generate_series(2000, 61999) i");
            await session.ExecuteAsync("alter system set work_mem = '5MB'");
            await session.ExecuteAsync("checkpoint");
            await WaitForAsync(reader, 61_002);
            await session.ExecuteAsync("delete from t where i >= 2000");
            await session.ExecuteAsync("vacuum t");
            await session.ExecuteAsync("insert into t select i from generate_series(2000, 2999) i");
            await WaitForAsync(reader, 2002);
        }

        await Wait.UntilAsync(async () => await ScalarInNewSessionAsync(one, "show work_mem") == "5MB", "settings come too, and are read");
        Assert.Equal(0, _seen.Puts);
        Assert.Equal(0, _seen.Deletes);
        Assert.Equal(0, await one.StopAsync());
        Assert.Equal(0, await again.StopAsync());
        Assert.DoesNotContain("waiting for WAL", one.Log.Tail, StringComparison.Ordinal);
    }

    // The long form works for so many seconds, with a kill every quarter of a minute.
    [Fact]
    public async Task Replicas_show_whole_transactions_while_writers_work_and_are_killed()
    {
        double length = double.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_REPLICA_SECONDS"), CultureInfo.InvariantCulture, out double wanted) ? wanted : 4;
        var ledger = new Ledger(new Random().Next(), writers: 8);
        var server = await StartAsync("main");
        await using (var session = await server.OpenAsync())
        {
            await ledger.CreateAsync(session);
        }

        await using var one = await StartReplicaAsync("main");
        await using var two = await StartReplicaAsync("main");
        using var end = new CancellationTokenSource();
        int looks = 0, kills = 0;
        Task[] readers = [.. new[] { one, two }.Select(replica => Task.Run(async () =>
        {
            await using var reader = await replica.OpenAsync();
            for (; !end.IsCancellationRequested; Interlocked.Increment(ref looks))
            {
                await LookAsync(reader);
            }
        }))];
        var began = DateTime.UtcNow;
        for (double left = length; left > 0; left = length - (DateTime.UtcNow - began).TotalSeconds, kills++)
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Min(left, 15)));
            var load = ledger.RunAsync(() => server.OpenAsync(), CancellationToken.None);
            await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, stop.Token), load, Task.WhenAny(readers));
            await server.KillAsync();
            await load;
            await server.DisposeAsync();
            server = await StartAsync("main");
        }

        await using (server)
        {
            await using var session = await server.OpenAsync();
            await ledger.VerifyAsync(session);
            long written = await session.ScalarAsync<long>("select count(*) from transfers");
            await end.CancelAsync();
            await Task.WhenAll(readers);
            foreach (var replica in new[] { one, two })
            {
                await using var reader = await replica.OpenAsync();
                await Wait.UntilAsync(async () => await reader.ScalarAsync<long>("select count(*) from transfers") == written, "a replica has all transactions");
                await LookAsync(reader);
            }

            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
            _output.WriteLine($"{kills} kills, {written} transactions kept, replicas read {looks} times, all of them whole");
        }

        Assert.Equal(0, _seen.Puts);

        // One look is of one moment: sums and numbers agree in it, or a transaction is there by half.
        static async Task LookAsync(NpgsqlConnection reader)
        {
            try
            {
                await reader.ExecuteAsync("begin isolation level repeatable read");
                long rows = await reader.ScalarAsync<long>("select count(*) from accounts");
                Assert.True(rows is 0 or 50);
                Assert.Empty(await reader.ColumnAsync<int>("""
                    select a.id from accounts a where a.balance <> 1000 + coalesce((select sum(amount) from transfers where target = a.id), 0)
                        - coalesce((select sum(amount) from transfers where source = a.id), 0)
                    """));
                Assert.Empty(await reader.ColumnAsync<int>("select writer from transfers group by writer having count(*) <> max(n)"));
            }
            catch (PostgresException e) when (e.SqlState is "40001")
            {
                // Cancelled, for the log that is to be replayed removes what it would see.
            }
            finally
            {
                await reader.ExecuteAsync("rollback");
            }
        }
    }

    [Fact]
    public async Task A_branch_is_followed_before_and_after_it_is_opened()
    {
        await using (var main = await StartAsync("main"))
        {
            await using var session = await main.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key, v text); insert into t select i from generate_series(1, 1000) i");
            Assert.Equal(0, (await CliServer.RunToEndAsync("branch", Url(_server, "main"), Url(_server, "branch"))).ExitCode);
            await session.ExecuteAsync("insert into t values (0)");
            await main.KillAsync();
        }

        await using var early = await StartReplicaAsync("branch");
        await using var reader = await early.OpenAsync();
        Assert.Equal(1000, await CountAsync(reader));
        await using var branch = await StartAsync("branch");
        await using var writer = await branch.OpenAsync();
        await writer.ExecuteAsync("insert into t values (-1), (-2)");
        await WaitForAsync(reader, 1002);
        await using var late = await StartReplicaAsync("branch");
        await using var other = await late.OpenAsync();
        await WaitForAsync(other, 1002);
        Assert.Equal(0, _seen.Puts);
    }

    [Fact]
    public async Task A_replica_says_what_it_cannot_follow()
    {
        var absent = await CliServer.RunToEndAsync("serve", Url(_server, "absent") + "&replica=true", "--port", "0");
        Assert.Equal(4, absent.ExitCode);
        Assert.Contains("there is no cluster", absent.Error, StringComparison.Ordinal);
        var idle = await CliServer.RunToEndAsync("serve", Url(_server, "absent") + "&replica=true&idle=1s", "--port", "0");
        Assert.Equal(2, idle.ExitCode);
        await using var main = await StartAsync("main");
        await using var session = await main.OpenAsync();
        await session.ExecuteAsync("create table t (i int)");
        await using var replica = await StartReplicaAsync("main");

        // As when it stood still for longer than the log is retained: the next record is gone, and images have it.
        _ofReplicas.Dispose();
        await session.ExecuteAsync("insert into t values (1)");
        await session.CloseAsync();
        Assert.Equal(0, await main.StopAsync());
        foreach (var record in (await _kept.ListAsync("bucket/main/log/")).Entries)
        {
            await _kept.DeleteAsync(record.Key);
        }

        using var back = S3Server.Start(_seen, _ofReplicas.Port);
        Assert.Equal(4, await replica.ExitAsync());
        Assert.Contains("start it again", replica.Log.Tail, StringComparison.Ordinal);
    }

    static string Url(S3Server server, string prefix) => $"s3://bucket/{prefix}?endpoint={server.Endpoint}";

    Task<CliServer> StartAsync(string prefix, string parameters = "") => CliServer.StartAsync(Arguments(Url(_server, prefix) + "&puts=0" + parameters));

    Task<CliServer> StartReplicaAsync(string prefix) => CliServer.StartAsync(Arguments(Url(_ofReplicas, prefix) + "&replica=true&poll=50ms"));

    static string[] Arguments(string url) => ["serve", url, "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)];

    static Task<long> CountAsync(NpgsqlConnection session) => session.ScalarAsync<long>("select count(*) from t");

    static Task WaitForAsync(NpgsqlConnection session, long rows) => Wait.UntilAsync(async () => await CountAsync(session) == rows, $"the replica has {rows} rows");

    static async Task<string> ScalarInNewSessionAsync(CliServer server, string sql)
    {
        await using var session = await server.OpenAsync();
        return await session.ScalarAsync<string>(sql);
    }
}
