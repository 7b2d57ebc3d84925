using System.Diagnostics;
using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Replicas;

/// <summary>
/// A cluster in a bucket that is followed and not written: the newest image, and the log behind it as it comes. Nothing is written to the bucket, and nobody
/// who has the cluster, had it, or takes it knows of it.
/// </summary>
internal sealed class BucketReplica : IOpenedCluster
{
    private static readonly TimeSpan s_readPatience = TimeSpan.FromSeconds(60), s_openPatience = TimeSpan.FromSeconds(20), s_lookForImages = TimeSpan.FromSeconds(10);
    private const int MostAtOnce = 16;

    private readonly IObjectStore _store;
    private readonly OpenedReplica _opened;
    private readonly BucketOptions _options;
    private readonly ReplicaFiles _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<BucketException> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _work = Task.CompletedTask;
    private long _next, _token;
    private long _current; // timestamp of a moment at which everything was here

    private BucketReplica(IObjectStore store, OpenedReplica opened, BucketOptions options, BucketFileSystem files)
    {
        _store = store;
        _opened = opened;
        _options = options;
        Files = files;
        _log = new ReplicaFiles(files);
        _next = opened.Manifest.Sequence + 1;
        _token = opened.Manifest.Token;
    }

    /// <inheritdoc/>
    public BucketFileSystem Files { get; }

    /// <inheritdoc/>
    public ICommitGate? Gate => null;

    /// <inheritdoc/>
    public Task<bool> Taken { get; } = Task.FromResult(true); // nobody's but its owner's, and followed

    /// <inheritdoc/>
    public Task<BucketException> Lost => _lost.Task;

    /// <inheritdoc/>
    public Task SleepAsked { get; } = new TaskCompletionSource().Task; // that is asked of who has the cluster

    /// <inheritdoc/>
    public (long NotedBytes, long PendingBytes, long LastRecord, long ImageRecord) Progress => (0, 0, Volatile.Read(ref _next) - 1, _opened.Manifest.Sequence);

    /// <inheritdoc/>
    public TimeSpan? Lag => Stopwatch.GetElapsedTime(Volatile.Read(ref _current));

    /// <summary>Called when a file with settings has come.</summary>
    public Action? SettingsChanged
    {
        get => _log.SettingsChanged;
        set => _log.SettingsChanged = value;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> DefaultSettings { get; } = new Dictionary<string, string>();

    /// <summary>A standby that finds its log in pg_wal, where it looks often.</summary>
    public IReadOnlyDictionary<string, string> RecoverySettings { get; } = new Dictionary<string, string>
    {
        ["hot_standby"] = "on",
        ["primary_conninfo"] = "",
        ["restore_command"] = "",
        ["recovery_target_timeline"] = "latest",
        ["wal_retrieve_retry_interval"] = "100ms",
    };

    /// <summary>Opens a replica of the cluster at a prefix, with the log that there is.</summary>
    /// <param name="bucket">The prefix; stays the caller's.</param>
    /// <param name="options">How.</param>
    /// <param name="report">Says what takes long or went wrong.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="BucketException">It cannot be opened.</exception>
    public static async Task<BucketReplica> OpenAsync(IObjectStore bucket, BucketOptions options, Action<string>? report, CancellationToken cancellationToken)
    {
        var frames = new FrameReader(new RetryingObjectStore(bucket, s_readPatience));
        var files = new BucketFileSystem(frames, Path.GetTempPath()) { FetchFailed = report, IsRecording = false };
        try
        {
            var opened = await new ReplicaOpening(new RetryingObjectStore(bucket, s_openPatience)).OpenAsync(cancellationToken).ConfigureAwait(false);
            frames.Cache = FrameCache.Open(options, opened.Cluster, opened.Manifest.Origin, report);
            files.Load(opened.Manifest);
            var boot = opened.Manifest.Boot is { } pack ? files.LoadAsync(pack) : Task.CompletedTask;
            var replica = new BucketReplica(new RetryingObjectStore(bucket, Timeout.InfiniteTimeSpan), opened, options, files);
            await replica.CatchUpAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await boot.ConfigureAwait(false);
            }
            catch (DamagedObjectException e)
            {
                report?.Invoke($"{e.Message}; it was only to make this start quicker");
            }

            replica._work = Task.WhenAll(replica.FollowAsync(), replica.BringAllAsync(report));
            return replica;
        }
        catch (Exception e)
        {
            files.Free();
            throw Translate(e, bucket.Name) ?? e;
        }
    }

    /// <inheritdoc/>
    public Task BringAsync(CancellationToken cancellationToken) => Task.CompletedTask; // all that it has is from there

    /// <inheritdoc/>
    public void GiveUp()
    {
        // Nothing goes from here to the store, and what is read from there has a patience of its own.
    }

    /// <inheritdoc/>
    public Task CloseAsync() => Task.CompletedTask; // nothing is its own

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        Files.Free();
        _stop.Dispose();
    }

    private static BucketException? Translate(Exception e, string name) => e switch
    {
        BucketException same => same,
        ObjectStoreException => new BucketException(BucketError.Store, e.Message, e),
        DamagedObjectException or FileSystemException => new BucketException(BucketError.Damaged, $"cannot follow {name}: {e.Message}", e),
        _ => null,
    };

    // Before the server starts: nobody looks at the files yet.
    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        ulong end = _opened.Manifest.Origin is { Lsn: > 0 } origin ? origin.Lsn : ulong.MaxValue;
        foreach (var part in _opened.OriginTail.SelectMany(r => r.Parts))
        {
            _log.Apply(part, end);
        }

        while (await AdvanceAsync(MostAtOnce, cancellationToken).ConfigureAwait(false) == MostAtOnce)
        {
        }

        _log.BecomeStandby(_opened.Manifest);
    }

    private async Task FollowAsync()
    {
        try
        {
            int atOnce = 1;
            for (long lookAt = Environment.TickCount64; ;)
            {
                int found = await AdvanceAsync(atOnce, _stop.Token).ConfigureAwait(false);
                if (found == atOnce)
                {
                    atOnce = Math.Min(2 * atOnce, MostAtOnce); // behind: there is probably more
                    continue;
                }

                atOnce = 1;
                if (found > 0)
                {
                    lookAt = Environment.TickCount64;
                }
                else if (Environment.TickCount64 - lookAt > s_lookForImages.TotalMilliseconds)
                {
                    lookAt = Environment.TickCount64;
                    await ThrowIfRemovedAsync().ConfigureAwait(false);
                }

                await Task.Delay(_options.Poll, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // It is closed.
        }
        catch (Exception e) when (Translate(e, _store.Name) is { } error)
        {
            _lost.TrySetResult(error);
        }
    }

    // Asks for the next records, and has those that are there without a gap; how many these were.
    private async Task<int> AdvanceAsync(int atOnce, CancellationToken cancellationToken)
    {
        long asked = Stopwatch.GetTimestamp(), next = _next;
        var records = await Task.WhenAll(Enumerable.Range(0, atOnce).Select(i => ReadAsync(next + i))).ConfigureAwait(false);
        int found = 0;
        for (; found < atOnce && records[found] is { } content; found++)
        {
            var record = LogRecord.Decode(content.Content, _opened.Cluster, next + found);
            if (record.Token >= _token) // else its writer had been fenced
            {
                _token = record.Token;
                foreach (var part in record.Parts)
                {
                    _log.Apply(part);
                }
            }

            Volatile.Write(ref _next, next + found + 1);
        }

        if (found < atOnce)
        {
            Volatile.Write(ref _current, asked);
        }

        return found;

        Task<StoredObject?> ReadAsync(long number) => _store.GetAsync(Keys.LogRecord(number), null, cancellationToken);
    }

    // Whoever was away for longer than the log is retained.
    private async Task ThrowIfRemovedAsync()
    {
        long next = _next;
        var images = await _store.ListAsync(Keys.Manifests, Keys.Manifest(next - 1), _stop.Token).ConfigureAwait(false);
        if (images.Entries.Count > 0 && await _store.GetAsync(Keys.LogRecord(next), null, _stop.Token).ConfigureAwait(false) is null)
        {
            throw new BucketException(BucketError.Missing,
                $"this replica of {_store.Name} was away for longer than the log is retained (record {next} is gone): start it again, it begins with the newest image then");
        }
    }

    // The packs of its image are removed when that is older than what is retained: until then, everything is here.
    private async Task BringAllAsync(Action<string>? report)
    {
        try
        {
            await Task.Delay(_options.ReplicaBringAll, _stop.Token).ConfigureAwait(false);
            await Files.BringAllAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // It is closed.
        }
        catch (Exception e) when (e is ObjectStoreException or DamagedObjectException or IOException)
        {
            report?.Invoke($"cannot bring all pages of {_store.Name} here: {e.Message}; start this replica again before its image is older than what is retained");
        }
    }
}
