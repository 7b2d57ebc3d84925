using System.Globalization;
using System.Text;
using Pocketgres.Bucket.Collection;
using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>
/// A cluster whose home is a bucket, opened by this process alone: its files, as the newest image and the log behind it say, and what brings their changes
/// back. The server runs between <see cref="OpenAsync"/> and <see cref="CloseAsync"/>.
/// </summary>
internal sealed class BucketCluster : IOpenedCluster
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
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _sleepAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _work = Task.CompletedTask, _firstBeat = Task.CompletedTask;
    private TaskCompletionSource? _imageAsked;
    private IReadOnlySet<string>? _sparse; // what the next image is to write once more; taken by who makes it

    private BucketCluster(IObjectStore store, OpenedLog log, BucketOptions options, BucketFileSystem files, Action<string>? step)
    {
        _store = store;
        _log = log;
        _options = options;
        Files = files;
        _shipper = new LogShipper(store, log, options) { Step = step };
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
    /// Settings that a server on it has unless somebody wants others: where a commit does not wait for the bucket, it need not wait for its log to be written
    /// either, which then follows soon.
    /// </summary>
    public IReadOnlyDictionary<string, string> DefaultSettings => _options.Mode == LogMode.Strict
        ? new Dictionary<string, string>()
        : new Dictionary<string, string> { ["synchronous_commit"] = "off", ["wal_writer_delay"] = "10ms" };

    /// <summary>Settings that a server on it must have: what is synced is what is brought to the bucket, and no page here is ever torn.</summary>
    public static IReadOnlyDictionary<string, string> RequiredSettings { get; } = new Dictionary<string, string>
    {
        ["fsync"] = "on",
        ["wal_sync_method"] = "fdatasync",
        ["full_page_writes"] = "off",
        ["wal_init_zero"] = "off",
        ["wal_recycle"] = "off",
    };

    /// <summary>Opens the cluster at a prefix, or makes one where there is nothing.</summary>
    /// <param name="bucket">The prefix; stays the caller's.</param>
    /// <param name="prefix">That prefix in its bucket, with a slash at its end.</param>
    /// <param name="options">How.</param>
    /// <param name="engine">What a new cluster is made from, and what an old one must fit.</param>
    /// <param name="report">Says what takes long or went wrong.</param>
    /// <param name="make">Makes the files of a new cluster that is more than the engine's template; null for that. If it fails, there is still none.</param>
    /// <param name="step">Called before each step of the opening, of a log record and of an image, with its name: for tests that end the process there.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="BucketException">It cannot be opened.</exception>
    /// <exception cref="ClusterException">It is not for this engine.</exception>
    public static async Task<BucketCluster> OpenAsync(
        IObjectStore bucket, string prefix, BucketOptions options, EngineFiles engine, Action<string>? report, Func<CancellationToken, Task<MemoryFileSystem>>? make = null,
        Action<string>? step = null, CancellationToken cancellationToken = default)
    {
        var patient = new RetryingObjectStore(bucket, s_readPatience);
        var frames = new FrameReader(patient);
        var files = new BucketFileSystem(frames, Path.GetTempPath()) { FetchFailed = report };
        BucketCluster? cluster = null;
        try
        {
            var boot = Task.CompletedTask;
            var began = DateTime.UtcNow;
            var log = await new LogOpening(new RetryingObjectStore(bucket, s_openPatience), options)
            {
                Report = report,
                Step = step,
                BootPackHinted = options.CacheDirectory is null ? frames.Expect : null, // much of it may be there
                ManifestFound = manifest =>
                {
                    frames.Cache = FrameCache.Open(options, manifest.Cluster, manifest.Origin, report);
                    files.Load(manifest);
                    boot = manifest.Boot is { } pack ? files.LoadAsync(pack) : boot;
                },
            }.OpenAsync(cancellationToken).ConfigureAwait(false);
            await IgnoreDamageAsync(boot, report).ConfigureAwait(false);
            if (log.Manifest is null)
            {
                if (make is not null)
                {
                    using var made = await make(cancellationToken).ConfigureAwait(false);
                    FileTree.Copy(made, "/", files, "/", _ => true);
                }

                DataDirectory.Prepare(files, "/", bucket.Name, engine);
            }
            else
            {
                Recover(files, log);
            }

            cluster = new BucketCluster(new RetryingObjectStore(bucket, Timeout.InfiniteTimeSpan), log, options, files, step);
            files.Log = cluster._shipper;
            var alone = (DateTime.UtcNow - began).Duration() < s_shortOpening ? Task.CompletedTask : LogOpening.ThrowIfCollectedAsync(cluster._store, log, cancellationToken);
            cluster._firstBeat = cluster.BeatAsync(); // nobody need wait for it
            await alone.ConfigureAwait(false);
            if (log.Manifest is null)
            {
                await cluster._images.WriteAsync(withBootPack: false).ConfigureAwait(false);
                frames.Cache = FrameCache.Open(options, log.Cluster, null, report); // behind the first image, of which the next life reads little
            }

            cluster._work = Task.WhenAll(cluster.WriteImagesAsync(report), cluster.ShowLifeAsync(), cluster.CollectAsync(bucket, prefix, report));
            return cluster;
        }
        catch (Exception e)
        {
            if (cluster is not null)
            {
                await cluster.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                files.Free();
            }

            throw e switch
            {
                ObjectStoreException => new BucketException(BucketError.Store, e.Message, e),
                DamagedObjectException => new BucketException(BucketError.Damaged, $"cannot open {bucket.Name}: {e.Message}", e),
                FileSystemException => new BucketException(BucketError.Damaged, $"cannot open {bucket.Name}: {e.Message}", e),
                _ => e,
            };
        }
    }

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
    public void GiveUp() => _shipper.GiveUp();

    /// <summary>Gives everything back. What was not brought to the bucket is lost, unless <see cref="CloseAsync"/> was called.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopWorkAsync().ConfigureAwait(false);
        await _firstBeat.ConfigureAwait(false);
        await _shipper.DisposeAsync().ConfigureAwait(false);
        Files.Free();
        _stop.Dispose();
    }

    // The pages are elsewhere too.
    private static async Task IgnoreDamageAsync(Task boot, Action<string>? report)
    {
        try
        {
            await boot.ConfigureAwait(false);
        }
        catch (DamagedObjectException e)
        {
            report?.Invoke($"{e.Message}; it was only to make this start quicker");
        }
    }

    // What the image's server did not see any more: the log that follows. From an image of a clean stop, Postgres would not look at it.
    private static void Recover(BucketFileSystem files, OpenedLog log)
    {
        bool hasLog = false;
        ApplyAll(log.OriginTail, log.Manifest!.Origin is { Lsn: > 0 } origin ? origin.Lsn : ulong.MaxValue);
        if (log.Manifest.Origin is not null)
        {
            DropSlots(files);
        }

        ApplyAll(log.Tail, ulong.MaxValue);
        if (log.Manifest.Origin is not null)
        {
            // Also when it was opened before: the image has the control file of the origin's timeline, from which only such a recovery finds the newest one.
            FileTree.WriteAll(files, RecoverySignal, [], 0x180, sync: false);
        }

        string path = "/" + ControlFile.Name;
        var control = ControlFile.Parse(FileTree.ReadAll(files, path, ControlFile.FileSize));
        if (!control.IsIntact)
        {
            throw new DamagedObjectException(Keys.Manifest(log.Manifest.Sequence), $"has a damaged {ControlFile.Name}");
        }

        if (hasLog && control.State == ClusterState.ShutDown)
        {
            control.SetInProduction();
            FileTree.WriteAll(files, path, control.Bytes, 0x180, sync: false);
        }

        void ApplyAll(IReadOnlyList<LogRecord> records, ulong end)
        {
            foreach (var part in records.SelectMany(r => r.Parts))
            {
                files.Apply(part is LogPart.Bytes bytes ? bytes.Before(end) : part);
                hasLog |= part is LogPart.Bytes;
            }
        }
    }

    // The origin's consumers go on there: here, nobody would ever advance them, and they would keep log for ever.
    private static void DropSlots(BucketFileSystem files)
    {
        foreach (var slot in FileTree.List(files, "/pg_replslot"))
        {
            FileTree.Remove(files, FileTree.Combine("/pg_replslot", slot.Name));
        }
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
        await _work.ConfigureAwait(false);
    }
}
