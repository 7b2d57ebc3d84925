using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Counts the reads of packs, and all other requests.</summary>
sealed class PackReads(IObjectStore inner) : IObjectStore
{
    int _packs, _others;

    public string Name => inner.Name;

    public int Packs => Volatile.Read(ref _packs);

    public int Others => Volatile.Read(ref _others);

    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref key.Contains("pack/", StringComparison.Ordinal) ? ref _packs : ref _others);
        return inner.GetAsync(key, range, cancellationToken);
    }

    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _others);
        return inner.CreateAsync(key, content, cancellationToken);
    }

    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _others);
        return inner.PutAsync(key, content, cancellationToken);
    }

    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _others);
        return inner.ListAsync(prefix, after, cancellationToken);
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _others);
        return inner.DeleteAsync(key, cancellationToken);
    }

    public void Dispose() => inner.Dispose();
}
