namespace Pocketgres.Engine;

/// <summary>What a cluster's kernel counts, and what became of its snapshots. Counts are since its start.</summary>
public sealed record ClusterStatistics
{
    /// <summary>Processes that run.</summary>
    public required int Processes { get; init; }

    /// <summary>Of those, processes of a clone that nothing has woken yet: they have neither a thread nor memory.</summary>
    public required int FrozenProcesses { get; init; }

    /// <summary>Processes started (forks).</summary>
    public required long ProcessesStarted { get; init; }

    /// <summary>How often a process slept until the kernel's lock was free.</summary>
    public required long LockWaits { get; init; }

    /// <summary>How often a process gave the kernel's lock up because others waited.</summary>
    public required long Preemptions { get; init; }

    /// <summary>Connections whose first request is not complete.</summary>
    public required int WaitingConnections { get; init; }

    /// <summary>Connections that were closed before their first request was complete.</summary>
    public required long DroppedConnections { get; init; }

    /// <summary>Bytes of the data directory's files, if they are in memory.</summary>
    public required long? MemoryFileBytes { get; init; }

    /// <summary>Snapshots taken; one that is given out again because nothing has happened since is not counted again.</summary>
    public required long Snapshots { get; init; }

    /// <summary>Of those, snapshots that have files only.</summary>
    public required long SnapshotsOfFiles { get; init; }

    /// <summary>How long they took together.</summary>
    public required TimeSpan SnapshotTime { get; init; }

    /// <summary>Clones started from its snapshots.</summary>
    public required long ClonesStarted { get; init; }

    /// <summary>Of those, clones that run.</summary>
    public required long Clones { get; init; }

    /// <summary>How long their starts took together.</summary>
    public required TimeSpan CloneTime { get; init; }
}
