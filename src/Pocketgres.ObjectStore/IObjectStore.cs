namespace Pocketgres.ObjectStore;

/// <summary>
/// The few operations of an object store that a cluster needs. Keys are '/'-separated ASCII, ordered byte by byte; objects appear whole or not at all, and
/// who reads after a write was acknowledged sees it. Any thread. Failures are <see cref="ObjectStoreException"/>.
/// </summary>
internal interface IObjectStore : IDisposable
{
    /// <summary>What it is, as people write it, without secrets.</summary>
    string Name { get; }

    /// <summary>An object, or a part of one; null when there is none.</summary>
    Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default);

    /// <summary>Creates an object unless one has that name: the only operation that decides anything.</summary>
    /// <returns>False when there is one already, whatever its content.</returns>
    Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default);

    /// <summary>Creates or replaces an object.</summary>
    Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default);

    /// <summary>The objects whose keys begin with <paramref name="prefix"/> and come after <paramref name="after"/>, all of them, in order.</summary>
    Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default);

    /// <summary>Removes an object; none is no error.</summary>
    Task DeleteAsync(string key, CancellationToken cancellationToken = default);
}

/// <summary>A part of an object.</summary>
/// <param name="Start">First byte.</param>
/// <param name="Length">Bytes, at least one.</param>
internal readonly record struct ByteRange(long Start, long Length);

/// <summary>An object that was read.</summary>
/// <param name="Content">Its bytes, or those of the range.</param>
internal sealed record StoredObject(byte[] Content);

/// <summary>A name in a listing.</summary>
/// <param name="Key">The name.</param>
/// <param name="Size">Bytes.</param>
/// <param name="LastModified">When it was written, by the store's clock.</param>
internal sealed record ObjectEntry(string Key, long Size, DateTimeOffset LastModified);

/// <summary>A listing.</summary>
/// <param name="Entries">In order of their keys.</param>
/// <param name="Time">The store's clock when it answered.</param>
internal sealed record ObjectList(IReadOnlyList<ObjectEntry> Entries, DateTimeOffset Time);
