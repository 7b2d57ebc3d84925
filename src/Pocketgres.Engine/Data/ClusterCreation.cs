using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// Fills an empty directory with a new cluster so that whatever happens meanwhile (a kill, a power cut, a full disk), the next attempt finds
/// either nothing or a whole cluster. The directory itself stays what it is: it may be a mount point, which nothing can be renamed over.
/// </summary>
/// <remarks>
/// 1. The cluster is made in the subdirectory <see cref="Unfinished"/> and synced.
/// 2. That is renamed to <see cref="Finished"/>: the decision. Before, an attempt starts over; from here on it goes on with step 3.
/// 3. The entries are moved up one by one, PG_VERSION, by which Postgres and others know a data directory, durably last.
/// </remarks>
internal static class ClusterCreation
{
    /// <summary>A cluster that is being made.</summary>
    public const string Unfinished = ".pocketgres-unfinished";

    /// <summary>A cluster that is made and being moved to its place.</summary>
    public const string Finished = ".pocketgres-finished";

    /// <summary>By this file a directory is known as a cluster.</summary>
    public const string VersionFile = "PG_VERSION";

    private const int OwnerOnly = 0x1C0;

    /// <summary>What a directory is.</summary>
    public static DirectoryKind Inspect(IFileSystem files, string directory)
    {
        bool finished = false, version = false, mountPoint = false, foreign = false;
        foreach (var entry in FileTree.List(files, directory))
        {
            finished |= entry.Name == Finished;
            version |= entry.Name == VersionFile;
            mountPoint |= entry.Name == "lost+found";
            foreign |= entry.Name is not (Unfinished or DirectoryLock.Name or "lost+found");
        }

        return finished ? DirectoryKind.Finished
            : version ? DirectoryKind.Cluster
            : foreign ? DirectoryKind.Foreign
            : mountPoint ? DirectoryKind.MountPoint
            : DirectoryKind.Empty;
    }

    /// <summary>Makes a cluster in an empty directory, or finishes what an earlier attempt decided.</summary>
    /// <param name="files">File system of the directory.</param>
    /// <param name="directory">Its path there; of kind Empty or Finished.</param>
    /// <param name="template">The cluster to make, but for its identity.</param>
    /// <exception cref="FileSystemException">It failed; the next attempt starts over or goes on.</exception>
    public static void Run(IFileSystem files, string directory, FileSystemImage template) =>
        Run(files, directory, (target, path) => Extract(target, path, template));

    /// <summary>Writes a cluster from the template to a directory that exists, with an identity of its own. Makes nothing durable.</summary>
    /// <exception cref="FileSystemException">Something cannot be written.</exception>
    public static void Extract(IFileSystem files, string directory, FileSystemImage template)
    {
        // No holes: writing the log must not fail for lack of space, which would be a PANIC (as with wal_init_zero).
        template.ExtractTo(files, directory, sync: false, writeZeroes: true);
        template.ForgetPages(); // most servers make one cluster
        Personalize(files, directory);
    }

    /// <summary>Makes what initdb left one of a kind, and fits it to the machine.</summary>
    /// <exception cref="FileSystemException">Something cannot be written.</exception>
    public static void Personalize(IFileSystem files, string directory)
    {
        SystemIdentity.Assign(files, directory, SystemIdentity.NewIdentifier());
        MachineSettings.Prepare(files, directory);
        EngineStamp.Current.Write(files, directory, sync: false);
    }

    /// <summary>The same with a cluster from elsewhere.</summary>
    /// <param name="files">File system of the directory.</param>
    /// <param name="directory">Its path there; of kind Empty or Finished.</param>
    /// <param name="fill">Writes the cluster to a directory that exists; need not make it durable.</param>
    /// <exception cref="FileSystemException">It failed; the next attempt starts over or goes on.</exception>
    public static void Run(IFileSystem files, string directory, Action<IFileSystem, string> fill)
    {
        string unfinished = FileTree.Combine(directory, Unfinished), finished = FileTree.Combine(directory, Finished);
        if (!FileTree.Exists(files, finished))
        {
            FileTree.Remove(files, unfinished);
            FileSystemException.ThrowIf(files.MakeDirectory(unfinished, OwnerOnly), "create", unfinished);
            try
            {
                Fill(files, unfinished, fill);
            }
            catch
            {
                TryRemove(files, unfinished); // a full disk is not to stay full because of us, nor a script's work that failed
                throw;
            }

            FileSystemException.ThrowIf(files.Rename(unfinished, finished), "rename", unfinished);
            FileTree.Sync(files, directory);
        }

        MoveUp(files, finished, directory);
    }

    private static void Fill(IFileSystem files, string path, Action<IFileSystem, string> fill)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var root), "open", path);
        try
        {
            fill(files, path);

            // One syncfs instead of a thousand fsyncs, where there is one.
            var error = root!.SyncFileSystem();
            if (error == Errno.ENOSYS)
            {
                FileTree.SyncTree(files, path);
            }
            else
            {
                FileSystemException.ThrowIf(error, "sync the file system of", path);
            }
        }
        finally
        {
            root!.Release();
        }
    }

    private static void MoveUp(IFileSystem files, string finished, string directory)
    {
        // As initdb does. The template's root has the same mode.
        FileSystemException.ThrowIf(files.ChangeMode(directory, OwnerOnly), "set the mode of", directory);
        bool hasVersion = false;
        foreach (var entry in FileTree.List(files, finished))
        {
            if (entry.Name == VersionFile)
            {
                hasVersion = true;
                continue;
            }

            Move(entry.Name);
        }

        FileTree.Sync(files, finished);
        FileTree.Sync(files, directory);
        if (hasVersion)
        {
            Move(VersionFile);
            FileTree.Sync(files, finished);
            FileTree.Sync(files, directory);
        }

        FileSystemException.ThrowIf(files.RemoveDirectory(finished), "remove", finished);
        FileTree.Sync(files, directory);

        void Move(string name)
        {
            string from = FileTree.Combine(finished, name);
            FileSystemException.ThrowIf(files.Rename(from, FileTree.Combine(directory, name)), "rename", from);
        }
    }

    private static void TryRemove(IFileSystem files, string path)
    {
        try
        {
            FileTree.Remove(files, path);
        }
        catch (FileSystemException)
        {
            // The next attempt removes it.
        }
    }
}

/// <summary>What is found where a data directory is wanted.</summary>
internal enum DirectoryKind
{
    /// <summary>Nothing of value: to be filled.</summary>
    Empty,

    /// <summary>A new cluster that must still be moved to its place.</summary>
    Finished,

    /// <summary>A cluster.</summary>
    Cluster,

    /// <summary>The root of a file system with nothing but what mkfs made: initdb refuses it too, for files of the system may come and go there.</summary>
    MountPoint,

    /// <summary>Somebody else's.</summary>
    Foreign,
}
