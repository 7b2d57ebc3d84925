using System.Diagnostics;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A cluster's life on Ceph (eng/radosgw.sh), and how long its commits take there.</summary>
public class RadosgwTests(ITestOutputHelper output)
{
    [RadosgwFact]
    public async Task A_cluster_is_loaded_killed_woken_put_to_sleep_branched_and_taken_over() => await (await LifeAsync()).RunAsync();

    [RadosgwFact]
    public async Task Commits_take_as_long_as_a_write_of_the_store()
    {
        using (var store = Radosgw.Open(await Radosgw.NewBucketAsync()))
        {
            foreach (int clients in (int[])[1, 8])
            {
                double[][] created = await Task.WhenAll(Enumerable.Range(0, clients).Select(
                    c => TakeAsync(400 / clients, async i => Assert.True(await store.CreateAsync($"log/{clients}-{c}/{i:x16}", new byte[1000])))));
                Report($"{clients} clients that only create objects of 1 kB", [.. created.SelectMany(t => t)]);
            }
        }

        var life = await LifeAsync();
        await using var server = await life.StartAsync("commits");
        await using (var session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create table t (i int)");
        }

        foreach (int clients in (int[])[1, 8])
        {
            double[][] taken = await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
            {
                await using var session = await server.OpenAsync();
                return await TakeAsync(400 / clients, _ => session.ExecuteAsync("insert into t values (1)"));
            }));
            Report($"{clients} clients that commit", [.. taken.SelectMany(t => t)]);
        }

        await using var last = await server.OpenAsync();
        Assert.Equal(800, await last.ScalarAsync<long>("select count(*) from t"));
    }

    // How long each took, in milliseconds.
    static async Task<double[]> TakeAsync(int count, Func<int, Task> action)
    {
        var taken = new double[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await action(i);
            taken[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return taken;
    }

    void Report(string who, double[] taken)
    {
        double[] sorted = [.. taken.Order()];
        output.WriteLine(FormattableString.Invariant($"{who}: p50 {sorted[sorted.Length / 2]:0.0} ms, p99 {sorted[sorted.Length * 99 / 100]:0.0} ms"));
    }

    static async Task<ClusterLife> LifeAsync()
    {
        string bucket = await Radosgw.NewBucketAsync();
        return new ClusterLife(prefix => $"s3://{bucket}/{prefix}?endpoint={Radosgw.Endpoint}", new Dictionary<string, string>());
    }
}
