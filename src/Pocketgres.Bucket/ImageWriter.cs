using System.Collections.Frozen;
using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Engine.Data;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>
/// Makes images: freezes the files, waits until the log up to there is stored, writes the pages that are only here as packs, then the manifest, then the
/// hint. An image is there when its manifest is; what a process that ends before has written is garbage that nothing names.
/// </summary>
/// <param name="store">The cluster's prefix.</param>
/// <param name="log">The log, taken.</param>
/// <param name="files">The files.</param>
/// <param name="shipper">Where the files note their changes.</param>
internal sealed class ImageWriter(IObjectStore store, OpenedLog log, BucketFileSystem files, LogShipper shipper)
{
    private const int MaximumPack = 8 << 20;
    private const int MaximumInner = 128 << 10; // of a boot pack, pages of indexes above the leaves: 5 to 90 bytes of them are 8 KiB

    private long _nextPack = log.Manifest?.NextPack ?? 1;
    private long _newest = log.Manifest?.Sequence ?? 0;
    private BootPack? _boot = log.Manifest?.Boot;
    private ReadOnlyMemory<byte> _bootContent; // of the boot pack of this life
    private ReadOnlyMemory<byte> _manifestContent; // of the image that has it

    /// <summary>Called before each step, with its name.</summary>
    public Action<string>? Step { get; init; }

    /// <summary>Number of the newest manifest.</summary>
    public long Newest => Volatile.Read(ref _newest);

    /// <summary>Makes an image, unless nothing was noted since the last one.</summary>
    /// <param name="withBootPack">Whether it gets a new boot pack, of the pages that were read first in this life.</param>
    /// <param name="sparse">Packs that it is not to read: what they have is written once more. None by default.</param>
    /// <exception cref="BucketException">This writer was fenced.</exception>
    /// <exception cref="ObjectStoreException">The store refuses.</exception>
    public async Task WriteAsync(bool withBootPack, IReadOnlySet<string>? sparse = null)
    {
        if (await TryWriteAsync(withBootPack, sparse).ConfigureAwait(false))
        {
            await WriteHeadAsync(new Head(_newest, IsClosed: false, _boot?.Pack)).ConfigureAwait(false);
        }
    }

    /// <summary>Makes the last image, closes the log behind it, and says so in the hint, with copies of what who opens it next would have to wait for.</summary>
    /// <exception cref="BucketException">This writer was fenced.</exception>
    /// <exception cref="ObjectStoreException">The store refuses.</exception>
    public async Task CloseAsync()
    {
        if (_newest > log.Token)
        {
            // An image of this life may have everything already, but no boot pack of it. Behind the one that a new cluster begins with, nobody has read anything.
            shipper.Cut(after: _newest);
        }

        await TryWriteAsync(withBootPack: true, null).ConfigureAwait(false);
        Step?.Invoke("close");
        long last = await shipper.CloseAsync().ConfigureAwait(false);
        var head = new Head(_newest, IsClosed: last == _newest + 1, _boot?.Pack);
        await WriteHeadAsync(head.IsClosed ? head with { Manifest = _manifestContent, Boot = _bootContent } : head).ConfigureAwait(false);
    }

    private async Task WriteHeadAsync(Head head)
    {
        Step?.Invoke("head");
        await store.PutAsync(Keys.Head, head.Encode()).ConfigureAwait(false);
        Step?.Invoke("done");
    }

    private async Task<bool> TryWriteAsync(bool withBootPack, IReadOnlySet<string>? sparse)
    {
        Step?.Invoke("freeze");
        var frozen = files.Freeze(sparse ?? FrozenSet<string>.Empty);
        IReadOnlyList<(PageFrame, int)> places = [], moves = [];
        try
        {
            Step?.Invoke("log");
            await shipper.ConfirmedAsync(frozen.Sequence).ConfigureAwait(false);
            if (frozen.Sequence == _newest)
            {
                return false;
            }

            Step?.Invoke("packs");
            var written = await WritePagesAsync(frozen.Dirty.Count, (i, page) => files.Read(frozen.Dirty[i], page), i => frozen.Dirty[i].Node).ConfigureAwait(false);
            var moved = await RewriteAsync(frozen.Moved).ConfigureAwait(false);
            Step?.Invoke("boot pack");
            _boot = withBootPack ? await WriteBootPackAsync().ConfigureAwait(false) : StillGood(_boot, frozen.Dirty);
            var manifest = new Manifest(
                log.Cluster, frozen.Sequence, log.Token, DateTime.UtcNow, frozen.NextFileId, _nextPack, WithPages(frozen, [.. written, .. moved]), _boot);
            Step?.Invoke("manifest");
            byte[] content = manifest.Encode();
            if (!await store.CreateAsync(Keys.Manifest(frozen.Sequence), content).ConfigureAwait(false))
            {
                throw new BucketException(BucketError.Fenced, $"another process has written an image of {store.Name}: this one stops at once");
            }

            (places, moves) = (written, moved);
            _manifestContent = withBootPack ? content : default;
            Volatile.Write(ref _newest, frozen.Sequence);
            return true;
        }
        finally
        {
            files.Thaw(frozen, places, moves);
        }
    }

    private async Task<List<(PageFrame Frame, int Skip)>> RewriteAsync(IReadOnlyList<MovedPage> moved)
    {
        if (moved.Count > 0)
        {
            Step?.Invoke("merge");
        }

        var pages = new byte[moved.Count][];
        foreach (var frame in moved.Select((page, i) => (page, i)).GroupBy(p => p.page.Frame))
        {
            byte[] content = await files.ReadAsync(frame.Key).ConfigureAwait(false);
            foreach (var (page, i) in frame)
            {
                pages[i] = content.AsSpan(page.Skip * PageFile.PageSize, PageFile.PageSize).ToArray();
            }
        }

        return await WritePagesAsync(moved.Count, (i, page) => pages[i].CopyTo(page), i => moved[i].Node).ConfigureAwait(false);
    }

    // A frame has pages of one file in their order, so that a reader of one mostly gets its neighbours.
    private async Task<List<(PageFrame Frame, int Skip)>> WritePagesAsync(int count, Action<int, Span<byte>> read, Func<int, object> file)
    {
        var places = new List<(PageFrame, int)>(count);
        var pack = new MemoryStream();
        var frames = new List<PageFrame>();
        string key = NextKey();
        var same = new Dictionary<string, PageFrame>(StringComparer.Ordinal);
        var pages = new byte[PageFrame.MaximumPages * PageFile.PageSize];
        for (int i = 0; i < count;)
        {
            int n = 0;
            do
            {
                read(i + n, pages.AsSpan(n * PageFile.PageSize, PageFile.PageSize));
                n++;
            }
            while (n < PageFrame.MaximumPages && i + n < count && file(i + n) == file(i));

            // Databases made from one template are equal.
            var content = pages.AsMemory(0, n * PageFile.PageSize);
            string hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content.Span));
            if (!same.TryGetValue(hash, out var frame))
            {
                frame = Append(key, pack, content);
                same.Add(hash, frame);
                frames.Add(frame);
            }

            for (int k = 0; k < n; k++)
            {
                places.Add((frame, k));
            }

            i += n;
            if (pack.Length >= MaximumPack || (i == count && pack.Length > 0))
            {
                await CreateAsync(key, pack, frames).ConfigureAwait(false);
                pack = new MemoryStream();
                frames.Clear();
                key = NextKey();
            }
        }

        return places;
    }

    private async Task<BootPack?> WriteBootPackAsync()
    {
        var (recorded, inner) = files.TakeRecorded();
        var frames = new List<PageFrame>();
        var pages = new List<(long, int)>();
        var pack = new MemoryStream();
        string key = NextKey();
        foreach (var chunk in recorded.Chunk(PageFrame.MaximumPages))
        {
            Add(chunk);
        }

        long end = pack.Length + MaximumInner;
        foreach (var chunk in inner.Chunk(PageFrame.MaximumPages).TakeWhile(_ => pack.Length < end))
        {
            Add(chunk);
        }

        if (pages.Count == 0)
        {
            return null;
        }

        await CreateAsync(key, pack, frames).ConfigureAwait(false);
        _bootContent = pack.GetBuffer().AsMemory(0, (int)pack.Length);
        return new BootPack(key, frames, pages);

        void Add(RecordedPage[] chunk)
        {
            frames.Add(Append(key, pack, chunk.SelectMany(p => p.Content).ToArray()));
            pages.AddRange(chunk.Select(p => (p.FileId, p.Page)));
        }
    }

    private static PageFrame Append(string key, MemoryStream pack, ReadOnlyMemory<byte> pages)
    {
        byte[] compressed = PageCompression.Compress(pages.Span);
        var frame = new PageFrame(key, (int)pack.Length, compressed.Length, pages.Length / PageFile.PageSize, Crc32C.Compute(compressed));
        pack.Write(compressed);
        return frame;
    }

    private static BootPack? StillGood(BootPack? boot, IReadOnlyList<DirtyPage> dirty)
    {
        if (boot is null || dirty.Count == 0)
        {
            return boot;
        }

        var changed = dirty.Select(d => (d.Node.FileId, d.Page)).ToHashSet();
        return boot with { Pages = [.. boot.Pages.Select(p => changed.Contains(p) ? (0, 0) : p)] };
    }

    private static List<ImageEntry> WithPages(FrozenImage frozen, List<(PageFrame Frame, int Skip)> written)
    {
        var added = new Dictionary<long, List<PageRun>>();
        for (int i = 0; i < written.Count; i++)
        {
            var (node, page) = i < frozen.Dirty.Count
                ? (frozen.Dirty[i].Node, frozen.Dirty[i].Page)
                : (frozen.Moved[i - frozen.Dirty.Count].Node, frozen.Moved[i - frozen.Dirty.Count].Page);
            if (!added.TryGetValue(node.FileId, out var runs))
            {
                added.Add(node.FileId, runs = []);
            }

            var (frame, skip) = written[i];
            if (runs.Count > 0 && runs[^1] is var last && ReferenceEquals(last.Frame, frame) && last.Page + last.Count == page && last.Skip + last.Count == skip)
            {
                runs[^1] = last with { Count = last.Count + 1 };
            }
            else
            {
                runs.Add(new PageRun(page, 1, frame, skip));
            }
        }

        return [.. frozen.Entries.Select(e => e.FileId != 0 && added.TryGetValue(e.FileId, out var runs)
            ? e with { Runs = [.. e.Runs.Concat(runs).OrderBy(r => r.Page)] }
            : e)];
    }

    private string NextKey() => Keys.Pack(log.Token, _nextPack++);

    private async Task CreateAsync(string key, MemoryStream content, List<PageFrame> frames)
    {
        if (!await store.CreateAsync(key, content.GetBuffer().AsMemory(0, (int)content.Length)).ConfigureAwait(false))
        {
            throw new DamagedObjectException(key, "is there already: two writers have one token");
        }

        files.Keep(frames, content.GetBuffer().AsSpan(0, (int)content.Length));
    }
}
