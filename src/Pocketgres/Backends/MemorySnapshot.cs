using Pocketgres.Connections;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Backends;

/// <summary>A cluster in memory at one moment.</summary>
/// <param name="snapshot">It; owned by this object.</param>
/// <param name="source">How the original was started.</param>
internal sealed class MemorySnapshot(ClusterSnapshot snapshot, PostgresInstanceOptions source) : SnapshotBackend
{
    private readonly CancellationTokenSource _disposed = new();
    private Task<TypeCatalog?> _types = Task.FromResult<TypeCatalog?>(null);
    private int _clones;

    public override string? Limitation => snapshot.Limitation;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        // From the second clone on it is worth knowing what all will ask.
        if (Interlocked.Increment(ref _clones) == 2)
        {
            _types = Task.Run(ReadTypesAsync, CancellationToken.None);
        }

        var clone = await StartCloneAsync(options, cancellationToken).ConfigureAwait(false);
        if (_types is { IsCompletedSuccessfully: true, Result: { } types } && options.Database == source.Database)
        {
            types.Offer(clone.Connection);
        }

        return clone;
    }

    private async Task<EmbeddedBackend> StartCloneAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        // A reference of its own: this snapshot may be disposed while the clone starts.
        using var own = new ClusterSnapshot(snapshot.Content);

        // Settings are in the memory of the original's processes. Only others, or a first port, need a start from the files.
        bool fromMemory = own.HasMemory && (options.Port is null || source.Port is not null) && SameSettings(options.Settings, source.Settings);
        return await EmbeddedBackend.StartAsync(
            new MemoryStorage(own), options, fromMemory, databaseExists: options.Database == source.Database, cancellationToken).ConfigureAwait(false);
    }

    public override Task SaveAsync(string directory, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            using var files = snapshot.Content.CopyFiles();
            ClusterFiles.Save(files, "/", directory);
        },
        cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        await _types.ConfigureAwait(false);
        snapshot.Dispose();
        _disposed.Dispose();
    }

    // In a clone that nobody else can have changed.
    private async Task<TypeCatalog?> ReadTypesAsync()
    {
        try
        {
            var options = source.Copy() with { Port = null, LoggerFactory = null };
            var clone = await StartCloneAsync(options, _disposed.Token).ConfigureAwait(false);
            await using (clone.ConfigureAwait(false))
            {
                return await TypeCatalog.ReadAsync(clone.Connection.ConnectionString, _disposed.Token).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Only speed is lost: each data source reads the types by itself.
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }

    private static bool SameSettings(IDictionary<string, string> one, IDictionary<string, string> other) =>
        one.Count == other.Count && one.All(s => other.TryGetValue(s.Key, out string? value) && value == s.Value);
}
