using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Backends;

/// <summary>A cluster in memory at one moment.</summary>
/// <param name="snapshot">It; owned by this object.</param>
/// <param name="source">How the original was started.</param>
internal sealed class MemorySnapshot(ClusterSnapshot snapshot, PostgresInstanceOptions source) : SnapshotBackend
{
    public override string? Limitation => snapshot.Limitation;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
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

    public override ValueTask DisposeAsync()
    {
        snapshot.Dispose();
        return ValueTask.CompletedTask;
    }

    private static bool SameSettings(IDictionary<string, string> one, IDictionary<string, string> other) =>
        one.Count == other.Count && one.All(s => other.TryGetValue(s.Key, out string? value) && value == s.Value);
}
