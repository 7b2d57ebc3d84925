using System.Globalization;
using System.Text;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>A moment that a cluster can be branched at: what the log contains up to a record.</summary>
/// <param name="Sequence">Number of the record.</param>
/// <param name="Time">When it was cut, by its writer's clock.</param>
internal readonly record struct BranchPoint(long Sequence, DateTime Time);

/// <summary>
/// Makes a branch: another cluster in the same bucket, which has an image of the first one, and its log up to a moment, without a copy of either. The first
/// one may be open and at work: nothing is asked of its process.
/// </summary>
/// <remarks>
/// Five round trips: what the cluster is, what it has, the marker that says a branch needs it, the branch's manifest, and its format. Whoever ends between
/// these leaves a prefix that no cluster can be opened at or made in, never one that is not the branch.
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
    /// <param name="time">As the cluster was then: everything that was stored by then, and nothing newer; null for the newest state.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The moment that it has.</returns>
    /// <exception cref="BucketException">It cannot be made.</exception>
    public async Task<BranchPoint> RunAsync(DateTime? time, CancellationToken cancellationToken)
    {
        try
        {
            return await MakeAsync(time, cancellationToken).ConfigureAwait(false);
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

    private async Task<BranchPoint> MakeAsync(DateTime? time, CancellationToken cancellationToken)
    {
        Step?.Invoke("look");
        var head = _origin.GetAsync(Keys.Head, null, cancellationToken);
        var there = _target.ListAsync("", null, cancellationToken);
        var format = await _origin.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {_origin.Name}");
        var cluster = FormatObject.Decode(format.Content).Cluster;
        long hint = time is null && await head.ConfigureAwait(false) is { } found ? LogOpening.ReadHead(found.Content) : 0;
        if ((await there.ConfigureAwait(false)).Entries is [var other, ..])
        {
            throw new BucketException(BucketError.InUse, $"there are objects at {_target.Name} already ({other.Key}): choose another prefix");
        }

        Step?.Invoke("read");
        var hinted = hint > 0 ? _origin.GetAsync(Keys.Manifest(hint), null, cancellationToken) : Task.FromResult<StoredObject?>(null);
        var manifests = _origin.ListAsync(Keys.Manifests, hint > 0 ? Keys.Manifest(hint) : null, cancellationToken);
        var log = _origin.ListAsync(Keys.Log, hint > 0 ? Keys.LogRecord(hint) : null, cancellationToken);
        var numbers = (await manifests.ConfigureAwait(false)).Entries.Select(e => Keys.NumberIn(e.Key, Keys.Manifests)).ToList();
        var records = (await log.ConfigureAwait(false)).Entries.Select(e => Keys.NumberIn(e.Key, Keys.Log)).ToList();
        long last = time is { } moment
            ? await LastBeforeAsync(cluster, records, moment, cancellationToken).ConfigureAwait(false)
            : long.MaxValue;
        long image = numbers.LastOrDefault(n => n <= last);
        var content = image == 0 || image == hint
            ? await hinted.ConfigureAwait(false)
            : await _origin.GetAsync(Keys.Manifest(image), null, cancellationToken).ConfigureAwait(false);
        image = image == 0 ? hint : image;
        if (content is null)
        {
            throw image > 0 ? new DamagedObjectException(Keys.Manifest(image), "is missing: it was deleted")
                : new BucketException(BucketError.Missing, time is null
                    ? $"the cluster at {_origin.Name} has no image yet: open it once"
                    : string.Create(CultureInfo.InvariantCulture, $"{_origin.Name} did not exist yet at {time:yyyy-MM-dd HH:mm:ss.fff}Z"));
        }

        var manifest = Manifest.Decode(content.Content, cluster, image);
        if (time is null)
        {
            // Everything that was acknowledged before the listing is in it, without a gap.
            last = image;
            foreach (long number in records)
            {
                last = number == last + 1 ? number : last;
            }
        }

        return await WriteAsync(cluster, manifest, last, cancellationToken).ConfigureAwait(false);
    }

    private async Task<BranchPoint> WriteAsync(Guid cluster, Manifest manifest, long last, CancellationToken cancellationToken)
    {
        if (manifest.Origin is not null)
        {
            throw new BucketException(BucketError.InUse, $"{_origin.Name} is a branch that has not been opened yet, or not stopped since: open and stop it first");
        }

        Step?.Invoke("marker");
        var branch = Guid.NewGuid();
        string marker = string.Create(CultureInfo.InvariantCulture, $"prefix={target}\nimage={manifest.Sequence}\nlast={last}\n");
        await _origin.CreateAsync(Keys.BranchMarker(branch), Encoding.UTF8.GetBytes(marker), cancellationToken).ConfigureAwait(false);

        Step?.Invoke("manifest");
        var now = DateTime.UtcNow;
        var begun = new Manifest(branch, last, Math.Min(manifest.Token, last), now, manifest.NextFileId, manifest.NextPack, Elsewhere(manifest.Entries), Elsewhere(manifest.Boot))
        {
            Origin = new BranchOrigin(origin, cluster, manifest.Sequence + 1, last),
        };
        bool isMine = await _target.CreateAsync(Keys.Manifest(last), begun.Encode(), cancellationToken).ConfigureAwait(false);

        Step?.Invoke("format");
        isMine = isMine && await _target.CreateAsync(Keys.Format, new FormatObject(FormatObject.Branch, branch).Encode(), cancellationToken).ConfigureAwait(false);
        return isMine ? new BranchPoint(last, now)
            : throw new BucketException(BucketError.InUse, $"somebody else is making a cluster at {_target.Name}: choose another prefix");
    }

    // The records' times grow, as far as their writers' clocks agree.
    private async Task<long> LastBeforeAsync(Guid cluster, List<long> records, DateTime time, CancellationToken cancellationToken)
    {
        int low = 0, high = records.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            string key = Keys.LogRecord(records[middle]);
            var found = await _origin.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted");
            (low, high) = LogRecord.Decode(found.Content, cluster, records[middle]).Time <= time ? (middle + 1, high) : (low, middle);
        }

        return low == 0 ? 0 : records[low - 1];
    }

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
