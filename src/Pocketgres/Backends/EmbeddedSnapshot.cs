namespace Pocketgres.Backends;

/// <summary>The files of a cluster at one instant. A server started on them recovers as after a crash at that instant.</summary>
/// <param name="storage">The copy; nobody runs on it.</param>
internal sealed class EmbeddedSnapshot(ClusterStorage storage) : SnapshotBackend
{
    // Copying a directory while it is being deleted would be neither.
    private readonly ReaderWriterLockSlim _use = new();
    private bool _disposed;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        var copy = await Task.Run(() => Use(storage.Copy), cancellationToken).ConfigureAwait(false);
        return await EmbeddedBackend.StartAsync(copy, options, cancellationToken).ConfigureAwait(false);
    }

    public override Task SaveAsync(string directory, CancellationToken cancellationToken) => Task.Run(
        () => Use(() =>
        {
            storage.Save(directory);
            return true;
        }),
        cancellationToken);

    public override ValueTask DisposeAsync()
    {
        _use.EnterWriteLock();
        try
        {
            _disposed = true;
            storage.Dispose();
        }
        finally
        {
            _use.ExitWriteLock();
        }

        return ValueTask.CompletedTask;
    }

    private T Use<T>(Func<T> action)
    {
        _use.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(PostgresSnapshot));
            return action();
        }
        finally
        {
            _use.ExitReadLock();
        }
    }
}
