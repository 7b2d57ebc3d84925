using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Backends;

/// <summary>A cluster in memory at one moment.</summary>
/// <param name="snapshot">It; owned by this object.</param>
/// <param name="source">How the original was started.</param>
/// <param name="types">What its clones share; a reference that this object drops.</param>
internal sealed class MemorySnapshot(ClusterSnapshot snapshot, PostgresInstanceOptions source, SnapshotTypes types) : SnapshotBackend
{
    public override string? Limitation => snapshot.Limitation;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        bool sameDatabase = options.Database == source.Database;
        var known = sameDatabase ? types.ForNextClone() : null;
        var clone = await StartAsync(snapshot, source, options, types.Sockets, cancellationToken).ConfigureAwait(false);
        if (known is not null)
        {
            clone.Use(known);
        }

        return clone;
    }

    /// <summary>Starts a clone.</summary>
    public static async Task<EmbeddedBackend> StartAsync(
        ClusterSnapshot snapshot, PostgresInstanceOptions source, PostgresInstanceOptions options, CloneSockets sockets, CancellationToken cancellationToken)
    {
        // A reference of its own: this snapshot may be disposed while the clone starts.
        using var own = new ClusterSnapshot(snapshot.Content);

        // Settings are in the memory of the original's processes. Only others, or a first port, need a start from the files.
        bool fromMemory = own.HasMemory && (options.Port is null || source.Port is not null) && SameSettings(options.Settings, source.Settings);
        return await EmbeddedBackend.StartAsync(
            new MemoryStorage(own), options, fromMemory, databaseExists: options.Database == source.Database, sockets, cancellationToken).ConfigureAwait(false);
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
        await types.DisposeAsync().ConfigureAwait(false);
        snapshot.Dispose();
    }

    private static bool SameSettings(IDictionary<string, string> one, IDictionary<string, string> other) =>
        one.Count == other.Count && one.All(s => other.TryGetValue(s.Key, out string? value) && value == s.Value);
}
