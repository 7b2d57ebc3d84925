using System.Globalization;
using System.Text;
using Pocketgres.Bucket.Collection;
using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>
/// A cluster whose home is a bucket, opened by this process alone: its files, as the newest image and the log behind it say, and what brings their changes
/// back. The server runs between <see cref="OpenAsync"/> and <see cref="CloseAsync"/>.
/// </summary>
internal sealed partial class BucketCluster : IOpenedCluster
{
    // A store that does not answer a statement's read for so long fails the statement; commits wait for ever.
    private static readonly TimeSpan s_readPatience = TimeSpan.FromSeconds(60), s_openPatience = TimeSpan.FromSeconds(20);

    // Within this, nothing that an opener has seen can have been removed: that takes Collector.Grace. (A clock that says so after days is refused by S3, 15 minutes off.)
    private static readonly TimeSpan s_shortOpening = TimeSpan.FromHours(1);

    private const string RecoverySignal = "/recovery.signal";

    private static readonly TimeSpan s_lookInterval = TimeSpan.FromMilliseconds(200);

    private readonly IObjectStore _store;
    private readonly OpenedLog _log;
    private readonly BucketOptions _options;
    private readonly LogShipper _shipper;
    private readonly ImageWriter _images;
    private readonly CancellationTokenSource _stop;
    private readonly TaskCompletionSource _sleepAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _work = Task.CompletedTask, _firstBeat = Task.CompletedTask;
    private TaskCompletionSource? _imageAsked;
    private IReadOnlySet<string>? _sparse; // what the next image is to write once more; taken by who makes it

    private BucketCluster(IObjectStore store, OpenedLog log, BucketOptions options, BucketFileSystem files, Action<string>? step, CancellationTokenSource stop)
    {
        _store = store;
        _log = log;
        _options = options;
        _stop = stop;
        Files = files;
        _shipper = new LogShipper(store, log, options, isHeld: true) { Step = step };
        _images = new ImageWriter(store, log, files, _shipper) { Step = step };
    }

    /// <summary>The data directory.</summary>
    public BucketFileSystem Files { get; }

    /// <summary>What holds commits back.</summary>
    public ICommitGate? Gate => _shipper;

    /// <summary>What was noted and is not stored yet, and how far log and images are.</summary>
    public (long NotedBytes, long PendingBytes, long LastRecord, long ImageRecord) Progress => (_shipper.NotedBytes, _shipper.PendingBytes, _shipper.Confirmed, _images.Newest);

    /// <inheritdoc/>
    public TimeSpan? Lag => null;

    /// <inheritdoc/>
    public Task<bool> Taken { get; private set; } = Task.FromResult(true);

    /// <summary>Completes when another process has taken the cluster, or the store refuses for good: the server is to be stopped at once.</summary>
    public Task<BucketException> Lost => _shipper.Fenced;

    /// <summary>Completes when somebody has asked, through the bucket, that the cluster be closed; looked for with each heartbeat.</summary>
    public Task SleepAsked => _sleepAsked.Task;

    /// <summary>Settings that a server on these files must have, beyond <see cref="RequiredSettings"/>: a branch ends its origin's log as a recovery from an archive does, which begins a timeline.</summary>
    public IReadOnlyDictionary<string, string> RecoverySettings => FileTree.Exists(Files, RecoverySignal)
        ? new Dictionary<string, string>
        {
            ["restore_command"] = "exit 1", // it has all of its log
            ["hot_standby"] = "off", // nobody is let in before it can be written
        }
        : new Dictionary<string, string>();

    /// <summary>
    /// Settings that a server on it has unless somebody wants others. Recovery, VACUUM and ANALYZE ask for so many pages at once: they are far away, and recovery has
    /// to read each page that the log behind the last checkpoint changed. Where a commit does not wait for the bucket, it need not wait for its log to be written
    /// either, which then follows soon.
    /// </summary>
    public IReadOnlyDictionary<string, string> DefaultSettings
    {
        get
        {
            var settings = new Dictionary<string, string> { ["maintenance_io_concurrency"] = "256" };
            if (_options.Mode != LogMode.Strict)
            {
                settings["synchronous_commit"] = "off";
                settings["wal_writer_delay"] = "10ms";
            }

            return settings;
        }
    }

    /// <summary>Settings that a server on it must have: what is synced is what is brought to the bucket, and no page here is ever torn.</summary>
    public static IReadOnlyDictionary<string, string> RequiredSettings { get; } = new Dictionary<string, string>
    {
        ["fsync"] = "on",
        ["wal_sync_method"] = "fdatasync",
        ["full_page_writes"] = "off",
        ["wal_init_zero"] = "off",
        ["wal_recycle"] = "off",
    };

    /// <inheritdoc/>
    public async Task BringAsync(CancellationToken cancellationToken)
    {
        if (_log.Manifest is { Origin: not null } begun && _images.Newest == begun.Sequence)
        {
            // A branch can be branched when it has an image of its own.
            var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            asked = Interlocked.CompareExchange(ref _imageAsked, asked, null) ?? asked;
            await Task.WhenAny(asked.Task, Lost, _work).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        await _shipper.ConfirmedAsync(_shipper.Cut()).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>After the server has ended: brings everything to the bucket, as one image, and gives the cluster up.</summary>
    /// <exception cref="BucketException">Another process has taken it over.</exception>
    public async Task CloseAsync()
    {
        await _firstBeat.ConfigureAwait(false); // so that it does not arrive behind its removal
        await StopWorkAsync().ConfigureAwait(false);
        await _images.CloseAsync().ConfigureAwait(false);
        foreach (var holder in (await _store.ListAsync(Keys.Live).ConfigureAwait(false)).Entries)
        {
            if (Keys.NumberIn(holder.Key, Keys.Live) <= _log.Token)
            {
                await _store.DeleteAsync(holder.Key).ConfigureAwait(false);
            }
        }

        if (_sleepAsked.Task.IsCompleted)
        {
            await _store.DeleteAsync(Keys.AskedToSleep(_log.Token)).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void GiveUp()
    {
        _shipper.GiveUp();
        if (!Taken.IsCompleted)
        {
            _stop.Cancel();
        }
    }

    /// <summary>Gives everything back. What was not brought to the bucket is lost, unless <see cref="CloseAsync"/> was called.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopWorkAsync().ConfigureAwait(false);
        await _firstBeat.ConfigureAwait(false);
        await _shipper.DisposeAsync().ConfigureAwait(false);
        Files.Free();
        _stop.Dispose();
    }

    private async Task WriteImagesAsync(Action<string>? report)
    {
        long bytes = _shipper.NotedBytes, records = _shipper.Confirmed;
        while (await SleepAsync(s_lookInterval).ConfigureAwait(false) && !Lost.IsCompleted)
        {
            var asked = Volatile.Read(ref _imageAsked);
            if (_shipper.NotedBytes - bytes < _options.SnapshotBytes && _shipper.Confirmed - records < _options.SnapshotRecords && Volatile.Read(ref _sparse) is null && asked is null
                && !Files.TakeImageWanted())
            {
                continue;
            }

            (bytes, records) = (_shipper.NotedBytes, _shipper.Confirmed);
            try
            {
                await _images.WriteAsync(withBootPack: false, Interlocked.Exchange(ref _sparse, null)).ConfigureAwait(false);
                asked?.TrySetResult();
                Interlocked.CompareExchange(ref _imageAsked, null, asked);
            }
            catch (Exception e) when (e is ObjectStoreException or IOException or DamagedObjectException)
            {
                report?.Invoke($"cannot write an image of {_store.Name}: {e.Message}; the log grows until it can");
            }
            catch (BucketException)
            {
                return; // Lost says it
            }
        }
    }

    private async Task BeatAsync()
    {
        try
        {
            await _store.PutAsync(Keys.Holder(_log.Token), Holder.Describe(), _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ObjectStoreException or OperationCanceledException)
        {
            // The next record will say what is wrong.
        }
    }

    private async Task ShowLifeAsync()
    {
        while (await SleepAsync(_options.HeartbeatInterval).ConfigureAwait(false) && !Lost.IsCompleted)
        {
            await BeatAsync().ConfigureAwait(false);
            try
            {
                await _shipper.LookForFenceAsync(_stop.Token).ConfigureAwait(false);
                if (await _store.GetAsync(Keys.AskedToSleep(_log.Token), null, _stop.Token).ConfigureAwait(false) is not null)
                {
                    _sleepAsked.TrySetResult();
                }
            }
            catch (Exception e) when (e is ObjectStoreException or OperationCanceledException or DamagedObjectException)
            {
                // The next record will say what is wrong.
            }
        }
    }

    // Asked for once in a heartbeat's time and then seldom, so that a cluster which is awake for a minute at a time is cleared too, and none asks much.
    private async Task CollectAsync(IObjectStore bucket, string prefix, Action<string>? report)
    {
        var store = new RetryingObjectStore(bucket, s_readPatience);
        for (var pause = _options.HeartbeatInterval; await SleepAsync(pause).ConfigureAwait(false) && !Lost.IsCompleted; pause = _options.CollectInterval / 24)
        {
            try
            {
                var last = await store.ListAsync(Keys.Collected, null, _stop.Token).ConfigureAwait(false);
                if (last.Entries is [var found, ..] && last.Time - found.LastModified < _options.CollectInterval)
                {
                    continue;
                }

                if (last.Entries.Count > 0) // else it is new
                {
                    var result = await new Collector(store, prefix, _options.Retention).RunAsync(_stop.Token).ConfigureAwait(false);
                    if (result.Sparse.Count > 0)
                    {
                        Volatile.Write(ref _sparse, result.Sparse);
                    }
                }

                await store.PutAsync(Keys.Collected, Encoding.UTF8.GetBytes(DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture) + "\n"), _stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is ObjectStoreException or DamagedObjectException or BucketException)
            {
                report?.Invoke($"cannot remove what nothing needs from {_store.Name}: {e.Message}; the bucket grows until it can");
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return; // the next life goes on where this one stopped
            }
        }
    }

    private async Task<bool> SleepAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task StopWorkAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAny(Taken).ConfigureAwait(false); // whatever it says: nobody asks any more
        await _work.ConfigureAwait(false);
    }
}
