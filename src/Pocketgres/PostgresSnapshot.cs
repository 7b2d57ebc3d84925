using Pocketgres.Backends;

namespace Pocketgres;

/// <summary>A state of a database that was kept, to start instances from. Thread-safe. Needs no instance: the original may be gone.</summary>
public sealed class PostgresSnapshot : IAsyncDisposable
{
    private readonly SnapshotBackend _backend;
    private readonly PostgresInstanceOptions _options;
    private readonly Action<PostgresSnapshot> _removed;
    private int _disposed;

    internal PostgresSnapshot(SnapshotBackend backend, PostgresInstanceOptions options, string? name, Action<PostgresSnapshot> removed)
    {
        _backend = backend;
        _options = options;
        _removed = removed;
        Name = name;
    }

    /// <summary>Its name, or null.</summary>
    public string? Name { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; } = DateTimeOffset.UtcNow;

    /// <summary>Starts an independent instance with this state; see <see cref="PostgresInstance.CloneAsync(CancellationToken)"/>. May run many times at once.</summary>
    /// <exception cref="PocketgresException">It cannot be started.</exception>
    /// <exception cref="ObjectDisposedException">The snapshot was disposed.</exception>
    public Task<PostgresInstance> CloneAsync(CancellationToken cancellationToken = default) => CloneAsync(static o => o, cancellationToken);

    /// <summary>The same with other options; see <see cref="PostgresInstance.CloneAsync(Func{PostgresInstanceOptions, PostgresInstanceOptions}, CancellationToken)"/>.</summary>
    public Task<PostgresInstance> CloneAsync(
        Func<PostgresInstanceOptions, PostgresInstanceOptions> configure, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(configure);
        ThrowIfDisposed();
        return PostgresInstance.StartAsync(_backend, _options, configure, cancellationToken);
    }

    /// <summary>Writes this state to a new or empty directory; see <see cref="PostgresInstance.SaveAsync"/>.</summary>
    public async Task SaveAsync(string directory, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        ThrowIfDisposed();
        await PostgresInstance.Translated(
            async () =>
            {
                await _backend.SaveAsync(Path.GetFullPath(directory), cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Frees what the snapshot holds; instances started from it live on.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _removed(this);
            await _backend.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name ?? "(snapshot without a name)";

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
}
