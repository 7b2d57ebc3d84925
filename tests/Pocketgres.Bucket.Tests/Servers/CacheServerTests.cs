using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>Servers with a cache on disk.</summary>
public sealed class CacheServerTests : IDisposable
{
    const string Sums = "select sum(length(v)) + sum(i) from t";
    const long Expected = (20000 * 500) + (20000L * 20001 / 2);

    readonly ITestOutputHelper _output;
    readonly MemoryObjectStore _kept = new();
    readonly PackReads _store;
    readonly S3Server _server;
    readonly TemporaryDirectory _directory = new();

    public CacheServerTests(ITestOutputHelper output)
    {
        _output = output;
        _store = new(_kept);
        _server = TestCredentials.Serve(_store.Store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _kept.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_second_wake_reads_no_pack()
    {
        await MakeAsync("cluster");
        int made = _store.Packs;
        await using (var killed = await StartAsync("cluster"))
        {
            int cold = await ReadAsync(killed, made, "a wake with an empty cache");
            Assert.True(cold > 1);
            await killed.KillAsync();
        }

        for (int life = 0; life < 2; life++)
        {
            int before = _store.Packs;
            await using var server = await StartAsync("cluster");
            Assert.Equal(0, await ReadAsync(server, before, life == 0 ? "the wake after a kill" : "the wake after a stop"));
            Assert.Equal(0, await server.StopAsync());
        }

        foreach (string file in Directory.GetFiles(_directory.Path))
        {
            byte[] bytes = await File.ReadAllBytesAsync(file);
            bytes[bytes.Length / 2] ^= 1;
            await File.WriteAllBytesAsync(file, bytes);
        }

        int packs = _store.Packs;
        await using var last = await StartAsync("cluster");
        Assert.True(await ReadAsync(last, packs, "a wake with a cache that is all damaged") > 1);
        Directory.Delete(_directory.Path, recursive: true);
        await using (var session = await last.OpenAsync())
        {
            await session.ExecuteAsync("insert into t select i, repeat('x', 500) from generate_series(20001, 20100) i; delete from t where i > 20000; checkpoint");
            Assert.Equal(Expected, await session.ScalarAsync<long>(Sums));
        }

        Assert.Equal(0, await last.StopAsync());
        Assert.DoesNotContain("PANIC", last.Log.Tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Servers_and_a_replica_share_a_small_directory()
    {
        await Task.WhenAll(MakeAsync("one"), MakeAsync("two"));
        await using var one = await StartAsync("one", "&cache-size=1MB");
        await using var two = await StartAsync("two", "&cache-size=1MB");
        await using var replica = await StartAsync("one", "&cache-size=1MB&replica=true");
        CliServer[] servers = [one, two, replica];
        await Task.WhenAll(servers.Select(async server =>
        {
            await using var session = await server.OpenAsync();
            Assert.Equal(Expected, await session.ScalarAsync<long>(Sums));
        }));
        foreach (var server in servers)
        {
            Assert.Equal(0, await server.StopAsync());
            Assert.DoesNotContain("cannot keep pages", server.Log.Tail, StringComparison.Ordinal);
        }

        // One last look of each may have been on its way when its process ended.
        Assert.InRange(Directory.GetFiles(_directory.Path, "*.frame").Sum(f => new FileInfo(f).Length), 1, 2 << 20);
    }

    [Theory]
    [InlineData("cache=", "write a directory")]
    [InlineData("cache", "write a directory")]
    [InlineData("cache=/tmp/x&cache-size=1kB", "of 1MB at least")]
    [InlineData("cache=/tmp/x&cache-size=many", "write a size such as 512MB")]
    [InlineData("cache-size=1GB", "add cache=DIR")]
    public void A_bad_parameter_says_what_to_write(string parameters, string expected)
    {
        Assert.False(BucketUrl.TryParse($"s3://bucket/cluster?{parameters}", out _, out string? error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory, InlineData("1MB", 1L << 20), InlineData("10GB", 10L << 30), InlineData("2TB", 2L << 40), InlineData("2048kB", 2L << 20)]
    public void Sizes_are_Postgres_own(string size, long expected)
    {
        Assert.True(BucketUrl.TryParse($"s3://bucket/cluster?cache=%2Ftmp%2Fx&cache-size={size}", out var url, out _));
        Assert.Equal(("/tmp/x", expected), (url.Options.CacheDirectory, url.Options.CacheBytes));
    }

    // Its cache is not that of the tests: as if it was made elsewhere.
    async Task MakeAsync(string prefix)
    {
        await using var server = await StartAsync(prefix, hasCache: false);
        await using var session = await server.OpenAsync();
        await session.ExecuteAsync("create table t (i int primary key, v text); insert into t select i, repeat('x', 500) from generate_series(1, 20000) i");
        await session.ExecuteAsync("vacuum (freeze, analyze) t");
        await session.CloseAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    async Task<int> ReadAsync(CliServer server, int before, string what)
    {
        await using var session = await server.OpenAsync();
        Assert.Equal(500, await session.ScalarAsync<int>("select length(v) from t where i = 4711"));
        Assert.Equal(Expected, await session.ScalarAsync<long>(Sums));
        _output.WriteLine($"{what}: {_store.Packs - before} reads of packs");
        return _store.Packs - before;
    }

    Task<CliServer> StartAsync(string prefix, string parameters = "", bool hasCache = true) => CliServer.StartAsync(
    [
        "serve", $"s3://bucket/{prefix}?endpoint={_server.Endpoint}&puts=0&takeover=true{(hasCache ? $"&cache={_directory.Path}" : "")}{parameters}", "--port", "0", "-c", "autovacuum=off",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
    ]);
}
