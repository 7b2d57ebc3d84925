using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine;

/// <content>What is counted.</content>
public sealed partial class PostgresCluster
{
    /// <summary>Reads what its kernel counts, and what became of its snapshots. Any time, also after its end.</summary>
    public ClusterStatistics ReadStatistics() => _kernel.RunLocked(() =>
    {
        var processes = _kernel.Processes.Snapshot();
        var filter = _kernel.Options.AcceptFilter;
        var (snapshots, snapshotsOfFiles, snapshotTime) = _cloneCounts.Snapshots;
        var (clonesStarted, clones, cloneTime) = _cloneCounts.Clones;
        return new ClusterStatistics
        {
            Processes = processes.Count,
            FrozenProcesses = processes.Count(p => p.IsFrozen),
            ProcessesStarted = _kernel.Processes.Started,
            LockWaits = _kernel.LockWaits,
            Preemptions = _kernel.Preemptions,
            WaitingConnections = filter?.Waiting ?? 0,
            DroppedConnections = filter?.Dropped ?? 0,
            MemoryFileBytes = (_kernel.FileSystem.At(DataDirectory) as MemoryFileSystem)?.UsedBytes,
            Snapshots = snapshots,
            SnapshotsOfFiles = snapshotsOfFiles,
            SnapshotTime = snapshotTime,
            ClonesStarted = clonesStarted,
            Clones = clones,
            CloneTime = cloneTime,
        };
    });
}
