namespace Pocketgres.Backends;

/// <summary>The directory of a cluster at one moment. A server started on a copy recovers as after a power cut at that moment.</summary>
/// <param name="storage">The copy; nobody runs on it.</param>
internal sealed class DirectorySnapshot(DirectoryStorage storage) : SnapshotBackend
{
    // Copying a directory while it is being deleted would be neither.
    private readonly ReaderWriterLockSlim _use = new();
    private bool _disposed;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        var copy = await Task.Run(() => Use(storage.Copy), cancellationToken).ConfigureAwait(false);
        return await EmbeddedBackend.StartAsync(copy, options, fromMemory: false, databaseExists: false, sockets: null, cancellationToken).ConfigureAwait(false);
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
        _use.EnterWriteLock(); // waits for those who use it
        _disposed = true;
        _use.ExitWriteLock();
        return storage.DisposeAsync();
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
