using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Engine;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>What a look at a cluster in a bucket says, and the commands status, sleep and probe.</summary>
public sealed class ClusterStatusTests
{
    static readonly BucketOptions s_options = new() { HeartbeatInterval = TimeSpan.FromMilliseconds(50), HeartbeatLimit = TimeSpan.FromMilliseconds(500) };

    [Fact]
    public async Task It_says_who_has_a_cluster_and_asks_them_to_close_it()
    {
        using var store = new MemoryObjectStore();
        var none = await Assert.ThrowsAsync<BucketException>(() => ReadAsync(store));
        Assert.Equal(BucketError.Missing, none.Error);

        await using (var cluster = await BucketCluster.OpenAsync(store, "", s_options, EngineFiles.Default, null))
        {
            var open = await ReadAsync(store);
            Assert.Equal(ClusterUse.Open, open.Use);
            Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}", open.Holder, StringComparison.Ordinal);
            Assert.True(open.Image > 0 && open.Content.Files > 500 && open.Content.Bytes > 10_000_000);

            // Nobody closes it: it was asked, and may still do it.
            Assert.False(await open.AskToSleepAsync(store, TimeSpan.FromMilliseconds(600), CancellationToken.None));
            await Wait.ForAsync(cluster.SleepAsked, "the request is seen");
            var asked = open.AskToSleepAsync(store, TimeSpan.FromSeconds(60), CancellationToken.None);
            await cluster.CloseAsync();
            Assert.True(await Wait.ForAsync(asked, "who asked sees the end"));
        }

        var asleep = await ReadAsync(store);
        Assert.Equal(ClusterUse.Asleep, asleep.Use);
        Assert.Null(asleep.Holder);
        Assert.Equal(1, asleep.Tail.Records); // the one that closes it
        Assert.Empty((await store.ListAsync(Keys.Asked)).Entries);

        var killed = await BucketCluster.OpenAsync(store, "", s_options, EngineFiles.Default, null);
        await killed.DisposeAsync(); // without a close
        var abandoned = await ReadAsync(store, limitSeconds: 0);
        Assert.Equal(ClusterUse.Abandoned, abandoned.Use);
        Assert.NotNull(abandoned.Holder);
    }

    [Fact]
    public async Task The_commands_say_what_they_see()
    {
        using var store = new MeteredObjectStore(new MemoryObjectStore());
        using var server = TestCredentials.Serve(store);
        string url = $"s3://bucket/cluster?endpoint={server.Endpoint}";

        Assert.Equal(2, (await CliServer.RunToEndAsync("status", "file:./data")).ExitCode);
        Assert.Equal(2, (await CliServer.RunToEndAsync("sleep", url, "--wait", "0")).ExitCode);
        var none = await CliServer.RunToEndAsync("status", url);
        Assert.Equal(4, none.ExitCode);
        Assert.Contains("there is no cluster", none.Error, StringComparison.Ordinal);
        var probe = await CliServer.RunToEndAsync("probe", url);
        Assert.Equal(0, probe.ExitCode);
        Assert.Contains("can hold a cluster", probe.Output, StringComparison.Ordinal);
        Assert.Empty((await store.ListAsync("")).Entries);

        await using (var cluster = await BucketCluster.OpenAsync(new PrefixedObjectStore(store, "bucket/cluster/", ownsInner: false), "cluster/", s_options, EngineFiles.Default, null))
        {
            await cluster.CloseAsync();
        }

        var status = await CliServer.RunToEndAsync("status", url, "--json");
        Assert.Equal("asleep", System.Text.Json.JsonDocument.Parse(status.Output).RootElement.GetProperty("state").GetString());
        Assert.Equal("asleep already\n", (await CliServer.RunToEndAsync("sleep", url)).Output);
        await store.PutAsync("bucket/cluster/format", "something else"u8.ToArray());
        Assert.Equal(5, (await CliServer.RunToEndAsync("status", url)).ExitCode);
    }

    static Task<ClusterStatus> ReadAsync(IObjectStore store, int limitSeconds = 30) => ClusterStatus.ReadAsync(store, TimeSpan.FromSeconds(limitSeconds), CancellationToken.None);
}
