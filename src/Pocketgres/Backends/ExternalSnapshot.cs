namespace Pocketgres.Backends;

/// <summary>A database that serves as template and that nobody connects to.</summary>
/// <param name="original">Names the server.</param>
/// <param name="copy">The template.</param>
internal sealed class ExternalSnapshot(ExternalBackend original, ExternalBackend copy) : SnapshotBackend
{
    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken) =>
        await copy.CopyAsync(cancellationToken).ConfigureAwait(false);

    public override Task SaveAsync(string directory, CancellationToken cancellationToken) => throw new PocketgresException(PocketgresError.NotSupported,
        $"the files of a server elsewhere ({original.Connection.Host}) cannot be saved: use pg_dump, or pg_basebackup on the server");

    public override ValueTask DisposeAsync() => copy.DisposeAsync();
}
