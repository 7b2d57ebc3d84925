using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <content>Opening: from a prefix to files on which a server can run.</content>
internal sealed partial class BucketCluster
{
    /// <summary>
    /// Opens the cluster at a prefix, or makes one where there is nothing. With <paramref name="mayPredict"/> and behind a clean close it returns before the store has
    /// said that nobody has opened the cluster since; then <see cref="Taken"/> says it. Until it does, nothing is written there, and a server that starts on
    /// it lets nobody in (<see cref="ICommitGate.WaitUntilTaken"/>).
    /// </summary>
    /// <param name="bucket">The prefix; stays the caller's.</param>
    /// <param name="prefix">That prefix in its bucket, with a slash at its end.</param>
    /// <param name="options">How.</param>
    /// <param name="engine">What a new cluster is made from, and what an old one must fit.</param>
    /// <param name="report">Says what takes long or went wrong.</param>
    /// <param name="make">Makes the files of a new cluster that is more than the engine's template; null for that. If it fails, there is still none.</param>
    /// <param name="step">Called before each step of the opening, of a log record and of an image, with its name: for tests that end the process there.</param>
    /// <param name="mayPredict">Whether the caller can begin once more.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="BucketException">It cannot be opened.</exception>
    /// <exception cref="ClusterException">It is not for this engine.</exception>
    public static async Task<BucketCluster> OpenAsync(
        IObjectStore bucket, string prefix, BucketOptions options, EngineFiles engine, Action<string>? report, Func<CancellationToken, Task<MemoryFileSystem>>? make = null,
        Action<string>? step = null, bool mayPredict = false, CancellationToken cancellationToken = default)
    {
        var patient = new RetryingObjectStore(bucket, s_readPatience);
        var frames = new FrameReader(patient);
        var files = new BucketFileSystem(frames, Path.GetTempPath()) { FetchFailed = report };
        var stop = new CancellationTokenSource();
        var predicted = new TaskCompletionSource<OpenedLog>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<OpenedLog>? opening = null;
        BucketCluster? cluster = null;
        var boot = Task.CompletedTask;
        using var cancels = cancellationToken.Register(stop.Cancel);
        try
        {
            var began = DateTime.UtcNow;
            opening = new LogOpening(new RetryingObjectStore(bucket, s_openPatience), options)
            {
                Report = report,
                Step = step,
                BootPackHinted = Expect,
                ManifestFound = Load,
                Predicted = mayPredict ? log =>
                {
                    Load(log.Manifest!);
                    predicted.SetResult(log);
                } : null,
            }.OpenAsync(stop.Token);
            await Task.WhenAny(opening, predicted.Task).ConfigureAwait(false);
            bool isPredicted = predicted.Task.IsCompleted; // and so are the files, even if the store has said by now what is true
            var log = await (isPredicted ? predicted.Task : opening).ConfigureAwait(false);
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

            cluster = new BucketCluster(new RetryingObjectStore(bucket, Timeout.InfiniteTimeSpan), log, options, files, step, stop);
            files.Log = cluster._shipper;
            cluster.Taken = cluster.TakeAsync(opening, began, bucket, prefix, report);
            if (!isPredicted)
            {
                await cluster.Taken.ConfigureAwait(false);
            }

            if (log.Manifest is null)
            {
                frames.Cache = FrameCache.Open(options, log.Cluster, null, report); // behind the first image, of which the next life reads little
            }

            return cluster;
        }
        catch (Exception e)
        {
            Exception error = e;
            bool wasWrong = false;
            if (predicted.Task.IsCompleted)
            {
                try
                {
                    wasWrong = !IsSame(await opening!.ConfigureAwait(false), await predicted.Task.ConfigureAwait(false));
                }
                catch (Exception decisive) // says more than what failed because of it
                {
                    error = decisive;
                }
            }

            await stop.CancelAsync().ConfigureAwait(false);
            if (cluster is not null)
            {
                await cluster.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                files.Free();
                stop.Dispose();
            }

            return wasWrong
                ? await OpenAsync(bucket, prefix, options, engine, report, make, step, mayPredict: false, cancellationToken).ConfigureAwait(false)
                : throw Explain(error, bucket);
        }

        void Expect(string pack, ReadOnlyMemory<byte> copy)
        {
            if (!copy.IsEmpty)
            {
                frames.Give(pack, copy);
            }
            else if (options.CacheDirectory is null) // else much of it may be there
            {
                frames.Expect(pack);
            }
        }

        void Load(Manifest manifest)
        {
            frames.Cache = FrameCache.Open(options, manifest.Cluster, manifest.Origin, report);
            files.Load(manifest);
            boot = manifest.Boot is { } pack ? files.LoadAsync(pack) : boot;
        }
    }

    // Waits until the cluster is this process's alone, and begins to write to it. False when it is not as predicted: then nothing is ever written.
    private async Task<bool> TakeAsync(Task<OpenedLog> opening, DateTime began, IObjectStore bucket, string prefix, Action<string>? report)
    {
        try
        {
            var log = await opening.ConfigureAwait(false);
            if (!IsSame(log, _log))
            {
                report?.Invoke($"{bucket.Name} was opened by others since the close that its hint tells of: what was started on that is given up, and started again");
                _shipper.GiveUp();
                return false;
            }

            var alone = (DateTime.UtcNow - began).Duration() < s_shortOpening ? Task.CompletedTask : LogOpening.ThrowIfCollectedAsync(_store, log, _stop.Token);
            _firstBeat = BeatAsync(); // nobody need wait for it
            await alone.ConfigureAwait(false);
            _shipper.Release();
            if (log.Manifest is null)
            {
                await _images.WriteAsync(withBootPack: false).ConfigureAwait(false);
            }

            _work = Task.WhenAll(WriteImagesAsync(report), ShowLifeAsync(), CollectAsync(bucket, prefix, report));
            return true;
        }
        catch (Exception e)
        {
            _shipper.GiveUp();
            throw Explain(e, bucket);
        }
    }

    private static bool IsSame(OpenedLog log, OpenedLog predicted) => ReferenceEquals(log, predicted)
        || (ReferenceEquals(log.Manifest, predicted.Manifest) && log.Token == predicted.Token && log.NextSequence == predicted.NextSequence && log.Tail.Count == 0);

    private static Exception Explain(Exception e, IObjectStore bucket) => e switch
    {
        ObjectStoreException => new BucketException(BucketError.Store, e.Message, e),
        DamagedObjectException => new BucketException(BucketError.Damaged, $"cannot open {bucket.Name}: {e.Message}", e),
        FileSystemException => new BucketException(BucketError.Damaged, $"cannot open {bucket.Name}: {e.Message}", e),
        _ => e,
    };

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
}
