using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Tells before each request, which may be counted, or made to wait or to fail.</summary>
/// <param name="inner">The store; stays the caller's.</param>
/// <param name="before">Gets the request, "get", "create", "put", "list" or "delete", and its key or prefix.</param>
sealed class WatchedStore(IObjectStore inner, Func<string, string, Task> before) : IObjectStore
{
    public string Name => inner.Name;

    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        await before("get", key);
        return await inner.GetAsync(key, range, cancellationToken);
    }

    public async Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        await before("create", key);
        return await inner.CreateAsync(key, content, cancellationToken);
    }

    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        await before("put", key);
        await inner.PutAsync(key, content, cancellationToken);
    }

    public async Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        await before("list", prefix);
        return await inner.ListAsync(prefix, after, cancellationToken);
    }

    public async Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        await before("delete", key);
        await inner.DeleteAsync(key, cancellationToken);
    }

    public void Dispose()
    {
    }
}
