using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Directories;

/// <summary>A stopped cluster that is copied, and not changed.</summary>
internal abstract class ClusterSource(string path) : IDisposable
{
    // Made anew by a start; slots belong to whoever follows the source.
    private static readonly string[] s_emptied = ["pg_dynshmem", "pg_stat_tmp", "pg_replslot"];
    private static readonly string[] s_left = ["postmaster.pid", "postmaster.opts", DirectoryLock.Name, CopyNote.Name];

    /// <summary>Absolute path.</summary>
    public string Path { get; } = path;

    /// <summary>Its pg_control. Of an archive, this and what follows are known when it was copied.</summary>
    public abstract ControlFile Control { get; }

    /// <summary>Whether its server was stopped in order.</summary>
    public abstract bool IsClean { get; }

    /// <summary>Replication slots, which the copy does not get.</summary>
    public abstract IReadOnlyList<string> Slots { get; }

    /// <summary>Opens a directory, or an archive of one.</summary>
    /// <exception cref="ClusterException">It cannot be copied; the message says why and what to do.</exception>
    public static ClusterSource Open(string path) => File.Exists(path) ? SourceArchive.OpenFile(path) : SourceDirectory.OpenDirectory(path);

    /// <summary>Copies it into an empty directory; reflinks where the file system has them. Tablespaces become directories of the copy.</summary>
    /// <exception cref="IOException">Something cannot be read or written, or the source was written meanwhile.</exception>
    /// <exception cref="ClusterException">An archive cannot be copied.</exception>
    /// <exception cref="CopyException">An archive is damaged.</exception>
    public abstract void CopyTo(string target, IProgress<long> progress, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Whether a file or directory, by its path in the cluster, is not copied.</summary>
    protected static bool IsLeft(string path) => s_left.Contains(path) || System.IO.Path.GetFileName(path).StartsWith("pgsql_tmp", StringComparison.Ordinal);

    /// <summary>Whether what is in a directory is not copied.</summary>
    protected static bool IsEmptied(string path) => s_emptied.Contains(path);

    /// <summary>Whether the server of a directory was stopped in order.</summary>
    protected static bool IsCleanDirectory(string directory, ControlFile control) =>
        control.State is ClusterState.ShutDown && !File.Exists(System.IO.Path.Combine(directory, "backup_label"));

    /// <summary>The replication slots of a directory.</summary>
    protected static IReadOnlyList<string> SlotsOf(string directory) => System.IO.Path.Combine(directory, "pg_replslot") is var slots && Directory.Exists(slots)
        ? [.. Directory.EnumerateDirectories(slots).Select(p => System.IO.Path.GetFileName(p))]
        : [];
}
