using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Engine.Data;

/// <summary>A data directory on the host: found or made, checked, and locked against a second opener for as long as this object lives.</summary>
internal sealed class DataDirectory : IDisposable
{
    private const int OwnerOnly = 0x1C0;

    private readonly DirectoryLock _lock;

    private DataDirectory(string path, DirectoryLock directoryLock)
    {
        Path = path;
        _lock = directoryLock;
    }

    /// <summary>Absolute path, a link as the last component resolved.</summary>
    public string Path { get; }

    /// <summary>Opens the directory, making the cluster from the template first when the directory is missing or empty.</summary>
    /// <exception cref="ClusterException">It cannot be used; the message says why and what to do.</exception>
    public static DataDirectory Open(string path, EngineFiles engine)
    {
        string full = Resolve(path);
        if (EngineMounts.IsMountPoint(full))
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible,
                $"cannot use data directory {full}: the server sees files of its own under that name; choose a directory inside it, or elsewhere");
        }

        try
        {
            if (File.Exists(full))
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{full} is a file, not a directory: choose a directory");
            }

            var host = new HostFileSystem("/");
            MakeDirectories(host, full);
            var directoryLock = DirectoryLock.Take(full);
            try
            {
                // What is not ours to open must stay as it is: look before anything is created in it.
                if (CheckKind(host, full, full) is not (DirectoryKind.Empty or DirectoryKind.Finished))
                {
                    CheckVersion(host, full, full);
                }

                directoryLock.TakeFile(full);
                Prepare(host, full, full, engine);
                return new DataDirectory(full, directoryLock);
            }
            catch
            {
                directoryLock.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible,
                $"cannot use data directory {full}: {e.Message.TrimEnd('.')}; check owner, permissions and free space, or choose another directory", e);
        }
    }

    /// <summary>Makes a cluster from elsewhere in a directory that is missing or empty, durably: it appears whole or not at all.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="fill">Writes the cluster to the path it is given.</param>
    /// <exception cref="ClusterException">The directory holds something, or cannot be written.</exception>
    public static void Create(string path, Action<IFileSystem, string> fill)
    {
        string full = Resolve(path);
        try
        {
            if (File.Exists(full))
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{full} is a file, not a directory: choose a directory");
            }

            var host = new HostFileSystem("/");
            MakeDirectories(host, full);
            using var directoryLock = DirectoryLock.Take(full);
            if (ClusterCreation.Inspect(host, full) != DirectoryKind.Empty)
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{full} is not empty: choose an empty or a new directory");
            }

            ClusterCreation.Run(host, full, fill);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible,
                $"cannot write data directory {full}: {e.Message.TrimEnd('.')}; check owner, permissions and free space, or choose another directory", e);
        }
    }

    /// <summary>Whether a cluster would be made there: it is missing, or empty but for an attempt that was interrupted. What cannot be read is not.</summary>
    public static bool IsNew(string path)
    {
        try
        {
            string full = Resolve(path);
            return !EngineMounts.IsMountPoint(full) && !File.Exists(full)
                && (!Directory.Exists(full) || ClusterCreation.Inspect(new HostFileSystem("/"), full) == DirectoryKind.Empty);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or ClusterException)
        {
            return false;
        }
    }

    /// <summary>Makes the cluster if there is none yet, and checks that this engine may open it.</summary>
    /// <param name="files">File system of the directory.</param>
    /// <param name="directory">Path there.</param>
    /// <param name="shown">Path for messages.</param>
    /// <param name="engine">The engine.</param>
    /// <exception cref="ClusterException">It is not for this engine.</exception>
    /// <exception cref="FileSystemException">Something cannot be read or written.</exception>
    public static void Prepare(IFileSystem files, string directory, string shown, EngineFiles engine)
    {
        if (CheckKind(files, directory, shown) is DirectoryKind.Empty or DirectoryKind.Finished)
        {
            ClusterCreation.Run(files, directory, engine.Template);
        }

        CheckVersion(files, directory, shown);
        CheckControlFile(files, directory, shown, engine);
        CheckStamp(files, directory, shown);
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private static string Resolve(string path)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (System.IO.Path.GetDirectoryName(full) is null)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, "the root directory cannot be a data directory: choose another one");
        }

        try
        {
            // Also when the link's target does not exist yet.
            return Directory.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return full; // what is wrong with it shows soon
        }
    }

    // mkdir -p, each new name durable.
    private static void MakeDirectories(HostFileSystem host, string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        string parent = System.IO.Path.GetDirectoryName(path)!;
        MakeDirectories(host, parent);
        var error = host.MakeDirectory(path, OwnerOnly);
        FileSystemException.ThrowIf(error == Errno.EEXIST && Directory.Exists(path) ? Errno.None : error, "create", path);
        FileTree.Sync(host, parent);
    }

    private static DirectoryKind CheckKind(IFileSystem files, string directory, string shown)
    {
        var kind = ClusterCreation.Inspect(files, directory);
        return kind switch
        {
            DirectoryKind.MountPoint => throw new ClusterException(ClusterError.ForeignDirectory,
                $"{shown} is the root of a file system (it has lost+found): choose a directory in it"),
            DirectoryKind.Foreign => throw new ClusterException(ClusterError.ForeignDirectory,
                $"{shown} is not empty and is not a PostgreSQL data directory (it has no {ClusterCreation.VersionFile}): choose an empty or a new directory"),
            _ => kind,
        };
    }

    private static void CheckVersion(IFileSystem files, string directory, string shown)
    {
        string version = Encoding.UTF8.GetString(FileTree.ReadAll(files, FileTree.Combine(directory, ClusterCreation.VersionFile), 64)).Trim();
        if (version != EngineArtifacts.PostgresMajorVersion.ToString(CultureInfo.InvariantCulture))
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{shown} belongs to PostgreSQL {version}, this is PostgreSQL {EngineArtifacts.PostgresMajorVersion}: dump it with its own version and restore it here");
        }
    }

    private static void CheckControlFile(IFileSystem files, string directory, string shown, EngineFiles engine)
    {
        string path = FileTree.Combine(directory, ControlFile.Name);
        ControlFile control;
        try
        {
            control = ControlFile.Parse(FileTree.ReadAll(files, path, ControlFile.FileSize));
        }
        catch (Exception e) when (e is InvalidDataException or FileSystemException { Error: Errno.ENOENT or Errno.ENOTDIR })
        {
            throw Damaged("missing or cut off", e);
        }

        if (control.Version == ControlFile.KnownVersion && !control.IsIntact)
        {
            throw Damaged("damaged (wrong checksum)", null);
        }

        var own = engine.TemplateControl;
        if (!control.IsCompatibleWith(own))
        {
            if (control.Version == own.Version && control.CatalogVersion == own.CatalogVersion && control.Float8ByValue != own.Float8ByValue)
            {
                throw new ClusterException(ClusterError.WrongVersion,
                    $"{shown} was made by a 32-bit server, as PGlite and pocketgres with PGlite's engine are: pocketgres import-pgdata {shown} NEW_DIR makes a directory of it that is served here");
            }

            string why = control.Version != own.Version ? $"its control file has version {control.Version}, not {own.Version}"
                : control.CatalogVersion != own.CatalogVersion ? $"its catalogue has version {control.CatalogVersion}, not {own.CatalogVersion}"
                : "it was made by a server built with other sizes or alignments";
            throw new ClusterException(ClusterError.WrongVersion,
                $"{shown} is a PostgreSQL {EngineArtifacts.PostgresMajorVersion} data directory of another build: {why}; serve it with the program that made it, dump it there with pg_dump, and bring the dump here with pocketgres restore");
        }

        ClusterException Damaged(string how, Exception? inner) => new(ClusterError.StartFailed,
            $"{shown} cannot be opened: its {ControlFile.Name} is {how}; restore a backup", inner);
    }

    private static void CheckStamp(IFileSystem files, string directory, string shown)
    {
        EngineStamp? stamp;
        try
        {
            stamp = EngineStamp.Read(files, directory);
        }
        catch (InvalidDataException e)
        {
            throw new ClusterException(ClusterError.WrongVersion, $"{shown} cannot be opened: {e.Message}; restore that file from a backup", e);
        }

        if (stamp is null)
        {
            Adopt(files, directory);
        }
        else if (stamp.Format > EngineStamp.CurrentFormat)
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{shown} was made by {stamp.MadeBy} (format {stamp.Format}), this is pocketgres {EngineStamp.Version} (format {EngineStamp.CurrentFormat}): use a newer version");
        }
    }

    // The first opening of a directory that a native server made: same layout, same log.
    private static void Adopt(IFileSystem files, string directory)
    {
        (EngineStamp.Current with { MadeBy = $"another program, first opened by {EngineStamp.Current.MadeBy}" }).Write(files, directory, sync: true);
        FileTree.Sync(files, directory);
    }
}
