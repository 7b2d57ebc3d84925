namespace Pocketgres.ObjectStore;

/// <summary>The part of a store below a prefix, under keys without it. Reading and listing only, a key behind a slash is one of the whole store.</summary>
/// <param name="inner">The store.</param>
/// <param name="prefix">Ends with a slash, or is empty.</param>
/// <param name="ownsInner">Whether the store is disposed with this one.</param>
internal sealed class PrefixedObjectStore(IObjectStore inner, string prefix, bool ownsInner = true) : IObjectStore
{
    /// <inheritdoc/>
    public string Name => $"{inner.Name}/{prefix.TrimEnd('/')}";

    /// <inheritdoc/>
    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default) =>
        inner.GetAsync(key.StartsWith('/') ? key[1..] : prefix + key, range, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        inner.CreateAsync(prefix + key, content, cancellationToken);

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        inner.PutAsync(prefix + key, content, cancellationToken);

    /// <inheritdoc/>
    public async Task<ObjectList> ListAsync(string keyPrefix, string? after = null, CancellationToken cancellationToken = default)
    {
        if (keyPrefix.StartsWith('/'))
        {
            var whole = await inner.ListAsync(keyPrefix[1..], after?[1..], cancellationToken).ConfigureAwait(false);
            return whole with { Entries = [.. whole.Entries.Select(e => e with { Key = "/" + e.Key })] };
        }

        var list = await inner.ListAsync(prefix + keyPrefix, after is null ? null : prefix + after, cancellationToken).ConfigureAwait(false);
        return list with { Entries = [.. list.Entries.Select(e => e with { Key = e.Key[prefix.Length..] })] };
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default) => inner.DeleteAsync(prefix + key, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ownsInner)
        {
            inner.Dispose();
        }
    }
}
