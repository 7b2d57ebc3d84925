using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>A cluster whose home is a bucket.</summary>
internal sealed class BucketStorage(PostgresUrl url) : ClusterStorage
{
    public override PostgresUrl Url => url;

    public override Task<SnapshotBackend> SnapshotAsync(PostgresServer server, PostgresInstanceOptions options, CancellationToken cancellationToken) =>
        throw new PocketgresException(PocketgresError.CopyFailed, $"{url} cannot be cloned yet: clone a memory: or file: cluster, or dump it");

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
