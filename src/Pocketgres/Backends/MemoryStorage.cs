using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>A cluster in memory. Copies go on from the memory of the original's processes, and share files and memory with it until one side writes.</summary>
/// <param name="origin">What it starts from; null for a new cluster.</param>
internal sealed class MemoryStorage(ClusterSnapshot? origin) : ClusterStorage
{
    public override PostgresUrl Url => PostgresUrl.Memory;

    /// <summary>What it starts from.</summary>
    public ClusterSnapshot? Origin => origin;

    public override async Task<SnapshotBackend> SnapshotAsync(PostgresServer server, PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        var cluster = server.Cluster;
        if (!server.StopRequested && !server.Completion.IsCompleted)
        {
            try
            {
                cluster.WithFiles((files, directory) =>
                {
                    CheckCopyable(files, directory);
                    return true;
                });
                return new MemorySnapshot(await cluster.SnapshotAsync(cancellationToken).ConfigureAwait(false), options);
            }
            catch (Exception e) when (e is ClusterException or ObjectDisposedException && server.StopRequested)
            {
                // Stopped meanwhile.
            }
        }

        await server.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (cluster.FilesAtEnd is not { } left)
        {
            throw new PocketgresException(PocketgresError.CopyFailed, "the server has ended by itself, and what it had in memory is gone: copy it while it runs");
        }

        CheckCopyable(left, "/");
        return new MemorySnapshot(ClusterSnapshot.OfFiles(left.Clone(), EngineFiles.Default), options);
    }

    public override void Dispose()
    {
    }
}
