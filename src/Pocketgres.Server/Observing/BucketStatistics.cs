namespace Pocketgres.Server.Observing;

/// <summary>What a cluster whose home is a bucket asks of it, since the process opened it.</summary>
internal sealed record BucketStatistics
{
    /// <summary>Requests to the store by their kind.</summary>
    public required IReadOnlyList<(string Kind, long Count)> Requests { get; init; }

    /// <summary>Bytes of content that were sent.</summary>
    public required long BytesWritten { get; init; }

    /// <summary>Bytes of content that were read.</summary>
    public required long BytesRead { get; init; }

    /// <summary>Bytes of changes noted for the log.</summary>
    public required long LogBytes { get; init; }

    /// <summary>Of those, bytes that are not in the bucket yet.</summary>
    public required long PendingLogBytes { get; init; }

    /// <summary>Number of the last record of the log that is in the bucket with all before it.</summary>
    public required long LastRecord { get; init; }

    /// <summary>Number of the record up to which the newest image has everything.</summary>
    public required long ImageRecord { get; init; }

    /// <summary>Bytes of pages that are on this machine.</summary>
    public required long LocalBytes { get; init; }

    /// <summary>Of a replica: how old what it has is at most; null for others.</summary>
    public TimeSpan? Lag { get; init; }
}
