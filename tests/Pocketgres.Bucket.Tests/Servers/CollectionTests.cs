using System.Globalization;
using System.Text.Json;
using Pocketgres.Bucket.Checking;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Engine;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres gc`, `points` and `branch --at LSN`, with servers as processes of their own and a store whose clock is set.</summary>
public sealed class CollectionTests : IDisposable
{
    readonly MemoryObjectStore _store;
    readonly S3Server _server;
    TimeSpan _later;

    public CollectionTests()
    {
        _store = new MemoryObjectStore { Clock = () => DateTimeOffset.UtcNow + _later };
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task A_bucket_is_cleared_of_what_nothing_needs_and_all_that_is_left_opens()
    {
        string place = "";
        for (int life = 0; life < 3; life++)
        {
            await using var server = await StartAsync("main");
            await using var session = await server.OpenAsync();
            await session.ExecuteAsync(life == 0 ? "create table t as select g as i, repeat('x', 500) as s from generate_series(1, 4000) g" : "update t set s = repeat('y', 500)");
            if (life == 1)
            {
                place = await session.ScalarAsync<string>("select pg_current_wal_insert_lsn()::text");
                await session.ExecuteAsync("insert into t values (4001, '')");
            }

            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
            _later += TimeSpan.FromHours(1);
        }

        // A place that points shows, and one in between.
        var points = JsonDocument.Parse((await RunAsync("points", Url("main"), "--json")).Output).RootElement.EnumerateArray().ToList();
        Assert.Equal([true, true, true, true, false], points.Select(p => p.GetProperty("image").GetBoolean())); // the first of the cluster as it was made
        Assert.Equal(points.Select(p => p.GetProperty("record").GetInt64()).Order(), points.Select(p => p.GetProperty("record").GetInt64()));
        await RunAsync("branch", Url("main"), Url("then"), "--at", place);
        await RunAsync("branch", Url("main"), Url("before"), "--at", points[1].GetProperty("lsn").GetString()!);
        Assert.Equal(4, (await CliServer.RunToEndAsync("branch", Url("main"), Url("later"), "--at", "FF/0")).ExitCode);
        Assert.Equal(2, (await CliServer.RunToEndAsync("branch", Url("main"), Url("later"), "--at", "FF/")).ExitCode);
        Assert.Equal((4000, 0), await CountAsync("before"));

        // It is as it was in the middle of the second life until it is cleared, and after that too.
        _later += TimeSpan.FromDays(30);
        long bytes = await BytesAsync("main");
        var dry = await RunAsync("gc", Url("main"), "--dry-run");
        Assert.StartsWith("would remove 3 images", dry.Output, StringComparison.Ordinal);
        Assert.Contains("branches that read from here: 2", dry.Output, StringComparison.Ordinal);
        Assert.Equal(bytes, await BytesAsync("main"));
        Assert.StartsWith("removed 3 images", (await RunAsync("gc", Url("main"))).Output, StringComparison.Ordinal);
        Assert.Equal((4000, 4000), await CountAsync("then"));
        Assert.Equal((4001, 4001), await CountAsync("main"));

        var whole = await RunAsync("check", Url("main"));
        Assert.Matches("^intact: [1-9][0-9]* images, .* pages in ", whole.Output);

        // Without the branches, what they read goes too.
        foreach (string branch in new[] { "then", "before" })
        {
            foreach (var entry in (await _store.ListAsync($"bucket/{branch}/")).Entries)
            {
                await _store.DeleteAsync(entry.Key);
            }
        }

        _later += TimeSpan.FromDays(30);
        long withBranches = await BytesAsync("main");
        await RunAsync("gc", Url("main"));
        await RunAsync("check", Url("main"), "--files-only");
        Assert.InRange(await BytesAsync("main"), 1, withBranches - 1);
        Assert.Equal((4001, 4001), await CountAsync("main"));
    }

    [Fact]
    public async Task A_check_says_what_is_missing_or_flipped()
    {
        await using (var cluster = await BucketCluster.OpenAsync(_store, "", new BucketOptions(), EngineFiles.Default, null))
        {
            await cluster.CloseAsync();
        }

        async Task<IReadOnlyList<string>> CheckAsync(bool pages = false) => (await new BucketCheck(_store, null).RunAsync(pages, default)).Problems;
        Assert.Empty(await CheckAsync());
        var whole = await new BucketCheck(_store, null).RunAsync(pages: true, default);
        Assert.Equal((CheckVerdict.Intact, 0), (whole.Files!.Verdict, whole.Problems.Count));
        Assert.InRange(whole.Files.Pages, 1000, long.MaxValue);
        long newest = Keys.NumberIn((await _store.ListAsync(Keys.Manifests)).Entries[^1].Key, Keys.Manifests);
        foreach (var entry in (await _store.ListAsync("")).Entries.Where(e => !e.Key.StartsWith("log/", StringComparison.Ordinal) && e.Key is not (Keys.Format or Keys.Head or Keys.Collected)))
        {
            byte[] content = (await _store.GetAsync(entry.Key))!.Content, flipped = [.. content];
            flipped[content.Length / 2] ^= 4;
            await _store.PutAsync(entry.Key, flipped);
            Assert.Contains(await CheckAsync(), p => p.Contains($"object {entry.Key} ", StringComparison.Ordinal));
            await _store.DeleteAsync(entry.Key);
            bool isOlderImage = entry.Key.StartsWith(Keys.Manifests, StringComparison.Ordinal) && entry.Key != Keys.Manifest(newest); // as a collection removes it
            Assert.Equal(isOlderImage, (await CheckAsync()).Count == 0);
            await _store.PutAsync(entry.Key, content);
        }

        Assert.Empty(await CheckAsync());
    }

    [Fact]
    public async Task Who_has_a_cluster_clears_it_while_it_is_open()
    {
        var options = new BucketOptions { HeartbeatInterval = TimeSpan.FromMilliseconds(20), CollectInterval = TimeSpan.FromSeconds(1) };
        for (int life = 0; life < 2; life++)
        {
            await using var cluster = await BucketCluster.OpenAsync(_store, "", options, EngineFiles.Default, null);
            await Wait.UntilAsync(async () => (await _store.ListAsync(Keys.Collected)).Entries.Count > 0, "the first look is noted");
            await cluster.CloseAsync();
            _later += TimeSpan.FromDays(30);
        }

        Assert.Equal(2, (await _store.ListAsync(Keys.Manifests)).Entries.Count);
        await using var last = await BucketCluster.OpenAsync(_store, "", options, EngineFiles.Default, null);
        await Wait.UntilAsync(async () => (await _store.ListAsync(Keys.Manifests)).Entries.Count == 1, "the older image is removed");
        await last.CloseAsync();
    }

    static async Task<ToolResult> RunAsync(params string[] arguments)
    {
        var done = await CliServer.RunToEndAsync(arguments);
        Assert.True(done.ExitCode == 0, done.Error);
        return done;
    }

    async Task<(long Rows, long Changed)> CountAsync(string prefix)
    {
        await using var server = await StartAsync(prefix);
        await using var session = await server.OpenAsync();
        var counted = (await session.ScalarAsync<long>("select count(*) from t"), await session.ScalarAsync<long>("select count(*) from t where s not like 'x%'"));
        await session.CloseAsync();
        Assert.Equal(0, await server.StopAsync());
        return counted;
    }

    async Task<long> BytesAsync(string prefix) => (await _store.ListAsync($"bucket/{prefix}/")).Entries.Sum(e => e.Size);

    string Url(string prefix) => $"s3://bucket/{prefix}?endpoint={_server.Endpoint}";

    Task<CliServer> StartAsync(string prefix) => CliServer.StartAsync(
        ["serve", Url(prefix), "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
}
