using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.History;
using Pocketgres.Engine;
using Pocketgres.Engine.Checking;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Checking;

/// <summary>What a check of a cluster in a bucket read, and found.</summary>
/// <param name="Problems">What objects are missing or damaged, one line each.</param>
/// <param name="Images">Images that were read.</param>
/// <param name="Records">Log records that were read.</param>
/// <param name="Packs">Packs that were read, those of other prefixes included.</param>
/// <param name="Bytes">Bytes of all that.</param>
/// <param name="Files">What the files of the newest image are like; null when they were not checked.</param>
internal sealed record BucketCheckReport(IReadOnlyList<string> Problems, int Images, int Records, int Packs, long Bytes, CheckReport? Files);

/// <summary>
/// Reads everything that a cluster in a bucket may need: each image, each frame of each pack that one names, each log record from the oldest image on, and
/// for a branch those of its origin; then the pages of the newest image. Changes nothing, and asks nothing of who has the cluster.
/// </summary>
/// <param name="store">The cluster's prefix, which must be able to read all of the bucket behind a slash; asks again by itself.</param>
/// <param name="found">Told of each problem as it is found.</param>
internal sealed class BucketCheck(IObjectStore store, Action<string>? found)
{
    private const int Parallel = 4;

    private readonly Dictionary<string, HashSet<PageFrame>> _frames = new(StringComparer.Ordinal); // by pack
    private readonly List<string> _problems = [];
    private long _bytes;
    private int _records;

    /// <summary>Checks.</summary>
    /// <param name="pages">Whether to check the files of the newest image too, as those of a data directory.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="BucketException">There is no cluster, or the store refuses.</exception>
    public async Task<BucketCheckReport> RunAsync(bool pages, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(pages, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectStoreException e)
        {
            throw new BucketException(BucketError.Store, e.Message, e);
        }
    }

    private async Task<BucketCheckReport> ReadAsync(bool pages, CancellationToken cancellationToken)
    {
        var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name}");
        Guid cluster;
        try
        {
            cluster = FormatObject.Decode(format.Content).Cluster;
        }
        catch (DamagedObjectException e)
        {
            throw new BucketException(BucketError.Damaged, $"{store.Name}: {e.Message}", e);
        }

        // Before the listing: a cluster that is at work makes new images meanwhile.
        long hint = await store.GetAsync(Keys.Head, null, cancellationToken).ConfigureAwait(false) is { } head ? Head.Decode(head.Content)?.Sequence ?? 0 : 0;
        var all = new Inventory(await store.ListAsync("", null, cancellationToken).ConfigureAwait(false));
        if (all.Images.Count == 0 || hint > all.Images[^1].Number)
        {
            Tell(all.Images.Count == 0 ? "there is no image" : $"the newest image ({Keys.Manifest(hint)}) is missing");
            return new BucketCheckReport(_problems, 0, 0, 0, 0, null);
        }

        Manifest? newest = null;
        foreach (var image in all.Images)
        {
            newest = await TryAsync(image.Entry.Key, bytes => Manifest.Decode(bytes, cluster, image.Number), cancellationToken).ConfigureAwait(false);
            if (newest is not null)
            {
                Add(newest);
                if (newest.Origin is { } origin)
                {
                    await ReadLogAsync(origin.Cluster, origin.First, origin.Last, n => Keys.Elsewhere(origin.Prefix, Keys.LogRecord(n)), cancellationToken).ConfigureAwait(false);
                }
            }
        }

        // Before a writer that was killed is fenced, its last records may have holes between them: none was acknowledged.
        var history = new LogHistory(store, cluster, all);
        if (all.Log.Count > 0 && all.Log[^1].Number > history.Last + BucketOptions.Window)
        {
            Tell($"{Keys.LogRecord(history.Last + 1)} is missing, and records behind it are there");
        }

        long first = all.Log.Any(r => r.Number == history.First) ? history.First : history.First + 1;
        await ReadLogAsync(cluster, first, history.Last, Keys.LogRecord, cancellationToken).ConfigureAwait(false);
        var needed = newest?.Packs().ToHashSet(StringComparer.Ordinal) ?? [];
        foreach (var some in _frames.Chunk(Parallel))
        {
            await Task.WhenAll(some.Select(p => ReadPackAsync(p.Key, p.Value, needed.Contains(p.Key), cancellationToken))).ConfigureAwait(false);
        }

        var files = pages && newest is not null ? await CheckFilesAsync(newest, cancellationToken).ConfigureAwait(false) : null;
        return new BucketCheckReport(_problems, all.Images.Count, _records, _frames.Count, _bytes, files);
    }

    private void Add(Manifest manifest)
    {
        foreach (var frame in manifest.Entries.SelectMany(e => e.Runs, (_, r) => r.Frame).Concat(manifest.Boot?.Frames ?? []))
        {
            if (!_frames.TryGetValue(frame.Pack, out var frames))
            {
                _frames.Add(frame.Pack, frames = []);
            }

            frames.Add(frame);
        }
    }

    private async Task ReadLogAsync(Guid cluster, long first, long last, Func<long, string> key, CancellationToken cancellationToken)
    {
        for (long n = first; n <= last; n += Parallel)
        {
            await Task.WhenAll(Enumerable.Range(0, (int)Math.Min(Parallel, last - n + 1)).Select(i =>
                TryAsync(key(n + i), bytes => LogRecord.Decode(bytes, cluster, n + i), cancellationToken))).ConfigureAwait(false);
        }

        _records += (int)Math.Max(0, last - first + 1);
    }

    private async Task ReadPackAsync(string key, HashSet<PageFrame> frames, bool isCurrent, CancellationToken cancellationToken)
    {
        string use = isCurrent ? "of the newest image" : "of older images only";
        var pack = await TryAsync(key, bytes => bytes, cancellationToken, use).ConfigureAwait(false);
        if (pack is null)
        {
            return;
        }

        foreach (var frame in frames)
        {
            try
            {
                _ = FrameReader.Decode(frame, pack.AsMemory(Math.Min(frame.Offset, pack.Length), Math.Clamp(pack.Length - frame.Offset, 0, frame.Length)));
            }
            catch (DamagedObjectException e)
            {
                Tell(FormattableString.Invariant($"{e.Message} at {frame.Offset}, in {frame.Pages} pages {use}"));
            }
        }
    }

    private async Task<CheckReport?> CheckFilesAsync(Manifest manifest, CancellationToken cancellationToken)
    {
        var files = new BucketFileSystem(new FrameReader(store), Path.GetTempPath()) { IsRecording = false };
        try
        {
            files.Load(manifest);
            var mounts = new MountTable();
            mounts.Mount("/", files);
            var report = await Task.Run(() => ClusterCheck.Run(new DirectoryView(mounts, "/"), live: null, cancellationToken), cancellationToken).ConfigureAwait(false);
            foreach (string problem in report.Problems)
            {
                found?.Invoke(problem);
            }

            return report;
        }
        catch (Exception e) when (e is FileSystemException or ClusterException)
        {
            Tell($"the files of {Keys.Manifest(manifest.Sequence)}: {e.Message}");
            return null;
        }
        finally
        {
            files.Free();
        }
    }

    // Null when it is missing or damaged, which is told.
    private async Task<T?> TryAsync<T>(string key, Func<byte[], T> decode, CancellationToken cancellationToken, string? use = null)
        where T : class
    {
        try
        {
            var content = (await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted")).Content;
            Interlocked.Add(ref _bytes, content.Length);
            return decode(content);
        }
        catch (DamagedObjectException e)
        {
            Tell(use is null ? e.Message : $"{e.Message}; it has pages {use}");
            return null;
        }
    }

    private void Tell(string problem)
    {
        lock (_problems)
        {
            _problems.Add(problem);
            found?.Invoke(problem);
        }
    }
}
