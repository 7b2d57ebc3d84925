using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>Copies of whole clusters, as files.</summary>
internal static class ClusterFiles
{
    /// <summary>A new cluster in memory, with an identity of its own.</summary>
    public static MemoryFileSystem FromTemplate(EngineFiles engine)
    {
        var files = MemoryFileSystem.FromImage(engine.Template);
        SystemIdentity.Assign(files, "/", SystemIdentity.NewIdentifier());
        MachineSettings.Prepare(files, "/");
        return files;
    }

    /// <summary>
    /// Why a cluster's directory alone is not the whole cluster, or null: tablespaces and a WAL directory that lie elsewhere would be shared by the
    /// copy and destroyed by it.
    /// </summary>
    public static string? WhyNotCopyable(IFileSystem files, string dataDirectory)
    {
        string tablespaces = FileTree.Combine(dataDirectory, "pg_tblspc"), wal = FileTree.Combine(dataDirectory, "pg_wal");
        foreach (var entry in FileTree.List(files, tablespaces))
        {
            if (IsLink(files, FileTree.Combine(tablespaces, entry.Name)))
            {
                return "it has tablespaces outside of its data directory: move their tables (ALTER TABLE ... SET TABLESPACE pg_default), then DROP TABLESPACE";
            }
        }

        return IsLink(files, wal) ? "its pg_wal is a link to another place: move it back into the data directory" : null;
    }

    /// <summary>Copies a cluster, but for what belongs to its running server, and gives the copy an identity of its own. Makes nothing durable.</summary>
    /// <param name="source">Where to read; nobody may write meanwhile.</param>
    /// <param name="from">The data directory there.</param>
    /// <param name="target">Where to write.</param>
    /// <param name="to">An empty directory there.</param>
    /// <exception cref="FileSystemException">Something cannot be read or written.</exception>
    public static void Copy(IFileSystem source, string from, IFileSystem target, string to)
    {
        FileTree.Copy(source, from, target, to, IsCopied);
        SystemIdentity.Assign(target, to, SystemIdentity.NewIdentifier());
    }

    /// <summary>Writes a cluster to a new or empty host directory, durably, so that it appears there whole or not at all.</summary>
    /// <exception cref="ClusterException">The directory is not empty, or cannot be written.</exception>
    public static void Save(IFileSystem source, string from, string directory) => DataDirectory.Create(directory, (target, path) =>
    {
        Copy(source, from, target, path);
        EngineStamp.Current.Write(target, path, sync: false);
    });

    // As pg_basebackup leaves out: the running server's own, and what is made anew at a start.
    private static bool IsCopied(string path) =>
        path is not ("postmaster.pid" or "postmaster.opts" or DirectoryLock.Name or CopyNote.Name or ClusterCreation.Unfinished)
        && !(path.StartsWith("pg_dynshmem/", StringComparison.Ordinal) || path.StartsWith("pg_notify/", StringComparison.Ordinal)
            || path.StartsWith("pg_serial/", StringComparison.Ordinal) || path.StartsWith("pg_snapshots/", StringComparison.Ordinal)
            || path.StartsWith("pg_stat_tmp/", StringComparison.Ordinal) || path.StartsWith("pg_subtrans/", StringComparison.Ordinal)
            || path.Contains("/pgsql_tmp", StringComparison.Ordinal));

    private static bool IsLink(IFileSystem files, string path)
    {
        FileSystemException.ThrowIf(files.Stat(path, followLink: false, out var status), "look at", path);
        return status.IsLink;
    }
}
