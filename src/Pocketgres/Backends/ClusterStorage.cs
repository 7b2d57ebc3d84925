using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>Where a cluster's files are, and how to get a copy of them.</summary>
internal abstract class ClusterStorage : IDisposable
{
    /// <summary>The URL to serve.</summary>
    public abstract PostgresUrl Url { get; }

    /// <summary>The files of a cluster in memory.</summary>
    public virtual MemoryFileSystem? Memory => null;

    /// <summary>Storage for a URL that people gave.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="isTemporary">Whether to use a new directory beside the one named, removed when disposed.</param>
    public static ClusterStorage Open(PostgresUrl url, bool isTemporary) =>
        url.IsMemory ? new MemoryStorage(ClusterFiles.FromTemplate(EngineFiles.Default))
        : isTemporary ? new DirectoryStorage(PostgresUrl.Parse("file:" + DirectoryStorage.FreeName(url.DataDirectory!)), isTemporary: true)
        : new DirectoryStorage(url, isTemporary: false);

    /// <summary>An independent copy with an identity of its own. Nobody may write to the files meanwhile.</summary>
    /// <exception cref="PocketgresException">It cannot be copied.</exception>
    public abstract ClusterStorage Copy();

    /// <summary>Writes the cluster durably to a new or empty directory. Nobody may write to the files meanwhile.</summary>
    public abstract void Save(string directory);

    /// <summary>Frees what does not outlive the process.</summary>
    public abstract void Dispose();

    /// <summary>Refuses clusters that are more than their directory.</summary>
    protected static void CheckCopyable(IFileSystem files, string directory)
    {
        if (ClusterFiles.WhyNotCopyable(files, directory) is { } reason)
        {
            throw new PocketgresException(PocketgresError.CopyFailed, $"this cluster cannot be copied: {reason}");
        }
    }
}

/// <summary>A cluster in memory. Copies share their bytes until one side writes: time for the number of files, not for their size.</summary>
internal sealed class MemoryStorage(MemoryFileSystem files) : ClusterStorage
{
    public override PostgresUrl Url => PostgresUrl.Memory;

    public override MemoryFileSystem Memory => files;

    public override ClusterStorage Copy()
    {
        CheckCopyable(files, "/");
        var copy = files.Clone();
        try
        {
            SystemIdentity.Assign(copy, "/", SystemIdentity.NewIdentifier());
            return new MemoryStorage(copy);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    public override void Save(string directory)
    {
        CheckCopyable(files, "/");
        ClusterFiles.Save(files, "/", directory);
    }

    public override void Dispose() => files.Dispose();
}

/// <summary>
/// A cluster in a directory. Copies are directories beside it, on the same disk, and go when they are disposed; they are whole copies: time and
/// space for all bytes. Nothing makes them durable, for they do not outlive the process.
/// </summary>
internal sealed class DirectoryStorage(PostgresUrl url, bool isTemporary) : ClusterStorage
{
    private readonly HostFileSystem _host = new("/");
    private int _disposed;

    public override PostgresUrl Url => url;

    private string Path => url.DataDirectory!;

    public override ClusterStorage Copy()
    {
        CheckCopyable(_host, Path);
        string path = FreeName(Path);
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            ClusterFiles.Copy(_host, Path, _host, path);
            return new DirectoryStorage(PostgresUrl.Parse("file:" + path), isTemporary: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(path);
            throw new PocketgresException(PocketgresError.CopyFailed, $"cannot copy {Path} to {path}: {e.Message.TrimEnd('.')}; check permissions and free space", e);
        }
    }

    public override void Save(string directory)
    {
        CheckCopyable(_host, Path);
        ClusterFiles.Save(_host, Path, directory);
    }

    public override void Dispose()
    {
        if (isTemporary && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            TryDelete(Path);
        }
    }

    /// <summary>A new name beside a directory. A copy of a copy is a sibling, not an ever longer name.</summary>
    public static string FreeName(string path)
    {
        const string Infix = ".temporary-";
        int end = path.LastIndexOf(Infix, StringComparison.Ordinal);
        return (end < 0 ? path : path[..end]) + Infix + System.IO.Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);
    }

    private static void TryDelete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Never made, or already gone.
        }
    }
}
