using Pocketgres.Connections;
using Pocketgres.Engine;
using Pocketgres.Engine.Cloning;

namespace Pocketgres.Backends;

/// <summary>
/// The types in the database of a snapshot, which each data source would otherwise ask its own clone for. Read once, when a second clone is started
/// (from then on it is worth it), in a clone that nobody else can have changed. Counted references, thread-safe.
/// </summary>
internal sealed class SnapshotTypes : IAsyncDisposable
{
    private readonly ClusterSnapshot _snapshot;
    private readonly Func<ClusterSnapshot, CloneSockets, CancellationToken, Task<EmbeddedBackend>> _start;
    private readonly CancellationTokenSource _released = new();
    private Task<TypeCatalog?> _reading = Task.FromResult<TypeCatalog?>(null);
    private int _clones;
    private int _references = 1;

    /// <summary>Types of a snapshot.</summary>
    /// <param name="content">The snapshot; a reference is taken.</param>
    /// <param name="start">Starts a clone of it.</param>
    public SnapshotTypes(SnapshotContent content, Func<ClusterSnapshot, CloneSockets, CancellationToken, Task<EmbeddedBackend>> start)
    {
        _snapshot = new ClusterSnapshot(content);
        _start = start;
    }

    /// <summary>Which snapshot's.</summary>
    public SnapshotContent Content => _snapshot.Content;

    /// <summary>Where its clones have their sockets.</summary>
    public CloneSockets Sockets { get; } = new();

    /// <summary>Adds a reference. The caller has, or is known to have, one.</summary>
    public SnapshotTypes AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Counts a clone; the types for it if they are known by now.</summary>
    public TypeCatalog? ForNextClone()
    {
        if (Interlocked.Increment(ref _clones) == 2)
        {
            Volatile.Write(ref _reading, Task.Run(ReadAsync, CancellationToken.None));
        }

        return Volatile.Read(ref _reading) is { IsCompletedSuccessfully: true, Result: var types } ? types : null;
    }

    /// <summary>Drops a reference; with the last one, reading ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            await _released.CancelAsync().ConfigureAwait(false);
            await Volatile.Read(ref _reading).ConfigureAwait(false);
            _snapshot.Dispose();
            Sockets.Release();
            _released.Dispose();
        }
    }

    private async Task<TypeCatalog?> ReadAsync()
    {
        try
        {
            var clone = await _start(_snapshot, Sockets, _released.Token).ConfigureAwait(false);
            await using (clone.ConfigureAwait(false))
            {
                return await TypeCatalog.ReadAsync(clone.Connection.ConnectionString, _released.Token).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Only speed is lost: each data source reads the types by itself.
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }
}
