using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;
using Pocketgres.ObjectStore.Testing;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>What a cluster needs of any object store, held against each kind there is.</summary>
public sealed class StoreContractTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();
    readonly List<IDisposable> _open = [];

    public static TheoryData<string> Kinds => ["memory", "directory", "s3", "faulty", "failing s3", "azurite", .. Radosgw.Endpoint is null ? [] : (string[])["radosgw"]];

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_key_is_created_once(string kind)
    {
        var store = Open(kind);
        Assert.True(await store.CreateAsync("a/b", new byte[] { 1 }));
        Assert.False(await store.CreateAsync("a/b", new byte[] { 2 }));
        Assert.Equal([1], (await store.GetAsync("a/b"))!.Content);
        await store.DeleteAsync("a/b");
        await store.DeleteAsync("a/b");
        Assert.Null(await store.GetAsync("a/b"));
        Assert.True(await store.CreateAsync("a/b", new byte[] { 3 }));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Of_many_who_create_a_key_at_once_one_wins(string kind)
    {
        var store = Open(kind);
        for (int round = 0; round < (kind == "azurite" ? 4 : 20); round++)
        {
            string key = $"race/{round}";
            bool[] won = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => store.CreateAsync(key, new[] { (byte)i, (byte)round }))));
            int winner = Array.IndexOf(won, true);
            Assert.Equal(1, won.Count(w => w));
            Assert.Equal([(byte)winner, (byte)round], (await store.GetAsync(key))!.Content);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Objects_are_read_whole_and_in_parts(string kind)
    {
        var store = Open(kind);
        byte[] content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7))];
        await store.PutAsync("o", content);
        await store.PutAsync("empty", default);
        Assert.Equal(content, (await store.GetAsync("o"))!.Content);
        Assert.Equal(content[100..164], (await store.GetAsync("o", new ByteRange(100, 64)))!.Content);
        Assert.Equal(content[299_990..], (await store.GetAsync("o", new ByteRange(299_990, 64)))!.Content);
        Assert.Empty((await store.GetAsync("o", new ByteRange(400_000, 1)))!.Content);
        Assert.Empty((await store.GetAsync("empty"))!.Content);
        Assert.Null(await store.GetAsync("none"));
        await store.PutAsync("o", new byte[] { 1 });
        Assert.Equal([1], (await store.GetAsync("o"))!.Content);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Listings_are_whole_and_in_order(string kind)
    {
        var store = Open(kind);
        string[] keys = [.. Enumerable.Range(0, kind == "azurite" ? 123 : 1203).Select(i => $"log/{i:x16}")];
        await Parallel.ForEachAsync(keys.Reverse(), async (key, _) => await store.PutAsync(key, new byte[] { 1, 2 }));
        await store.PutAsync("man/1", new byte[] { 1 });
        var all = await store.ListAsync("log/");
        Assert.Equal(keys, all.Entries.Select(e => e.Key));
        Assert.All(all.Entries, e => Assert.Equal(2, e.Size));
        Assert.InRange(all.Entries[0].LastModified, all.Time - TimeSpan.FromMinutes(5), all.Time + TimeSpan.FromSeconds(2));
        Assert.Equal(keys[18..], (await store.ListAsync("log/", keys[17])).Entries.Select(e => e.Key));
        Assert.Empty((await store.ListAsync("log/", keys[^1])).Entries);
        Assert.Empty((await store.ListAsync("none/")).Entries);
    }

    [Theory, MemberData(nameof(Kinds))]
    public Task The_probe_is_content(string kind) => StoreProbe.RunAsync(Open(kind), "x/");

    [Fact]
    public async Task The_probe_refuses_a_store_that_overwrites()
    {
        var error = await Assert.ThrowsAsync<ObjectStoreException>(() => StoreProbe.RunAsync(new OverwritingStore(), ""));
        Assert.Equal(ObjectStoreError.Unsupported, error.Error);
        Assert.Contains("overwrites", error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _open.ForEach(o => o.Dispose());
        _directory.Dispose();
    }

    IObjectStore Open(string kind)
    {
        IObjectStore store = kind switch
        {
            "memory" => new MemoryObjectStore(),
            "directory" => new DirectoryObjectStore(_directory.Combine("objects")),
            "s3" => Client(Keep(S3Server.Start(new MemoryObjectStore(), 0)).Port),
            "failing s3" => FailingClient(),
            "radosgw" => Radosgw.Open(Radosgw.NewBucketAsync().GetAwaiter().GetResult()),
            "azurite" => Azurite.Open(Azurite.NewContainer(), pageEntries: 50),
            _ => new RetryingObjectStore(
                new FaultyObjectStore(new MemoryObjectStore(), 5,
                    new FaultOptions { Refused = 0.1, Lost = 0.1, Delayed = 0.1, Delay = TimeSpan.FromMilliseconds(2) }),
                TimeSpan.FromMinutes(2)),
        };
        _open.Add(store);
        return store;
    }

    // Requests refused, executed and answered with an error, and connections reset in the middle.
    RetryingObjectStore FailingClient()
    {
        var faults = new FaultOptions { Refused = 0.05, Lost = 0.05 };
        var server = Keep(S3Server.Start(new FaultyObjectStore(new MemoryObjectStore(), 5, faults), 0));
        return new RetryingObjectStore(Client(Keep(CuttingProxy.Start(0, server.Port, 0.05, 5)).Port), TimeSpan.FromMinutes(2));
    }

    static S3ObjectStore Client(int port) =>
        new(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse($"http://127.0.0.1:{port}") }, TestCredentials.Environment);

    T Keep<T>(T opened) where T : IDisposable
    {
        _open.Add(opened);
        return opened;
    }

    /// <summary>As some servers do that call themselves compatible.</summary>
    sealed class OverwritingStore : IObjectStore
    {
        readonly MemoryObjectStore _inner = new();

        public string Name => "overwriting";

        public Task<StoredObject?> GetAsync(string key, ByteRange? range, CancellationToken cancellationToken) => _inner.GetAsync(key, range, cancellationToken);

        public async Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            await _inner.PutAsync(key, content, cancellationToken);
            return true;
        }

        public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => _inner.PutAsync(key, content, cancellationToken);

        public Task<ObjectList> ListAsync(string prefix, string? after, CancellationToken cancellationToken) => _inner.ListAsync(prefix, after, cancellationToken);

        public Task DeleteAsync(string key, CancellationToken cancellationToken) => _inner.DeleteAsync(key, cancellationToken);

        public void Dispose() => _inner.Dispose();
    }
}
