using System.Collections.Frozen;
using System.Text;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.History;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Collection;

/// <summary>
/// Removes what nothing needs any more: images that are older than the retention, the log before the oldest image that stays, and packs that neither an
/// image that stays nor a branch reads. Whoever has the cluster goes on meanwhile, and several collections may run at once. Says which packs are hardly read.
/// </summary>
/// <remarks>
/// <para>
/// What is unreachable stays so: names are never used again, and what a writer may still bring into use is left alone. An image reads packs of its writer's
/// last images and its own. So a pack that no image reads is garbage if a newer writer has made an image (one that the older one makes now counts for
/// nothing, <see cref="Inventory.Counting"/>), or if its own writer has made a later image than it was made for. A collection that stood still for days does
/// no harm, nor does one that ends halfway: images go first, oldest first, then branches are looked for, then goes what only those images needed.
/// </para>
/// <para>
/// A fence stays for ever, in 72 bytes, unless the record before it closed the log: an older writer that stood still for weeks would otherwise find its next
/// number free, and acknowledge what nobody will ever read.
/// </para>
/// </remarks>
/// <param name="store">The cluster's prefix, which must be able to read all of the bucket behind a slash; asks again by itself.</param>
/// <param name="prefix">That prefix, with a slash at its end.</param>
/// <param name="retention">Each moment since so long ago stays.</param>
internal sealed class Collector(IObjectStore store, string prefix, TimeSpan retention)
{
    private const int Parallel = 8;
    private const int MostMovedPages = 8192; // 64 MiB, which are in memory while they are written once more
    private const int LongestEmptyRecord = 72; // a fence, a filler or a close: no other record is as short

    private const string Void = "void\n";

    /// <summary>How long what is not needed is left there, by the store's clock: for readers that have just begun.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Whether nothing is removed.</summary>
    public bool IsDry { get; init; }

    /// <summary>Called before each object is removed, with the step's name.</summary>
    public Action<string>? Step { get; init; }

    /// <summary>Collects.</summary>
    /// <exception cref="BucketException">There is no cluster.</exception>
    /// <exception cref="DamagedObjectException">Something cannot be understood; nothing was removed on its account.</exception>
    /// <exception cref="ObjectStoreException">The store refuses.</exception>
    public async Task<CollectionResult> RunAsync(CancellationToken cancellationToken)
    {
        var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name}");
        var cluster = FormatObject.Decode(format.Content).Cluster;
        var list = await store.ListAsync("", null, cancellationToken).ConfigureAwait(false);
        var all = new Inventory(list);
        var result = new CollectionResult(list.Time, 0, 0, 0, 0, list.Entries.Count, list.Entries.Sum(e => e.Size), 0, FrozenSet<string>.Empty);
        if (all.Images.Count == 0)
        {
            return result;
        }

        var oldest = all.Images.LastOrDefault(i => i.Entry.LastModified <= all.Time - retention - Grace, all.Images[0]);
        var kept = all.Images.Where(i => i.Number >= oldest.Number).ToList();
        var needed = new HashSet<string>(StringComparer.Ordinal);
        await EachAsync(kept, async image =>
        {
            // One that is gone, another collection does not keep.
            string[] packs = await ReadManifestAsync(cluster, image, cancellationToken).ConfigureAwait(false) is { } manifest ? [.. manifest.Packs()] : [];
            lock (needed)
            {
                needed.UnionWith(packs);
            }

            return true;
        }).ConfigureAwait(false);
        var newest = await ReadManifestAsync(cluster, kept[^1], cancellationToken).ConfigureAwait(false)
            ?? throw new DamagedObjectException(kept[^1].Entry.Key, "is missing: it was deleted");
        var branches = new BranchNeeds(store, prefix);
        await branches.ReadAsync(all.Markers, cancellationToken).ConfigureAwait(false);

        var images = all.Manifests.Except(kept).Select(m => m.Entry).Where(IsOld).ToList();
        await RemoveAsync(images, cancellationToken).ConfigureAwait(false);
        if (!IsDry)
        {
            await branches.ReadAsync(await ListMarkersAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }

        var log = all.Log.Where(r => r.Number < oldest.Number && IsOld(r.Entry) && !branches.NeedsRecord(r.Number)).ToList();
        var (fences, records) = await SortAsync(cluster, all.Log, log, cancellationToken).ConfigureAwait(false);
        var packs = all.Packs.Where(p => !needed.Contains(p.Entry.Key) && !branches.NeedsPack(p.Entry.Key) && IsOld(p.Entry)
            && (p.Token < newest.Token || (p.Token == newest.Token && p.Number < newest.NextPack))).Select(p => p.Entry).ToList();

        // Before what tells that they may go.
        await RemoveAsync(fences, cancellationToken).ConfigureAwait(false);
        await RemoveAsync(records, cancellationToken).ConfigureAwait(false);
        await RemoveAsync(packs, cancellationToken).ConfigureAwait(false);
        await RemoveAsync(all.Probes.Where(IsOld), cancellationToken).ConfigureAwait(false);
        if (!IsDry)
        {
            await ForgetAsync(branches.WithoutBranch.Where(IsOld), cancellationToken).ConfigureAwait(false);
        }

        return result with
        {
            Oldest = oldest.Entry.LastModified, Images = images.Count, Records = fences.Count + records.Count, Packs = packs.Count, Branches = branches.Count,
            Sparse = FindSparse(newest, all.Packs),
            Bytes = new[] { images, fences, records, packs }.Sum(l => l.Sum(e => e.Size)),
        };

        bool IsOld(ObjectEntry entry) => entry.LastModified <= all.Time - Grace;
    }

    // The emptiest first. The image shares frames that are equal.
    private static FrozenSet<string> FindSparse(Manifest newest, IReadOnlyList<ListedPack> packs)
    {
        var used = newest.Entries.SelectMany(e => e.Runs).GroupBy(r => r.Frame)
            .Select(f => (f.Key.Pack, Pages: f.Sum(r => r.Count), Bytes: (long)f.Key.Length * Math.Min(f.Sum(r => r.Count), f.Key.Pages) / f.Key.Pages))
            .GroupBy(f => f.Pack, StringComparer.Ordinal)
            .ToDictionary(p => p.Key, p => (Pages: p.Sum(f => f.Pages), Bytes: p.Sum(f => f.Bytes)), StringComparer.Ordinal);
        var sparse = new List<string>();
        int pages = 0;
        foreach (var (key, use, _) in packs.Where(p => used.ContainsKey(p.Entry.Key)).Select(p => (p.Entry.Key, Use: used[p.Entry.Key], p.Entry.Size))
            .Where(p => p.Use.Bytes * 2 < p.Size).OrderBy(p => (double)p.Use.Bytes / p.Size))
        {
            pages += use.Pages;
            if (pages > MostMovedPages && sparse.Count > 0)
            {
                break;
            }

            sparse.Add(key);
        }

        return sparse.ToFrozenSet(StringComparer.Ordinal);
    }

    private async Task<Manifest?> ReadManifestAsync(Guid cluster, Numbered manifest, CancellationToken cancellationToken) =>
        await store.GetAsync(manifest.Entry.Key, null, cancellationToken).ConfigureAwait(false) is { } found
            ? Manifest.Decode(found.Content, cluster, manifest.Number)
            : null;

    private async Task<IReadOnlyList<ObjectEntry>> ListMarkersAsync(CancellationToken cancellationToken) =>
        (await store.ListAsync(Keys.Branches, null, cancellationToken).ConfigureAwait(false)).Entries;

    // The records that may go; fences behind a close apart. A fence whose predecessor nobody can read any more stays.
    private async Task<(List<ObjectEntry> Fences, List<ObjectEntry> Others)> SortAsync(
        Guid cluster, IReadOnlyList<Numbered> all, List<Numbered> removable, CancellationToken cancellationToken)
    {
        var small = removable.Where(r => r.Entry.Size <= LongestEmptyRecord).ToList();
        var kinds = (await EachAsync(small, async r => (r.Number, Kind: await KindAsync(cluster, r, cancellationToken).ConfigureAwait(false))).ConfigureAwait(false))
            .ToDictionary(k => k.Number, k => k.Kind);
        var known = all.ToDictionary(r => r.Number);
        List<ObjectEntry> fences = [], others = [];
        foreach (var record in removable)
        {
            if (!kinds.TryGetValue(record.Number, out var kind))
            {
                others.Add(record.Entry);
                continue;
            }

            if (kind == LogRecordKind.Fence)
            {
                var before = known.TryGetValue(record.Number - 1, out var found) && found.Entry.Size <= LongestEmptyRecord
                    ? kinds.TryGetValue(found.Number, out var same) ? same : await KindAsync(cluster, found, cancellationToken).ConfigureAwait(false)
                    : null;
                if (record.Number == 1 || before == LogRecordKind.Close)
                {
                    fences.Add(record.Entry);
                }
            }
            else if (kind is not null)
            {
                others.Add(record.Entry);
            }
        }

        return (fences, others);
    }

    // Null when it is gone or damaged.
    private async Task<LogRecordKind?> KindAsync(Guid cluster, Numbered record, CancellationToken cancellationToken)
    {
        try
        {
            return await store.GetAsync(record.Entry.Key, null, cancellationToken).ConfigureAwait(false) is { } found
                ? LogRecord.Decode(found.Content, cluster, record.Number).Kind
                : null;
        }
        catch (DamagedObjectException)
        {
            return null;
        }
    }

    // First void, which a maker sees that is still there; removed when that was long ago, and there is still no branch.
    private async Task ForgetAsync(IEnumerable<ObjectEntry> markers, CancellationToken cancellationToken)
    {
        foreach (var marker in markers)
        {
            if (await store.GetAsync(marker.Key, null, cancellationToken).ConfigureAwait(false) is { } found)
            {
                string text = Encoding.UTF8.GetString(found.Content);
                await (text.StartsWith(Void, StringComparison.Ordinal)
                    ? store.DeleteAsync(marker.Key, cancellationToken)
                    : store.PutAsync(marker.Key, Encoding.UTF8.GetBytes(Void + text), cancellationToken)).ConfigureAwait(false);
            }
        }
    }

    private async Task RemoveAsync(IEnumerable<ObjectEntry> entries, CancellationToken cancellationToken)
    {
        if (!IsDry)
        {
            await EachAsync(entries, async e =>
            {
                Step?.Invoke("remove");
                await store.DeleteAsync(e.Key, cancellationToken).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
    }

    // In order, a few at once.
    private static async Task<List<T>> EachAsync<TItem, T>(IEnumerable<TItem> items, Func<TItem, Task<T>> action)
    {
        var results = new List<T>();
        foreach (var some in items.Chunk(Parallel))
        {
            results.AddRange(await Task.WhenAll(some.Select(action)).ConfigureAwait(false));
        }

        return results;
    }
}
