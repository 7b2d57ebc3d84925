using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>A cluster in memory. Copies go on from the memory of the original's processes, and share files and memory with it until one side writes.</summary>
/// <param name="origin">What it starts from; null for a new cluster.</param>
internal sealed class MemoryStorage(ClusterSnapshot? origin) : ClusterStorage
{
    private readonly Lock _lock = new();
    private SnapshotTypes? _types; // of the last snapshot: the cluster answers with the same one while nothing has changed
    private bool _disposed;

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
                var snapshot = await cluster.SnapshotAsync(cancellationToken).ConfigureAwait(false);
                return new MemorySnapshot(snapshot, options, await TypesOfAsync(snapshot, options).ConfigureAwait(false));
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
        var end = ClusterSnapshot.OfFiles(left.Clone(), EngineFiles.Default);
        return new MemorySnapshot(end, options, await TypesOfAsync(end, options).ConfigureAwait(false));
    }

    public override async ValueTask DisposeAsync()
    {
        SnapshotTypes? last;
        lock (_lock)
        {
            _disposed = true;
            last = _types;
            _types = null;
        }

        if (last is not null)
        {
            await last.DisposeAsync().ConfigureAwait(false);
        }
    }

    // A reference for the caller.
    private async ValueTask<SnapshotTypes> TypesOfAsync(ClusterSnapshot snapshot, PostgresInstanceOptions options)
    {
        SnapshotTypes? former = null;
        SnapshotTypes types;
        lock (_lock)
        {
            if (_types?.Content == snapshot.Content)
            {
                return _types.AddReference();
            }

            var ownOptions = options.Copy() with { Port = null, LoggerFactory = null };
            types = new SnapshotTypes(snapshot.Content, (s, sockets, c) => MemorySnapshot.StartAsync(s, options, ownOptions, sockets, c));
            if (!_disposed)
            {
                former = _types;
                _types = types.AddReference();
            }
        }

        if (former is not null)
        {
            await former.DisposeAsync().ConfigureAwait(false);
        }

        return types;
    }
}
