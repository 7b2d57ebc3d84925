using Pocketgres.Engine.Data;

namespace Pocketgres.Engine.Checking;

/// <summary>A data directory that no server has open, kept locked against one for as long as this object lives. Nothing in it is changed.</summary>
internal sealed class StoppedDirectory : IDisposable
{
    private readonly DirectoryLock _lock;

    private StoppedDirectory(string path, DirectoryLock directoryLock)
    {
        Path = path;
        _lock = directoryLock;
        Files = DirectoryView.OfHost(path);
    }

    /// <summary>Absolute path.</summary>
    public string Path { get; }

    /// <summary>What is in it.</summary>
    public DirectoryView Files { get; }

    /// <summary>Locks a directory.</summary>
    /// <exception cref="ClusterException">It is no data directory, a server has it open, or it cannot be read.</exception>
    public static StoppedDirectory Open(string directory)
    {
        string path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(directory));
        if (!File.Exists(System.IO.Path.Combine(path, ClusterCreation.VersionFile)))
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{path} is not a PostgreSQL data directory (it has no {ClusterCreation.VersionFile})");
        }

        try
        {
            return new StoppedDirectory(path, DirectoryLock.Take(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>What a failure to read is for the user.</summary>
    public static ClusterException Unreadable(string path, Exception e) =>
        new(ClusterError.DirectoryNotAccessible, $"cannot check {path}: {e.Message.TrimEnd('.')}", e);

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();
}
