using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>Where an embedded cluster's data is, and how to get a copy of it.</summary>
internal abstract class ClusterStorage : IAsyncDisposable
{
    /// <summary>The URL to serve.</summary>
    public abstract PostgresUrl Url { get; }

    /// <summary>Storage for a URL that people gave.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="isTemporary">Whether to use a new directory or prefix beside the one named, removed when disposed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<ClusterStorage> OpenAsync(PostgresUrl url, bool isTemporary, CancellationToken cancellationToken) =>
        url.IsMemory ? new MemoryStorage(null)
        : url.IsBucket ? isTemporary ? await BucketStorage.BesideAsync(url, cancellationToken).ConfigureAwait(false) : new BucketStorage(url)
        : isTemporary ? new DirectoryStorage(TemporaryDirectory.Beside(url.DataDirectory!))
        : new DirectoryStorage(url);

    /// <summary>A snapshot of the cluster that runs, or ran, on this storage.</summary>
    /// <param name="server">It.</param>
    /// <param name="options">How it was started.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public abstract Task<SnapshotBackend> SnapshotAsync(PostgresServer server, PostgresInstanceOptions options, CancellationToken cancellationToken);

    /// <summary>Removes what does not outlive the process.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>Refuses clusters that are more than their directory.</summary>
    protected static void CheckCopyable(IFileSystem files, string directory)
    {
        if (ClusterFiles.WhyNotCopyable(files, directory) is { } reason)
        {
            throw new PocketgresException(PocketgresError.CopyFailed, $"this cluster cannot be copied: {reason}");
        }
    }
}
