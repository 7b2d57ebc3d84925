using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Testing;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>What the retention promises, while a cluster is at work, is branched, and its bucket is cleared. The store's clock runs faster.</summary>
public sealed class RetentionTests : IDisposable
{
    // Kept are a day, and what nobody reads for a day more: with this pace, something is removed at each look but the first two.
    static readonly TimeSpan s_betweenLooks = TimeSpan.FromHours(20);

    readonly ITestOutputHelper _output;
    readonly MemoryObjectStore _kept;
    readonly FaultyObjectStore _slow;
    readonly S3Server _server, _ofMain;
    readonly Random _random = new();
    readonly List<(DateTime Asked, DateTime Acknowledged)> _inserts = []; // of row N, at N - 1
    readonly Queue<string> _branches = new();
    TimeSpan _later;
    int _made;

    public RetentionTests(ITestOutputHelper output)
    {
        _output = output;
        _kept = new MemoryObjectStore { Clock = () => DateTimeOffset.UtcNow + _later };
        _slow = new(_kept, 7, new FaultOptions { Latency = TimeSpan.FromMilliseconds(20) }); // as a bucket's; else an hour has a hundred million records
        _server = TestCredentials.Serve(_kept);
        _ofMain = TestCredentials.Serve(_slow);
    }

    public void Dispose()
    {
        _ofMain.Dispose();
        _slow.Dispose();
        _server.Dispose();
        _kept.Dispose();
    }

    // The long form works for so many seconds, and looks so often.
    [Fact]
    public async Task Every_moment_that_is_kept_opens_with_what_was_acknowledged_by_then()
    {
        double length = double.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_RETENTION_SECONDS"), CultureInfo.InvariantCulture, out double wanted) ? wanted : 5;
        int looks = int.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_RETENTION_LOOKS"), CultureInfo.InvariantCulture, out int given) ? given : 5;
        var ledger = new Ledger(_random.Next(), writers: 3);
        await using var main = await StartAsync(Url("main", _ofMain));
        await using var session = await main.OpenAsync();
        await ledger.CreateAsync(session);
        await session.ExecuteAsync("create table t (i int primary key)");
        using var stop = new CancellationTokenSource();
        Task load = Task.Run(() => ledger.RunAsync(() => main.OpenAsync(), stop.Token)), inserting = Task.Run(() => InsertAsync(main, stop.Token));
        long removed = 0;
        for (int look = 0; look < looks; look++)
        {
            var from = DateTime.UtcNow;
            await Task.Delay(TimeSpan.FromSeconds(length / looks));
            await LookAsync(from + (_random.NextDouble() * (DateTime.UtcNow - from)));
            removed += await CollectAsync();
            _later += s_betweenLooks;
        }

        await stop.CancelAsync();
        await Task.WhenAll(load, inserting);
        await ledger.VerifyAsync(session);
        await session.CloseAsync();
        Assert.Equal(0, await main.StopAsync());
        removed += await CollectAsync();
        Assert.InRange(removed, 1, long.MaxValue);
        _output.WriteLine($"{looks} moments, {_inserts.Count} rows and {ledger.Acknowledged} other transactions, {removed} objects removed meanwhile, {_branches.Count} branches at the end");
    }

    async Task InsertAsync(CliServer main, CancellationToken stop)
    {
        await using var session = await main.OpenAsync();
        for (int i = 1; !stop.IsCancellationRequested; i++)
        {
            var asked = DateTime.UtcNow;
            await session.ExecuteAsync($"insert into t values ({i})");
            lock (_inserts)
            {
                _inserts.Add((asked, DateTime.UtcNow));
            }
        }
    }

    // A branch of that moment, by whom it is opened and then looked at from outside; some stay.
    async Task LookAsync(DateTime moment)
    {
        string branch = $"b{++_made}";
        await RunAsync("branch", Url("main"), Url(branch), "--at", moment.ToString("O", CultureInfo.InvariantCulture));
        await using (var server = await StartAsync(Url(branch)))
        {
            await using var session = await server.OpenAsync();
            int rows = await session.ScalarAsync<int>("select count(*)::int from t"), last = await session.ScalarAsync<int>("select coalesce(max(i), 0) from t");
            Assert.Equal(rows, last);
            lock (_inserts)
            {
                int acknowledged = _inserts.FindLastIndex(n => n.Acknowledged <= moment) + 1, asked = _inserts.FindLastIndex(n => n.Asked <= moment) + 1;
                Assert.InRange(rows, acknowledged, asked + 1); // one more may be on its way
            }

            Assert.Equal(50_000, await session.ScalarAsync<long>("select sum(balance) from accounts"));
            Assert.Empty(await session.ColumnAsync<int>("select writer from transfers group by writer having count(*) <> max(n)"));
            await session.ExecuteAsync("insert into t values (0)");
            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        _branches.Enqueue(branch);
        await RunAsync("check", Url(_branches.ElementAt(_random.Next(_branches.Count))), "--files-only");
        if (_branches.Count > 4)
        {
            string gone = _branches.Dequeue();
            foreach (var entry in (await _kept.ListAsync($"bucket/{gone}/")).Entries)
            {
                await _kept.DeleteAsync(entry.Key);
            }
        }
    }

    // Returns how many objects it took away.
    async Task<int> CollectAsync()
    {
        var before = (await _kept.ListAsync("bucket/main/")).Entries.Select(e => e.Key).ToList();
        await RunAsync("gc", Url("main"));
        var after = (await _kept.ListAsync("bucket/main/")).Entries.Select(e => e.Key).ToHashSet(StringComparer.Ordinal);
        await RunAsync("check", Url("main"), "--files-only");
        return before.Count(key => !after.Contains(key));
    }

    static async Task RunAsync(params string[] arguments)
    {
        var done = await CliServer.RunToEndAsync(TimeSpan.FromMinutes(10), arguments); // after an hour there is much to check
        Assert.True(done.ExitCode == 0, string.Join(' ', arguments) + ": " + done.Output + done.Error);
    }

    string Url(string prefix, S3Server? server = null) => $"s3://bucket/{prefix}?endpoint={(server ?? _server).Endpoint}&puts=0&retention=1d";

    static Task<CliServer> StartAsync(string url) => CliServer.StartAsync(
        ["serve", url, "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
}
