namespace Pocketgres.ObjectStore;

/// <summary>Counts what is asked of a store.</summary>
internal sealed class MeteredObjectStore(IObjectStore inner) : IObjectStore
{
    private long _puts, _gets, _lists, _deletes, _bytesWritten, _bytesRead;

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <summary>Creates and puts.</summary>
    public long Puts => Volatile.Read(ref _puts);

    /// <summary>Reads.</summary>
    public long Gets => Volatile.Read(ref _gets);

    /// <summary>Listings.</summary>
    public long Lists => Volatile.Read(ref _lists);

    /// <summary>Removals, which stores do not charge for.</summary>
    public long Deletes => Volatile.Read(ref _deletes);

    /// <summary>Bytes of content that were sent.</summary>
    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    /// <summary>Bytes of content that were read.</summary>
    public long BytesRead => Volatile.Read(ref _bytesRead);

    /// <summary>All requests.</summary>
    public long Requests => Puts + Gets + Lists + Deletes;

    /// <inheritdoc/>
    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _gets);
        var found = await inner.GetAsync(key, range, cancellationToken).ConfigureAwait(false);
        Interlocked.Add(ref _bytesRead, found?.Content.Length ?? 0);
        return found;
    }

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _puts);
        Interlocked.Add(ref _bytesWritten, content.Length);
        return inner.CreateAsync(key, content, cancellationToken);
    }

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _puts);
        Interlocked.Add(ref _bytesWritten, content.Length);
        return inner.PutAsync(key, content, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _lists);
        return inner.ListAsync(prefix, after, cancellationToken);
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _deletes);
        return inner.DeleteAsync(key, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}
