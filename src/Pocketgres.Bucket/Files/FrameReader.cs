using System.Collections.Concurrent;
using Pocketgres.Bucket.Formats;
using Pocketgres.Engine.Data;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Files;

/// <summary>Reads frames from packs; who asks for one that is on its way waits for the same request. Any thread.</summary>
internal sealed class FrameReader(IObjectStore store)
{
    private readonly ConcurrentDictionary<PageFrame, Lazy<Task<byte[]>>> _reading = new();

    private (string Pack, Task<StoredObject?> Reading)? _expected;

    /// <summary>Frames that are kept on this machine; null for none. Set once it is known which cluster they are of.</summary>
    public FrameCache? Cache { get; set; }

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

    /// <summary>Begins to read a pack that will most likely be asked for whole. One at most; should it not come, nobody need know.</summary>
    public void Expect(string pack) => _expected = (pack, store.GetAsync(pack));

    /// <summary>The frames of a whole pack, in order.</summary>
    public async Task<IReadOnlyList<byte[]>> ReadPackAsync(string pack, IReadOnlyList<PageFrame> frames)
    {
        if (Cache is { } cache && await Task.Run(() => Kept(cache, frames)).ConfigureAwait(false) is { } kept)
        {
            return kept;
        }

        var reading = _expected is { } expected && expected.Pack == pack ? expected.Reading : store.GetAsync(pack);
        _expected = null;
        var found = await reading.ConfigureAwait(false) ?? throw Missing(pack);
        List<byte[]> read = [.. frames.Select(f => Decode(f, found.Content.AsMemory(
            Math.Min(f.Offset, found.Content.Length), Math.Clamp(found.Content.Length - f.Offset, 0, f.Length))))];
        Keep(frames, found.Content);
        return read;
    }

    /// <summary>Keeps frames of a pack on this machine, if it keeps any.</summary>
    /// <param name="frames">The frames.</param>
    /// <param name="pack">The pack's bytes, as they are in the store.</param>
    public void Keep(IEnumerable<PageFrame> frames, ReadOnlySpan<byte> pack)
    {
        if (Cache is { } cache)
        {
            foreach (var frame in frames)
            {
                cache.Add(frame, pack.Slice(frame.Offset, frame.Length));
            }
        }
    }

    private async Task<byte[]> FetchAsync(PageFrame frame)
    {
        if (Cache is { } cache && await Task.Run(() => Kept(cache, [frame])).ConfigureAwait(false) is { } kept)
        {
            return kept[0];
        }

        var found = await store.GetAsync(frame.Pack, new ByteRange(frame.Offset, frame.Length)).ConfigureAwait(false) ?? throw Missing(frame.Pack);
        byte[] pages = Decode(frame, found.Content);
        Cache?.Add(frame, found.Content);
        return pages;
    }

    // The pages of frames that are all on this machine.
    private static List<byte[]>? Kept(FrameCache cache, IReadOnlyList<PageFrame> frames)
    {
        var kept = new List<byte[]>(frames.Count);
        foreach (var frame in frames)
        {
            if (cache.Read(frame) is not { } bytes)
            {
                return null;
            }

            try
            {
                kept.Add(Decode(frame, bytes));
            }
            catch (DamagedObjectException)
            {
                cache.Remove(frame); // what the manifest says decides
                return null;
            }
        }

        return kept;
    }

    /// <summary>The pages of a frame, from its bytes.</summary>
    /// <exception cref="DamagedObjectException">They are not what they should be.</exception>
    public static byte[] Decode(PageFrame frame, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length != frame.Length || Crc32C.Compute(bytes.Span) != frame.Checksum)
        {
            throw new DamagedObjectException(frame.Pack, bytes.Length != frame.Length ? "is cut off" : "is damaged (wrong checksum)");
        }

        return PageCompression.Decompress(frame.Pack, bytes, frame.Pages * PageFile.PageSize);
    }

    private static DamagedObjectException Missing(string pack) => new(pack, "is missing: it was deleted");
}
