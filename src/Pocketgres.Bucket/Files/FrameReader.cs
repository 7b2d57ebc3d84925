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
    private (string Pack, ReadOnlyMemory<byte> Content)? _copy;

    /// <summary>Frames that are kept on this machine; null for none. Set once it is known which cluster they are of.</summary>
    public FrameCache? Cache { get; set; }

    /// <summary>The pages of a frame, one after the other.</summary>
    /// <exception cref="DamagedObjectException">The pack is missing or damaged.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task<byte[]> ReadAsync(PageFrame frame)
    {
        byte[] read = [];
        await ReadAsync(frame, static () => true, pages => read = pages).ConfigureAwait(false);
        return read;
    }

    /// <summary>Gives the pages of a frame, one after the other, to who wants them. Who comes before they were taken does not ask for them again.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="isWanted">Whether it still has to be read. Called once others would see that it is on its way.</param>
    /// <param name="take">Gets the pages, which others may get as well.</param>
    /// <exception cref="DamagedObjectException">The pack is missing or damaged.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task ReadAsync(PageFrame frame, Func<bool> isWanted, Action<byte[]> take)
    {
        var reading = _reading.GetOrAdd(frame, f => new Lazy<Task<byte[]>>(() => FetchAsync(f)));
        try
        {
            if (isWanted())
            {
                take(await reading.Value.ConfigureAwait(false));
            }
        }
        finally
        {
            _reading.TryRemove(KeyValuePair.Create(frame, reading));
        }
    }

    /// <summary>Begins to read a pack that will most likely be asked for whole. One at most; should it not come, nobody need know.</summary>
    public void Expect(string pack) => _expected = (pack, store.GetAsync(pack));

    /// <summary>Gives a copy of a pack that will most likely be asked for whole. Should it not be what it is said to be, the pack is read.</summary>
    public void Give(string pack, ReadOnlyMemory<byte> copy) => _copy = (pack, copy);

    /// <summary>The frames of a whole pack, in order, as they are there; for <see cref="Unpack"/>.</summary>
    /// <exception cref="DamagedObjectException">The pack is missing or damaged.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadPackAsync(string pack, IReadOnlyList<PageFrame> frames)
    {
        var copy = _copy;
        _copy = null;
        if (copy is { } given && given.Pack == pack)
        {
            var copied = Split(frames, given.Content);
            if (AreWhole(frames, copied))
            {
                return copied;
            }
        }

        if (Cache is { } cache && await Task.Run(() => Kept(cache, frames)).ConfigureAwait(false) is { } kept)
        {
            return kept;
        }

        var reading = _expected is { } expected && expected.Pack == pack ? expected.Reading : store.GetAsync(pack);
        _expected = null;
        var content = (await reading.ConfigureAwait(false) ?? throw Missing(pack)).Content;
        var read = Split(frames, content);
        for (int i = 0; i < read.Length; i++)
        {
            Check(frames[i], read[i]);
        }

        Keep(frames, content);
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
            try
            {
                return Unpacked(frame, kept[0]);
            }
            catch (DamagedObjectException)
            {
                cache.Remove(frame); // other bytes of the same checksum; what the store has decides
            }
        }

        var found = await store.GetAsync(frame.Pack, new ByteRange(frame.Offset, frame.Length)).ConfigureAwait(false) ?? throw Missing(frame.Pack);
        byte[] pages = Decode(frame, found.Content);
        Cache?.Add(frame, found.Content);
        return pages;
    }

    // What of a pack's bytes belongs to each frame.
    private static ReadOnlyMemory<byte>[] Split(IReadOnlyList<PageFrame> frames, ReadOnlyMemory<byte> pack)
    {
        var split = new ReadOnlyMemory<byte>[frames.Count];
        for (int i = 0; i < split.Length; i++)
        {
            int start = Math.Min(frames[i].Offset, pack.Length);
            split[i] = pack.Slice(start, Math.Min(pack.Length - start, frames[i].Length));
        }

        return split;
    }

    // Frames that are all on this machine.
    private static ReadOnlyMemory<byte>[]? Kept(FrameCache cache, IReadOnlyList<PageFrame> frames)
    {
        var kept = new ReadOnlyMemory<byte>[frames.Count];
        for (int i = 0; i < kept.Length; i++)
        {
            if (cache.Read(frames[i]) is not { } bytes)
            {
                return null;
            }

            if (!IsWhole(frames[i], bytes))
            {
                cache.Remove(frames[i]); // what the manifest says decides
                return null;
            }

            kept[i] = bytes;
        }

        return kept;
    }

    /// <summary>The pages of a frame, from its bytes.</summary>
    /// <exception cref="DamagedObjectException">They are not what they should be.</exception>
    public static byte[] Decode(PageFrame frame, ReadOnlyMemory<byte> bytes) => Unpacked(frame, Check(frame, bytes));

    /// <summary>The same, of bytes whose checksum is known to be right, to a place for <see cref="PageFrame.Pages"/> pages.</summary>
    /// <exception cref="DamagedObjectException">They are no pages.</exception>
    public static void Unpack(PageFrame frame, ReadOnlyMemory<byte> bytes, Span<byte> pages) => PageCompression.Decompress(frame.Pack, bytes, pages);

    private static byte[] Unpacked(PageFrame frame, ReadOnlyMemory<byte> bytes)
    {
        byte[] pages = new byte[frame.Pages * PageFile.PageSize];
        Unpack(frame, bytes, pages);
        return pages;
    }

    private static ReadOnlyMemory<byte> Check(PageFrame frame, ReadOnlyMemory<byte> bytes) => IsWhole(frame, bytes) ? bytes
        : throw new DamagedObjectException(frame.Pack, bytes.Length != frame.Length ? "is cut off" : "is damaged (wrong checksum)");

    private static bool IsWhole(PageFrame frame, ReadOnlyMemory<byte> bytes) => bytes.Length == frame.Length && Crc32C.Compute(bytes.Span) == frame.Checksum;

    private static bool AreWhole(IReadOnlyList<PageFrame> frames, ReadOnlyMemory<byte>[] bytes)
    {
        int i = 0;
        while (i < bytes.Length && IsWhole(frames[i], bytes[i]))
        {
            i++;
        }

        return i == bytes.Length;
    }

    private static DamagedObjectException Missing(string pack) => new(pack, "is missing: it was deleted");
}
