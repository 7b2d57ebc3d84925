using System.Globalization;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Data;

/// <summary>A data directory on the host: checks, creation, the lock against a second opener.</summary>
internal sealed partial class DataDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const string LockSuffix = ".lock";

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream lockFile)
    {
        Path = path;
        _lock = lockFile;
    }

    /// <summary>Absolute path, links resolved.</summary>
    public string Path { get; }

    /// <summary>Opens the directory, making it from the template first when it is missing or empty.</summary>
    /// <exception cref="ClusterException">It cannot be used; the message says why and what to do.</exception>
    public static DataDirectory Open(string path, EngineFiles engine)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        try
        {
            if (File.Exists(full))
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{full} is a file, not a directory: choose a directory");
            }

            string parent = System.IO.Path.GetDirectoryName(full)
                ?? throw new ClusterException(ClusterError.ForeignDirectory, "the root directory cannot be a data directory: choose another one");
            Directory.CreateDirectory(parent);
            if (Directory.Exists(full) && Directory.ResolveLinkTarget(full, returnFinalTarget: true) is { } target)
            {
                full = target.FullName;
            }

            var lockFile = TakeLock(full);
            try
            {
                if (!Directory.Exists(full) || !Directory.EnumerateFileSystemEntries(full).Any())
                {
                    Create(full, engine);
                }

                CheckVersion(full);
                return new DataDirectory(full, lockFile);
            }
            catch
            {
                lockFile.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible,
                $"cannot use data directory {full}: {e.Message} Check its owner and permissions, or choose another directory.", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    // Beside the directory, not in it: a copy of the directory must not carry the lock along, and it must exist before the directory does.
    private static FileStream TakeLock(string full)
    {
        string lockPath = full + LockSuffix;
        FileStream file;
        try
        {
            file = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (IOException e) when (File.Exists(lockPath))
        {
            // .NET takes a shared flock of its own while opening, which the holder's exclusive one refuses.
            throw new ClusterException(ClusterError.DirectoryInUse,
                $"data directory {full} is in use: stop that server first or choose another directory", e);
        }

        if (Flock((int)file.SafeFileHandle.DangerousGetHandle(), LockExclusive | LockNonBlocking) != 0)
        {
            using var reader = new StreamReader(file);
            string holder = reader.ReadToEnd().Trim();
            throw new ClusterException(ClusterError.DirectoryInUse,
                $"data directory {full} is in use{(holder.Length > 0 ? " by " + holder : "")}: stop that server first or choose another directory");
        }

        file.SetLength(0);
        file.Write(System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"process {Environment.ProcessId} on {Environment.MachineName}\n")));
        file.Flush();
        return file;
    }

    // Made under another name and renamed, so that a kill at any moment leaves nothing or a whole directory.
    private static void Create(string full, EngineFiles engine)
    {
        string partial = full + ".new";
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        Directory.CreateDirectory(partial, OwnerOnly);
        engine.Template.ExtractTo(partial, sync: true);
        SystemIdentity.Assign(new HostFileSystem(partial), "/", SystemIdentity.NewIdentifier(), sync: true);
        if (Directory.Exists(full))
        {
            Directory.Delete(full); // empty, else this fails
        }

        Directory.Move(partial, full);
        SyncDirectory(System.IO.Path.GetDirectoryName(full)!);
    }

    private static void CheckVersion(string full)
    {
        string file = System.IO.Path.Combine(full, "PG_VERSION");
        if (!File.Exists(file))
        {
            throw new ClusterException(ClusterError.ForeignDirectory,
                $"{full} is not empty and is not a PostgreSQL data directory (it has no PG_VERSION): choose an empty or a new directory");
        }

        string version = File.ReadAllText(file).Trim();
        if (version != PglitePackage.PostgresMajorVersion.ToString(CultureInfo.InvariantCulture))
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{full} belongs to PostgreSQL {version}, this is PostgreSQL {PglitePackage.PostgresMajorVersion}: dump it with its own version and restore it here");
        }
    }

    private static void SyncDirectory(string path)
    {
        var files = new HostFileSystem("/");
        if (files.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var directory) == Kernel.Errno.None)
        {
            directory!.Sync(dataOnly: false);
            directory.Release();
        }
    }

    private const int LockExclusive = 2, LockNonBlocking = 4;

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(int fd, int operation);
}
