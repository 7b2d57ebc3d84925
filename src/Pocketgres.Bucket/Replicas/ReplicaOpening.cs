using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Replicas;

/// <summary>What a replica begins with.</summary>
/// <param name="Cluster">Which cluster.</param>
/// <param name="Manifest">The newest image.</param>
/// <param name="OriginTail">Of a branch without an image of its own: what it has of its origin's log.</param>
internal sealed record OpenedReplica(Guid Cluster, Manifest Manifest, IReadOnlyList<LogRecord> OriginTail);

/// <summary>Finds a cluster's newest image for who only reads it: writes nothing, and asks nothing of who has the cluster.</summary>
/// <param name="store">The cluster's prefix; asks again by itself.</param>
internal sealed class ReplicaOpening(IObjectStore store)
{
    private const int ParallelReads = 32;

    /// <summary>Finds it.</summary>
    /// <exception cref="BucketException">There is no cluster, or it has no image yet.</exception>
    /// <exception cref="DamagedObjectException">An object is missing or not what it should be.</exception>
    public async Task<OpenedReplica> OpenAsync(CancellationToken cancellationToken)
    {
        var head = store.GetAsync(Keys.Head, null, cancellationToken);
        var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name} to make a replica of");
        var cluster = FormatObject.Decode(format.Content).Cluster;
        long hint = await head.ConfigureAwait(false) is { } found ? Head.Decode(found.Content)?.Sequence ?? 0 : 0;
        var listed = await store.ListAsync(Keys.Manifests, hint > 1 ? Keys.Manifest(hint - 1) : null, cancellationToken).ConfigureAwait(false);
        if (listed.Entries.Count == 0)
        {
            throw new BucketException(BucketError.Missing, $"the cluster at {store.Name} has no image yet: open it once");
        }

        string key = listed.Entries[^1].Key;
        var content = await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted");
        var manifest = Manifest.Decode(content.Content, cluster, Keys.NumberIn(key, Keys.Manifests));
        return new OpenedReplica(cluster, manifest, manifest.Origin is { } origin ? await ReadAsync(origin, manifest.Token, cancellationToken).ConfigureAwait(false) : []);
    }

    private async Task<List<LogRecord>> ReadAsync(BranchOrigin origin, long token, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        for (long from = origin.First; from <= origin.Last; from += ParallelReads)
        {
            records.AddRange(await Task.WhenAll(Enumerable.Range(0, (int)Math.Min(ParallelReads, origin.Last - from + 1)).Select(async i =>
            {
                string key = Keys.Elsewhere(origin.Prefix, Keys.LogRecord(from + i));
                var found = await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted");
                return LogRecord.Decode(found.Content, origin.Cluster, from + i);
            })).ConfigureAwait(false));
        }

        return LogOpening.Counting(records, token);
    }
}
