using System.Diagnostics;
using Pocketgres.Engine.Cloning;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine;

/// <content>Taking snapshots.</content>
public sealed partial class PostgresCluster
{
    // How long a snapshot waits for processes to leave states that cannot be copied (a lock wait, a checkpoint), before it takes only the files.
    private static readonly TimeSpan s_quietTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_retryInterval = TimeSpan.FromMilliseconds(1);

    private readonly SemaphoreSlim _snapshotGate = new(1);
    private readonly CloneCounts _cloneCounts = new();
    private SnapshotContent? _lastSnapshot;
    private long[] _lastActivity = [];

    /// <summary>
    /// Takes a snapshot of the running server: every transaction committed before is in it, others are not. Sessions go on undisturbed.
    /// If no session has done anything since the last snapshot, this is the same one and costs nothing.
    /// </summary>
    /// <remarks>
    /// The snapshot has memory (<see cref="ClusterSnapshot.HasMemory"/>) unless the data directory is on the host's disk, a process is in a state that
    /// cannot be copied for two seconds, dynamic shared memory is in use (parallel queries, very large statistics), or the server is a standby.
    /// </remarks>
    /// <exception cref="ClusterException">The server has ended.</exception>
    /// <exception cref="NotSupportedException">The data directory is in a file system that cannot be copied.</exception>
    public async Task<ClusterSnapshot> SnapshotAsync(CancellationToken cancellationToken = default)
    {
        await _snapshotGate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_completion.IsCompleted)
            {
                throw new ClusterException(ClusterError.StartFailed, "the server has ended: take snapshots while it runs");
            }

            var activity = _kernel.RunLocked(Activity);
            if (_lastSnapshot is null || !activity.SequenceEqual(_lastActivity))
            {
                long start = Stopwatch.GetTimestamp();
                var content = await TakeAsync(cancellationToken).ConfigureAwait(false);
                _cloneCounts.AddSnapshot(start, content.Content.Kernel is not null);
                _lastSnapshot?.Release();
                _lastSnapshot = content.Content.AddReference();
                _lastActivity = content.Activity;
            }

            return new ClusterSnapshot(_lastSnapshot);
        }
        finally
        {
            _snapshotGate.Release();
        }
    }

    // Changes whenever a session or worker has run, or runs: then the last snapshot is out of date. Under the kernel's lock.
    private long[] Activity()
    {
        var activity = new List<long> { _kernel.Processes.Started };
        foreach (var p in _kernel.Processes.Snapshot().Where(MainLoops.IsSession))
        {
            activity.Add(p.Pid);
            activity.Add(p.Runs);
            activity.Add(p.State == ProcessState.Waiting ? 0 : Stopwatch.GetTimestamp());
        }

        return [.. activity];
    }

    private async Task<(SnapshotContent Content, long[] Activity)> TakeAsync(CancellationToken cancellationToken)
    {
        string? limitation = _directory is not null ? "the data directory is on the host's disk"
            : _kernel.FileSystem.At(DataDirectory) is not MemoryFileSystem ? "the data directory is not in memory" : null;
        long[] activity = [];
        if (limitation is null)
        {
            long deadline = Stopwatch.GetTimestamp() + (long)(s_quietTimeout.TotalSeconds * Stopwatch.Frequency);
            while (true)
            {
                var loops = new Dictionary<int, int>();
                var snapshot = _kernel.TrySnapshot(
                    p =>
                    {
                        loops[p.Pid] = MainLoops.OfAny(p);
                        activity = loops.Count == 1 ? Activity() : activity;
                        return MainLoops.Decide(p);
                    },
                    out var obstacle, out string reason);
                if (snapshot is not null)
                {
                    var content = new SnapshotContent(snapshot, _engine, DataDirectory, loops, _cloneCounts);
                    return (loops.Values.All(l => l != 0) ? content : await WithoutSessionsAsync(content, cancellationToken).ConfigureAwait(false), activity);
                }

                if (obstacle == SnapshotDecision.Never || Stopwatch.GetTimestamp() > deadline)
                {
                    limitation = $"not possible with {reason}";
                    break;
                }

                await Task.Delay(s_retryInterval, cancellationToken).ConfigureAwait(false);
            }
        }

        return _kernel.RunLocked(() => (new SnapshotContent(CopyDataFiles(), _engine, Data.Initdb.DataDirectory, limitation, _cloneCounts), Activity()));
    }

    /// <summary>
    /// The sessions of a snapshot are ended once, in a clone that nobody sees, and not in each clone: Postgres rolls back what they had open and
    /// gives back what they held. What is left is the snapshot.
    /// </summary>
    private static async Task<SnapshotContent> WithoutSessionsAsync(SnapshotContent content, CancellationToken cancellationToken)
    {
        content.AddReference();
        try
        {
            var log = new Logging.ServerLog(null);
            using var kernel = Revive(content, OptionsOf(new ClusterOptions(), content.Engine, log), []);
            foreach (var p in kernel.Processes.Snapshot().Where(p => content.Loops[p.Pid] == 0))
            {
                p.Thaw();
            }

            long deadline = Stopwatch.GetTimestamp() + (long)(s_quietTimeout.TotalSeconds * Stopwatch.Frequency);
            while (true)
            {
                var loops = new Dictionary<int, int>();
                var quiet = kernel.TrySnapshot(
                    p =>
                    {
                        loops[p.Pid] = MainLoops.OfAny(p);
                        return loops[p.Pid] != 0 ? SnapshotDecision.Include : SnapshotDecision.NotNow;
                    },
                    out _, out string reason);
                if (quiet is not null)
                {
                    return new SnapshotContent(quiet, content.Engine, content.DataDirectory, loops, content.Counts);
                }

                if (Stopwatch.GetTimestamp() > deadline)
                {
                    return new SnapshotContent(
                        content.CopyFiles(), content.Engine, content.DataDirectory, $"its sessions could not be ended ({reason}; {string.Join(" | ", log.Recent)})", content.Counts);
                }

                await Task.Delay(s_retryInterval, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            content.Release();
        }
    }

    // Under the kernel's lock no process writes files: what is there is what a power cut would leave (of files that were synced, and more).
    private MemoryFileSystem CopyDataFiles()
    {
        if (_directory is not null)
        {
            return HostDirectoryCopy.Read(_directory.Path);
        }

        return _kernel.FileSystem.At(DataDirectory) is MemoryFileSystem files ? files.Clone()
            : throw new NotSupportedException("the cluster's data directory is in a file system that cannot be copied");
    }
}
