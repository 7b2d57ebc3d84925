using System.Collections.Concurrent;
using Pocketgres.Bucket.Formats;
using Pocketgres.Engine.Data;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Files;

/// <summary>Reads frames from packs; who asks for one that is on its way waits for the same request. Any thread.</summary>
internal sealed class FrameReader(IObjectStore store)
{
    private readonly ConcurrentDictionary<PageFrame, Lazy<Task<byte[]>>> _reading = new();

    /// <summary>The pages of a frame, one after the other.</summary>
    /// <exception cref="DamagedObjectException">The pack is missing or damaged.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task<byte[]> ReadAsync(PageFrame frame)
    {
        var reading = _reading.GetOrAdd(frame, f => new Lazy<Task<byte[]>>(() => FetchAsync(f)));
        try
        {
            return await reading.Value.ConfigureAwait(false);
        }
        finally
        {
            _reading.TryRemove(frame, out _);
        }
    }

    /// <summary>The frames of a whole pack, in order.</summary>
    public async Task<IReadOnlyList<byte[]>> ReadPackAsync(string pack, IReadOnlyList<PageFrame> frames)
    {
        var found = await store.GetAsync(pack).ConfigureAwait(false) ?? throw Missing(pack);
        return [.. frames.Select(f => Decode(f, found.Content.AsMemory(
            Math.Min(f.Offset, found.Content.Length), Math.Clamp(found.Content.Length - f.Offset, 0, f.Length))))];
    }

    private async Task<byte[]> FetchAsync(PageFrame frame)
    {
        var found = await store.GetAsync(frame.Pack, new ByteRange(frame.Offset, frame.Length)).ConfigureAwait(false) ?? throw Missing(frame.Pack);
        return Decode(frame, found.Content);
    }

    /// <summary>The pages of a frame, from its bytes.</summary>
    /// <exception cref="DamagedObjectException">They are not what they should be.</exception>
    public static byte[] Decode(PageFrame frame, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length != frame.Length || Crc32C.Compute(bytes.Span) != frame.Checksum)
        {
            throw new DamagedObjectException(frame.Pack, bytes.Length != frame.Length ? "is cut off" : "is damaged (wrong checksum)");
        }

        return Compression.Inflate(frame.Pack, bytes, frame.Pages * PageFile.PageSize);
    }

    private static DamagedObjectException Missing(string pack) => new(pack, "is missing: it was deleted");
}
