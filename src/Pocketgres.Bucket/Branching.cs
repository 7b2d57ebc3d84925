using System.Globalization;
using System.Text;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.History;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>A moment to branch a cluster at: everything that was stored by then, and nothing newer.</summary>
/// <param name="Time">By the writers' clocks; null when a place is given.</param>
/// <param name="Lsn">A place in the write-ahead log.</param>
internal readonly record struct BranchMoment(DateTime? Time, ulong Lsn = 0)
{
    /// <inheritdoc/>
    public override string ToString() =>
        Time is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time:yyyy-MM-dd HH:mm:ss.fff}Z") : HistoryPoint.Write(Lsn);
}

/// <summary>
/// Makes a branch: another cluster in the same bucket, which has an image of the first one, and its log up to a moment, without a copy of either. The first
/// one may be open and at work: nothing is asked of its process.
/// </summary>
/// <remarks>
/// Six round trips: what the cluster is, what it has, the marker that says a branch needs it, the branch's manifest, whether the image is still there that it
/// names (<see cref="Collection.BranchNeeds"/>), and its format. Of a branch that nobody has opened yet, as a snapshot is, another branch of the same cluster
/// is made; who removes the first one meanwhile may take from the second what it needs. Whoever ends between these leaves a prefix that no cluster can be opened at or made in, never
/// one that is not the branch.
/// </remarks>
/// <param name="bucket">The whole bucket; asks again by itself.</param>
/// <param name="origin">Prefix of the cluster, with a slash at its end.</param>
/// <param name="target">Prefix of the branch, with a slash at its end.</param>
#pragma warning disable CA1001 // its parts of the bucket own nothing
internal sealed class Branching(IObjectStore bucket, string origin, string target)
#pragma warning restore CA1001
{
    private readonly PrefixedObjectStore _origin = new(bucket, origin, ownsInner: false), _target = new(bucket, target, ownsInner: false);

    /// <summary>Called before each step, with its name.</summary>
    public Action<string>? Step { get; init; }

    /// <summary>Makes the branch.</summary>
    /// <param name="moment">As the cluster was then; null for the newest state.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The last log record that it has, and what has to go when the branch does, below the bucket.</returns>
    /// <exception cref="BucketException">It cannot be made.</exception>
    public async Task<(long Last, string Marker)> RunAsync(BranchMoment? moment, CancellationToken cancellationToken)
    {
        try
        {
            return await MakeAsync(moment, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectStoreException e)
        {
            throw new BucketException(BucketError.Store, e.Message, e);
        }
        catch (DamagedObjectException e)
        {
            throw new BucketException(BucketError.Damaged, $"cannot branch {_origin.Name}: {e.Message}", e);
        }
    }

    private async Task<(long Last, string Marker)> MakeAsync(BranchMoment? moment, CancellationToken cancellationToken)
    {
        Step?.Invoke("look");
        var head = _origin.GetAsync(Keys.Head, null, cancellationToken);
        var there = _target.ListAsync("", null, cancellationToken);
        var format = await _origin.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {_origin.Name}");
        var cluster = FormatObject.Decode(format.Content).Cluster;
        long hint = moment is null && await head.ConfigureAwait(false) is { } found ? Head.Decode(found.Content)?.Sequence ?? 0 : 0;
        if ((await there.ConfigureAwait(false)).Entries is [var other, ..])
        {
            throw new BucketException(BucketError.InUse, $"there are objects at {_target.Name} already ({other.Key}): choose another prefix");
        }

        Step?.Invoke("read");
        var hinted = hint > 0 ? _origin.GetAsync(Keys.Manifest(hint), null, cancellationToken) : Task.FromResult<StoredObject?>(null);
        var manifests = _origin.ListAsync(Keys.Manifests, hint > 0 ? Keys.Manifest(hint) : null, cancellationToken);
        var log = _origin.ListAsync(Keys.Log, hint > 0 ? Keys.LogRecord(hint) : null, cancellationToken);
        var listed = await manifests.ConfigureAwait(false);
        var all = new Inventory(listed with { Entries = [.. listed.Entries, .. (await log.ConfigureAwait(false)).Entries] });
        long image = all.Images.Count > 0 ? all.Images[^1].Number : hint, last = image;
        ulong end = 0;
        if (moment is { } at)
        {
            (last, end) = await FindAsync(cluster, all, at, cancellationToken).ConfigureAwait(false);
            image = all.Images.Last(i => end == 0 ? i.Number <= last : i.Number < last).Number;
        }
        else
        {
            // Everything that was acknowledged before the listing is in it, without a gap.
            foreach (var record in all.Log)
            {
                last = record.Number == last + 1 ? record.Number : last;
            }
        }

        if (image == 0)
        {
            throw new BucketException(BucketError.Missing, $"the cluster at {_origin.Name} has no image yet: open it once");
        }

        var content = (image == hint ? await hinted.ConfigureAwait(false) : await _origin.GetAsync(Keys.Manifest(image), null, cancellationToken).ConfigureAwait(false))
            ?? throw new DamagedObjectException(Keys.Manifest(image), "is missing: it was deleted");
        var manifest = Manifest.Decode(content.Content, cluster, image);
        if (manifest.Origin is { } first)
        {
            // Nobody has opened it, so it is what it was made as, and another branch of the same cluster can be made as it was.
            return moment is null && last == image
                ? (last, await WriteAsync(manifest, first, new PrefixedObjectStore(bucket, first.Prefix, ownsInner: false), cancellationToken).ConfigureAwait(false))
                : throw new BucketException(BucketError.InUse, $"{_origin.Name} is a branch that has no image of its own yet: stop it first");
        }

        return (last, await WriteAsync(manifest, new BranchOrigin(origin, cluster, image + 1, last, end), _origin, cancellationToken).ConfigureAwait(false));
    }

    // The last record, and where in it the branch begins; 0 for its end.
    private async Task<(long Last, ulong End)> FindAsync(Guid cluster, Inventory all, BranchMoment moment, CancellationToken cancellationToken)
    {
        if (all.Images.Count == 0)
        {
            throw new BucketException(BucketError.Missing, $"the cluster at {_origin.Name} has no image yet: open it once");
        }

        var history = new LogHistory(_origin, cluster, all);
        if (moment.Time is { } time && await history.LastByAsync(time, cancellationToken).ConfigureAwait(false) is { } last)
        {
            return (last, 0);
        }

        return moment.Time is null && await history.ReachingAsync(moment.Lsn, cancellationToken).ConfigureAwait(false) is { } reached
            ? (reached.Record, reached.Lsn == moment.Lsn ? 0 : moment.Lsn)
            : throw new BucketException(BucketError.Missing,
                $"{_origin.Name} at {moment} is not in the bucket: it did not exist yet, or is older than what was retained (pocketgres points shows what there is)");
    }

    // Returns the marker. What the branch begins with is in the cluster that "begins" names, which "needed" is.
    private async Task<string> WriteAsync(Manifest manifest, BranchOrigin begins, PrefixedObjectStore needed, CancellationToken cancellationToken)
    {
        Step?.Invoke("marker");
        var branch = Guid.NewGuid();
        long last = begins.Last;
        byte[] marker = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"prefix={target}\nimage={begins.First - 1}\nlast={last}\n"));
        await needed.CreateAsync(Keys.BranchMarker(branch), marker, cancellationToken).ConfigureAwait(false);

        Step?.Invoke("manifest");
        var begun = new Manifest(branch, last, Math.Min(manifest.Token, last), DateTime.UtcNow, manifest.NextFileId, manifest.NextPack, Elsewhere(manifest.Entries), Elsewhere(manifest.Boot))
        {
            Origin = begins,
        };
        bool isMine = await _target.CreateAsync(Keys.Manifest(last), begun.Encode(), cancellationToken).ConfigureAwait(false);

        if (!isMine)
        {
            throw Taken();
        }

        // Who removes it after this look finds the branch's manifest.
        Step?.Invoke("look again");
        var image = _origin.ListAsync(Keys.Manifest(manifest.Sequence), null, cancellationToken);
        var mark = await needed.GetAsync(Keys.BranchMarker(branch), null, cancellationToken).ConfigureAwait(false);
        if ((await image.ConfigureAwait(false)).Entries.Count == 0 || mark is null || !mark.Content.AsSpan().SequenceEqual(marker))
        {
            await _target.DeleteAsync(Keys.Manifest(last), cancellationToken).ConfigureAwait(false);
            await needed.DeleteAsync(Keys.BranchMarker(branch), cancellationToken).ConfigureAwait(false);
            throw new BucketException(BucketError.Missing, $"what {_origin.Name} was then has just been removed, as older than what is retained: choose a later moment");
        }

        Step?.Invoke("format");
        if (!await _target.CreateAsync(Keys.Format, new FormatObject(begins.Lsn == 0 ? FormatObject.Branch : FormatObject.BranchAtLsn, branch).Encode(), cancellationToken).ConfigureAwait(false))
        {
            throw Taken();
        }

        return begins.Prefix + Keys.BranchMarker(branch);
    }

    private BucketException Taken() => new(BucketError.InUse, $"somebody else is making a cluster at {_target.Name}: choose another prefix");

    private List<ImageEntry> Elsewhere(IReadOnlyList<ImageEntry> entries)
    {
        var frames = new Dictionary<PageFrame, PageFrame>();
        return [.. entries.Select(e => e with { Runs = [.. e.Runs.Select(r => r with { Frame = Elsewhere(r.Frame, frames) })] })];
    }

    private BootPack? Elsewhere(BootPack? boot) => boot is null ? null : boot with
    {
        Pack = Keys.Elsewhere(origin, boot.Pack),
        Frames = [.. boot.Frames.Select(f => Elsewhere(f, []))],
    };

    // The same object for the same frame: runs are joined by it.
    private PageFrame Elsewhere(PageFrame frame, Dictionary<PageFrame, PageFrame> frames)
    {
        if (!frames.TryGetValue(frame, out var moved))
        {
            frames.Add(frame, moved = frame with { Pack = Keys.Elsewhere(origin, frame.Pack) });
        }

        return moved;
    }
}
