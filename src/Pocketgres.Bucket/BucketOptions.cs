namespace Pocketgres.Bucket;

/// <summary>When the log is brought to the bucket.</summary>
public enum LogMode
{
    /// <summary>Before a commit is seen or acknowledged.</summary>
    Strict,

    /// <summary>Every so often: a lost machine loses the transactions of that time.</summary>
    Interval,

    /// <summary>When the cluster goes to sleep, and every 16 MiB: a lost machine loses what was done since.</summary>
    Sleep,
}

/// <summary>How to run a cluster in a bucket.</summary>
public sealed record BucketOptions
{
    /// <summary>When the log is brought to the bucket.</summary>
    public LogMode Mode { get; init; }

    /// <summary>In the mode of that name: how often.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Requests for log records that are on their way at once.</summary>
    public int InFlight { get; init; } = 8;

    /// <summary>Log records a second, on average; 0 for no limit. What waits goes with the next one. A burst of ten seconds' worth is let through.</summary>
    public int PutsPerSecond { get; init; } = 25;

    /// <summary>Whether to make a cluster where there is nothing.</summary>
    public bool MayCreate { get; init; } = true;

    /// <summary>How long nobody must do anything before the cluster is closed, to be opened again by the next connection; null for never. The server's business.</summary>
    public TimeSpan? Idle { get; init; }

    /// <summary>Whether to take the cluster from another process although that may be alive.</summary>
    public bool TakeOver { get; init; }

    /// <summary>Whether to follow the cluster, which another process may have, and write nothing.</summary>
    public bool Replica { get; init; }

    /// <summary>How often a replica looks for new log.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After this time a replica brings all pages here that it has not read: those of its image are kept for a day at least, and as long as the retention.</summary>
    public TimeSpan ReplicaBringAll { get; init; } = TimeSpan.FromHours(12);

    /// <summary>How old a heartbeat is before its holder counts as gone.</summary>
    public TimeSpan HeartbeatLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a holder says that it is there.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of log after which an image is made.</summary>
    public long SnapshotBytes { get; init; } = 16 << 20;

    /// <summary>Log records after which an image is made: a wake reads each.</summary>
    public int SnapshotRecords { get; init; } = 512;

    /// <summary>Each moment since so long ago can be restored; what older ones need is removed.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Directory of the host for pages that were read or written, which later lives on this machine then need not ask for; null for none.</summary>
    public string? CacheDirectory { get; init; }

    /// <summary>Bytes of files there, of all clusters that have it; not much more.</summary>
    public long CacheBytes { get; init; } = 1L << 30;

    /// <summary>How often the holder removes what nothing needs any more.</summary>
    public TimeSpan CollectInterval { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Numbers behind the last confirmed log record that a writer may use; whoever fences it must take them. All writers of a cluster must agree.</summary>
    internal const int Window = 16;

    /// <summary>Milliseconds after which what was written is stored in strict mode although nobody waits for it.</summary>
    internal const int Unhurried = 1000;

    /// <summary>Bytes of it that are stored at once.</summary>
    internal const int UnhurriedBytes = 1 << 20;
}
