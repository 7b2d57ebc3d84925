namespace Pocketgres.Server.Observing;

/// <summary>What postgres_exporter has no names for: the kernel, snapshots and clones, a bucket. No session is needed to read it.</summary>
internal static class OwnStatistics
{
    // The readings of Read are in this order.
    private static readonly Metric[] s_cluster =
    [
        new("pocketgres_processes", "Processes of the server, as it sees them", false, []),
        new("pocketgres_processes_started_total", "Processes started since the start (forks)", true, []),
        new("pocketgres_processes_frozen", "Processes of a clone that nothing has woken yet", false, []),
        new("pocketgres_kernel_lock_waits_total", "How often a process slept until the kernel's lock was free", true, []),
        new("pocketgres_kernel_preemptions_total", "How often a process gave the kernel's lock up because others waited", true, []),
        new("pocketgres_kernel_address_spaces", "Linear memories in use, of all servers in the process of the host", false, []),
        new("pocketgres_connections_waiting", "Connections whose first request is not complete", false, []),
        new("pocketgres_connections_dropped_total", "Connections closed before their first request was complete", true, []),
        new("pocketgres_snapshots_total", "Snapshots taken", true, []),
        new("pocketgres_snapshots_of_files_total", "Of those, snapshots without memory: their clones start by recovery", true, []),
        new("pocketgres_snapshot_seconds_total", "Seconds that taking them took", true, []),
        new("pocketgres_clones_started_total", "Clones started from this server", true, []),
        new("pocketgres_clone_start_seconds_total", "Seconds that their starts took", true, []),
        new("pocketgres_clones", "Clones of this server that run", false, []),
    ];

    private static readonly Metric s_memoryFiles = new("pocketgres_memory_files_bytes", "Bytes of a data directory that is in memory", false, []);
    private static readonly Metric s_requests = new("pocketgres_bucket_requests_total", "Requests to the bucket's store", true, ["kind"]);
    private static readonly Metric s_transferred = new("pocketgres_bucket_store_bytes_total", "Bytes that went to the bucket's store and came from it", true, ["direction"]);

    private static readonly Metric s_lag = new("pocketgres_bucket_replica_lag_seconds", "How old what a replica has is at most", false, []);

    private static readonly Metric[] s_bucket =
    [
        new("pocketgres_bucket_log_bytes_total", "Bytes of changes noted for the bucket", true, []),
        new("pocketgres_bucket_log_pending_bytes", "Bytes of changes that are not in the bucket yet", false, []),
        new("pocketgres_bucket_log_record", "Number of the last record of the log in the bucket", false, []),
        new("pocketgres_bucket_image_record", "Number of the record up to which the newest image in the bucket has everything", false, []),
        new("pocketgres_bucket_local_bytes", "Bytes of pages that are on this machine", false, []),
    ];

    /// <summary>Everything that <see cref="Read"/> may have values of.</summary>
    public static IReadOnlyList<Metric> Metrics { get; } = [.. s_cluster, s_memoryFiles, s_requests, s_transferred, .. s_bucket, s_lag];

    /// <summary>Reads it.</summary>
    public static IEnumerable<MetricReading> Read(PostgresServer server)
    {
        var cluster = server.ReadStatistics();
        double[] values =
        [
            cluster.Processes, cluster.ProcessesStarted, cluster.FrozenProcesses, cluster.LockWaits, cluster.Preemptions, Kernel.PosixKernel.AddressSpaces, cluster.WaitingConnections,
            cluster.DroppedConnections, cluster.Snapshots, cluster.SnapshotsOfFiles, cluster.SnapshotTime.TotalSeconds, cluster.ClonesStarted, cluster.CloneTime.TotalSeconds, cluster.Clones,
        ];
        foreach (var reading in Each(s_cluster, values))
        {
            yield return reading;
        }

        if (cluster.MemoryFileBytes is { } bytes)
        {
            yield return new(s_memoryFiles, [new([], bytes)]);
        }

        if (server.ReadBucketStatistics() is { } bucket)
        {
            yield return new(s_requests, [.. bucket.Requests.Select(r => new Sample([r.Kind], r.Count))]);
            yield return new(s_transferred, [new(["written"], bucket.BytesWritten), new(["read"], bucket.BytesRead)]);
            foreach (var reading in Each(s_bucket, [bucket.LogBytes, bucket.PendingLogBytes, bucket.LastRecord, bucket.ImageRecord, bucket.LocalBytes]))
            {
                yield return reading;
            }

            if (bucket.Lag is { } lag)
            {
                yield return new(s_lag, [new([], lag.TotalSeconds)]);
            }
        }
    }

    private static IEnumerable<MetricReading> Each(IReadOnlyList<Metric> metrics, IReadOnlyList<double> values) =>
        metrics.Zip(values, (metric, value) => new MetricReading(metric, [new([], value)]));
}
