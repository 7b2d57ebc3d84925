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
        : isTemporary ? new DirectoryStorage(TemporaryDirectory.Beside(url.DataDirectory!))
        : new DirectoryStorage(url);

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
