using Microsoft.Extensions.Logging;
using Pocketgres.Bucket;
using Pocketgres.Bucket.Replicas;
using Pocketgres.Engine;

namespace Pocketgres.Server;

/// <summary>What a server whose home is a bucket has beside its cluster. Of its own type, so that others do not load what it needs.</summary>
internal sealed class BucketHome : IAsyncDisposable
{
    // An immediate stop does not wait for a store that does not answer.
    private static readonly TimeSpan s_immediatePatience = TimeSpan.FromSeconds(5);

    private readonly IOpenedCluster _bucket;
    private readonly ObjectStore.MeteredObjectStore _store;
    private readonly CancellationTokenSource _giveUp = new();

    private BucketHome(IOpenedCluster bucket, ObjectStore.MeteredObjectStore store)
    {
        _bucket = bucket;
        _store = store;
        _giveUp.Token.Register(bucket.GiveUp); // a process that waits for the store does not see that it is to end
    }

    /// <summary>Why the server had to stop, once it had to; null before and otherwise.</summary>
    public BucketException? Error { get; private set; }

    /// <summary>Whether the server stops because somebody has asked for it through the bucket.</summary>
    public bool SleepRequested { get; private set; }

    /// <summary>Whether what the server leaves need not be brought to the bucket: all of it is about to be removed.</summary>
    public bool IsDiscarded { get; set; }

    /// <summary>
    /// Completes when the cluster is this process's; with false when it was opened on a prediction that proved wrong, so that the server on it cannot start.
    /// </summary>
    public Task<bool> Taken => _bucket.Taken;

    /// <summary>Brings everything that was written so far to the bucket, for a branch.</summary>
    public Task BringAsync(CancellationToken cancellationToken) => _bucket.BringAsync(cancellationToken);

    /// <summary>Brings all pages here that are only in the bucket.</summary>
    public Task FetchAllAsync(CancellationToken cancellationToken) => _bucket.Files.BringAllAsync(cancellationToken);

    /// <summary>Opens the cluster at a URL.</summary>
    /// <param name="options">The server's.</param>
    /// <param name="mayPredict">Whether the caller can begin once more, should <see cref="Taken"/> say so.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<BucketHome> OpenAsync(ServerOptions options, bool mayPredict, CancellationToken cancellationToken)
    {
        if (!BucketUrl.TryParse(options.Url.BucketUrl!, out var url, out string? error))
        {
            throw new ArgumentException(error, nameof(options));
        }

        var store = new ObjectStore.MeteredObjectStore(options.Bucket is { } bucket ? url.Below(bucket) : url.Open(Environment.GetEnvironmentVariable));
        try
        {
            Action<string>? report = options.Logger is { } logger ? message => Report(logger, message) : null;
            return new BucketHome(
                url.Options.Replica ? await BucketReplica.OpenAsync(store, url.Options, report, cancellationToken).ConfigureAwait(false)
                : await BucketCluster.OpenAsync(store, url.Store.Prefix, url.Options, EngineFiles.Default, report, Creation.ClusterCreator.ForBucket(options), options.BucketStep, mayPredict, cancellationToken).ConfigureAwait(false), store);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The same options, for a cluster on its files.</summary>
    public ClusterOptions Apply(ClusterOptions options)
    {
        var settings = new Dictionary<string, string>(options.Settings, StringComparer.OrdinalIgnoreCase);
        if (settings.TryGetValue("wal_level", out string? level) && level == "minimal")
        {
            throw new ClusterException(ClusterError.StartFailed, "wal_level=minimal would leave out of the log what the bucket needs: use replica or logical");
        }

        foreach (var (name, value) in BucketCluster.RequiredSettings)
        {
            settings[name] = value;
        }

        foreach (var (name, value) in _bucket.RecoverySettings)
        {
            settings[name] = value;
        }

        foreach (var (name, value) in _bucket.DefaultSettings)
        {
            settings.TryAdd(name, value);
        }

        var logger = _bucket is BucketReplica && options.Logger is { } log ? new ReplicaLogger(log) : options.Logger;
        return options with { Settings = settings, DataFileSystem = _bucket.Files, CommitGate = _bucket.Gate, Logger = logger };
    }

    /// <summary>Follows a running cluster to its end, stops it when the bucket is lost, and brings what it leaves to the bucket.</summary>
    /// <returns>The postmaster's exit code.</returns>
    public async Task<int> FollowAsync(PostgresCluster cluster)
    {
        if (_bucket is BucketReplica replica)
        {
            replica.SettingsChanged = cluster.Reload;
        }

        var first = await Task.WhenAny(cluster.Completion, _bucket.Lost, _bucket.SleepAsked).ConfigureAwait(false);
        if (first == _bucket.SleepAsked)
        {
            SleepRequested = true;
            _ = cluster.StopAsync(ShutdownMode.Fast);
            first = await Task.WhenAny(cluster.Completion, _bucket.Lost).ConfigureAwait(false);
        }

        if (first == _bucket.Lost)
        {
            Error = await _bucket.Lost.ConfigureAwait(false);
            _ = cluster.StopAsync(ShutdownMode.Immediate);
        }

        int exitCode = await cluster.Completion.ConfigureAwait(false);
        try
        {
            if (Error is null && !IsDiscarded)
            {
                await _bucket.CloseAsync().WaitAsync(_giveUp.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is BucketException or ObjectStore.ObjectStoreException or Bucket.Formats.DamagedObjectException or IOException or OperationCanceledException)
        {
            Error ??= e as BucketException ?? new BucketException(BucketError.Store,
                $"not everything was brought to the bucket: {e.Message}; what was acknowledged in strict mode is there", e);
        }

        await DisposeAsync().ConfigureAwait(false);
        return exitCode;
    }

    /// <summary>Reads what is asked of the bucket, and how far it is.</summary>
    public Observing.BucketStatistics ReadStatistics()
    {
        var (noted, pending, record, image) = _bucket.Progress;
        return new()
        {
            Requests = [("put", _store.Puts), ("get", _store.Gets), ("list", _store.Lists), ("delete", _store.Deletes)],
            BytesWritten = _store.BytesWritten,
            BytesRead = _store.BytesRead,
            LogBytes = noted,
            PendingLogBytes = pending,
            LastRecord = record,
            ImageRecord = image,
            LocalBytes = _bucket.Files.UsedBytes,
            Lag = _bucket.Lag,
        };
    }

    /// <summary>The server is to end at once.</summary>
    public void Hurry()
    {
        try
        {
            // Before it is taken, nobody has been told of anything that is to be brought there.
            _giveUp.CancelAfter(_bucket.Taken.IsCompleted ? s_immediatePatience : TimeSpan.Zero);
        }
        catch (ObjectDisposedException)
        {
            // It has ended.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _bucket.DisposeAsync().ConfigureAwait(false);
        _store.Dispose();
        _giveUp.Dispose();
    }

#pragma warning disable CA1848, CA2254 // seldom, and the message is whole
    private static void Report(ILogger logger, string message) => logger.LogWarning(message);
#pragma warning restore CA1848, CA2254
}
