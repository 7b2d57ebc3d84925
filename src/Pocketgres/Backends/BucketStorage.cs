using Pocketgres.Bucket;
using Pocketgres.ObjectStore;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>
/// A cluster whose home is a bucket. Copies are branches there: in prefixes beside it that go when they are disposed, or where somebody wants one to stay. No
/// data are copied, and a branch takes six round trips, whatever the size.
/// </summary>
internal sealed class BucketStorage : ClusterStorage
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    // Of the original alone: how it was opened.
    private static readonly string[] s_notInherited = ["create", "takeover", "idle", "replica", "poll"];

    private readonly BucketUrl _bucket;
    private TemporaryPrefix? _temporary;
    private int _leftoversRemoved;

    /// <summary>A cluster that stays.</summary>
    public BucketStorage(PostgresUrl url)
        : this(url, null)
    {
    }

    private BucketStorage(PostgresUrl url, TemporaryPrefix? temporary)
    {
        Url = url;
        _bucket = Read(url.BucketUrl!);
        _temporary = temporary;
    }

    public override PostgresUrl Url { get; }

    /// <summary>Whether it goes with this object.</summary>
    public bool IsTemporary => _temporary is not null;

    /// <summary>An empty prefix beside a cluster, removed when disposed.</summary>
    public static async Task<BucketStorage> BesideAsync(PostgresUrl url, CancellationToken cancellationToken)
    {
        var beside = new BucketStorage(url);
        using var bucket = beside.OpenBucket();
        await beside.RemoveLeftoversAsync(bucket, cancellationToken).ConfigureAwait(false);
        var prefix = new TemporaryPrefix(beside._bucket.Store, TemporaryPrefix.NameBeside(beside._bucket.Store.Prefix), null);
        return new BucketStorage(beside.At(prefix.Prefix), prefix);
    }

    /// <summary>Whether a URL is of another place in the bucket of a cluster, where it may have a branch.</summary>
    public static bool MayBranch(string url, string target) =>
        BucketUrl.TryParse(url, out var origin, out _) && BucketUrl.TryParse(target, out var branch, out _) && origin.Store.IsSameBucket(branch.Store)
        && origin.Store.Prefix != branch.Store.Prefix && !branch.Options.Replica;

    public override async Task<SnapshotBackend> SnapshotAsync(PostgresServer server, PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        await BringAsync(server, cancellationToken).ConfigureAwait(false);
        return new BucketSnapshot(await BranchAsync(null, _temporary, cancellationToken).ConfigureAwait(false), _temporary, options.Url);
    }

    /// <summary>A branch of the cluster that runs, or ran, on this storage.</summary>
    /// <param name="server">It.</param>
    /// <param name="target">Where it is to stay; null for one that goes when it is disposed.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public async Task<BucketStorage> CloneAsync(PostgresServer server, string? target, CancellationToken cancellationToken)
    {
        await BringAsync(server, cancellationToken).ConfigureAwait(false);
        return await BranchAsync(target, _temporary, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A branch of what is in the bucket.</summary>
    /// <param name="target">Where it is to stay; null for one that goes when it is disposed.</param>
    /// <param name="needs">What is to stay as long as a temporary one.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind, but for what cannot be opened at a given place.</param>
    public async Task<BucketStorage> BranchAsync(string? target, TemporaryPrefix? needs, CancellationToken cancellationToken)
    {
        using var bucket = OpenBucket();
        if (target is not null)
        {
            var place = Read(target).Store;
            var (_, made) = await new Branching(bucket, _bucket.Store.Prefix, place.Prefix).RunAsync(null, cancellationToken).ConfigureAwait(false);
            return new BucketStorage(PostgresUrl.Parse(target), new TemporaryPrefix(place, place.Prefix, null) { Marker = made });
        }

        await RemoveLeftoversAsync(bucket, cancellationToken).ConfigureAwait(false);
        var prefix = new TemporaryPrefix(_bucket.Store, TemporaryPrefix.NameBeside(_bucket.Store.Prefix), needs);
        try
        {
            (_, prefix.Marker) = await new Branching(bucket, _bucket.Store.Prefix, prefix.Prefix).RunAsync(null, cancellationToken).ConfigureAwait(false);
            return new BucketStorage(At(prefix.Prefix), prefix);
        }
        catch
        {
            await prefix.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts a server on it.</summary>
    /// <param name="options">How.</param>
    /// <param name="stays">Whether it stays when it is disposed, once it has started.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public async Task<EmbeddedBackend> StartAsync(PostgresInstanceOptions options, bool stays, CancellationToken cancellationToken)
    {
        var backend = await EmbeddedBackend.StartAsync(this, options, fromMemory: false, databaseExists: false, sockets: null, cancellationToken).ConfigureAwait(false);
        if (stays && Interlocked.Exchange(ref _temporary, null) is { } kept)
        {
            await kept.KeepAsync().ConfigureAwait(false);
        }

        return backend;
    }

    public override ValueTask DisposeAsync() => _temporary?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static BucketUrl Read(string url) =>
        BucketUrl.TryParse(url, out var read, out string? error) ? read : throw new PocketgresException(PocketgresError.InvalidOption, error);

    // What is committed is in it, also where commits do not wait for the bucket.
    private static async Task BringAsync(PostgresServer server, CancellationToken cancellationToken)
    {
        try
        {
            if (!server.StopRequested && !server.Completion.IsCompleted)
            {
                await server.BringToBucketAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
        }
        catch (BucketException) when (server.StopRequested)
        {
            // Stopped meanwhile.
        }

        await server.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private RetryingObjectStore OpenBucket() => new(_bucket.Store.Open(Environment.GetEnvironmentVariable), s_patience);

    private PostgresUrl At(string prefix) => PostgresUrl.Parse(_bucket.Store.At(prefix, s_notInherited));

    private async Task RemoveLeftoversAsync(IObjectStore bucket, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _leftoversRemoved, 1) == 0)
        {
            try
            {
                await TemporaryPrefix.RemoveLeftoversAsync(bucket, _bucket.Store.Prefix, cancellationToken).ConfigureAwait(false);
            }
            catch (ObjectStoreException)
            {
                // What comes next will say what is wrong.
            }
        }
    }
}
