using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>What a cluster sends to its bucket, against what changes in it.</summary>
public sealed class WriteAmplificationTests : IDisposable
{
    const string Prefix = "bucket/main/";

    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly S3Server _server;
    readonly ITestOutputHelper _output;
    ulong _lsn;

    public WriteAmplificationTests(ITestOutputHelper output)
    {
        _output = output;
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task At_most_twice_the_log_and_the_changed_pages_are_uploaded()
    {
        _lsn = await LiveAsync(_ => Task.CompletedTask);
        double load = await MeasureAsync("load of 50,000 rows and an index", s => s.ExecuteAsync(
            "create table t (i int primary key, v text, w text default ''); insert into t select i, md5(i::text) || md5((2 * i)::text) from generate_series(1, 50000) i; create index on t (v)"));
        double scattered = await MeasureAsync("600 commits of one row each, scattered", async s =>
        {
            for (int i = 0; i < 600; i++)
            {
                await s.ExecuteAsync($"update t set w = md5('{i}') where i = {(i * 7919 % 50000) + 1}");
            }
        });
        double appended = await MeasureAsync("600 commits of one row each, appended", async s =>
        {
            for (int i = 0; i < 600; i++)
            {
                await s.ExecuteAsync($"insert into t values ({50001 + i}, md5('{i}'))");
            }
        });
        double bulk = await MeasureAsync("update of every fifth row", s => s.ExecuteAsync("update t set w = md5(v) where i % 5 = 0"));
        Assert.All([load, scattered, appended, bulk], ratio => Assert.InRange(ratio, 0.01, 1)); // twice is what is promised, less than once what compression makes of it

        // Whatever is done, a life writes the pages that the next one wants first once more, and the names of all files.
        long before = _store.BytesWritten;
        await LiveAsync(s => s.ExecuteAsync("update t set w = '' where i = 1"));
        long little = _store.BytesWritten - before;
        _output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"a life with one commit: {little / 1e6:f2} MB"));
        Assert.InRange(little, 1, 1_000_000);
    }

    // Bytes uploaded in a life over bytes of log and pages that changed in it.
    async Task<double> MeasureAsync(string what, Func<NpgsqlConnection, Task> work)
    {
        long before = _store.BytesWritten;
        var images = await ImagesAsync();
        await LiveAsync(work);
        long uploaded = _store.BytesWritten - before;
        long pages = 0;
        var known = images.SelectMany(m => m.Packs()).ToHashSet();
        int made = 0;
        foreach (var image in (await ImagesAsync()).Where(m => images.All(i => i.Sequence != m.Sequence)))
        {
            // Of the log's own files an image has pages too, which count as log only.
            pages += image.Entries.Where(e => !e.Path.StartsWith("/pg_wal/", StringComparison.Ordinal)).SelectMany(e => e.Runs).Where(r => !known.Contains(r.Frame.Pack)).Sum(r => (long)r.Count);
            known.UnionWith(image.Packs());
            made++;
        }

        ulong end = await LiveAsync(_ => Task.CompletedTask);
        long log = (long)(end - _lsn);
        _lsn = end;
        double ratio = (double)uploaded / (log + (pages * 8192));
        _output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {uploaded / 1e6:f2} MB uploaded, {log / 1e6:f2} MB of log, {pages * 8192 / 1e6:f2} MB of changed pages in {made} images: {ratio:f2}"));
        return ratio;
    }

    async Task<List<Manifest>> ImagesAsync()
    {
        var cluster = FormatObject.Decode((await _store.GetAsync(Prefix + Keys.Format))!.Content).Cluster;
        var images = new List<Manifest>();
        foreach (var entry in (await _store.ListAsync(Prefix + Keys.Manifests)).Entries)
        {
            images.Add(Manifest.Decode((await _store.GetAsync(entry.Key))!.Content, cluster, Keys.NumberIn(entry.Key, Prefix + Keys.Manifests)));
        }

        return images;
    }

    // Returns where the log was when it began.
    async Task<ulong> LiveAsync(Func<NpgsqlConnection, Task> work)
    {
        await using var postgres = await PostgresInstance.StartAsync($"s3://bucket/main?endpoint={_server.Endpoint}&puts=0");
        await using var session = await postgres.DataSource.OpenConnectionAsync();
        ulong begin = (ulong)await session.ScalarAsync<decimal>("select pg_current_wal_lsn() - '0/0'");
        await work(session);
        return begin;
    }
}
