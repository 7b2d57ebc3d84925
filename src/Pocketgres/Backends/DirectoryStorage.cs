using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>
/// A cluster in a directory. Copies are directories beside it, on the same disk, and go when they are disposed; they are whole copies: time and
/// space for all bytes. Nothing makes them durable, for they do not outlive the process.
/// </summary>
internal sealed class DirectoryStorage : ClusterStorage
{
    private readonly HostFileSystem _host = new("/");
    private readonly TemporaryDirectory? _temporary;

    /// <summary>A directory that stays.</summary>
    public DirectoryStorage(PostgresUrl url) => Url = url;

    /// <summary>A directory that goes with this object.</summary>
    public DirectoryStorage(TemporaryDirectory directory)
    {
        _temporary = directory;
        Url = PostgresUrl.Parse("file:" + directory.Path);
    }

    public override PostgresUrl Url { get; }

    private string Path => Url.DataDirectory!;

    public override Task<SnapshotBackend> SnapshotAsync(PostgresServer server, PostgresInstanceOptions options, CancellationToken cancellationToken) =>
        Task.Run<SnapshotBackend>(
            () => new DirectorySnapshot(server.Completion.IsCompleted ? CopyUnused() : server.Cluster.WithFiles((_, _) => Copy())), cancellationToken);

    /// <summary>An independent copy with an identity of its own, in a temporary directory. Nobody may write to the original meanwhile.</summary>
    public DirectoryStorage Copy()
    {
        CheckCopyable(_host, Path);
        var copy = TemporaryDirectory.Beside(Path);
        try
        {
            Directory.CreateDirectory(copy.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            ClusterFiles.Copy(_host, Path, _host, copy.Path);
            return new DirectoryStorage(copy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            copy.Dispose();
            throw new PocketgresException(PocketgresError.CopyFailed, $"cannot copy {Path}: {e.Message.TrimEnd('.')}; check permissions and free space", e);
        }
    }

    /// <summary>Writes the cluster durably to a new or empty directory. Nobody may write to the original meanwhile.</summary>
    public void Save(string directory)
    {
        CheckCopyable(_host, Path);
        ClusterFiles.Save(_host, Path, directory);
    }

    // The server has let go of the directory: keep others out of it.
    private DirectoryStorage CopyUnused()
    {
        using var directoryLock = DirectoryLock.Take(Path);
        return Copy();
    }

    public override ValueTask DisposeAsync()
    {
        _temporary?.Dispose();
        return ValueTask.CompletedTask;
    }
}
