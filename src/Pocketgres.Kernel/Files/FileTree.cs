namespace Pocketgres.Kernel.Files;

/// <summary>What shells do with whole files and trees, on any <see cref="IFileSystem"/>; errors are exceptions.</summary>
public static unsafe partial class FileTree
{
    private const int TransferSize = 1 << 20;

    /// <summary>A directory path and a name as one path.</summary>
    public static string Combine(string directory, string name) => directory == "/" ? "/" + name : $"{directory}/{name}";

    /// <summary>Whether something has this name; a dangling link counts.</summary>
    /// <exception cref="FileSystemException">It cannot be found out.</exception>
    public static bool Exists(IFileSystem files, string path)
    {
        var error = files.Stat(path, followLink: false, out _);
        if (error is Errno.ENOENT or Errno.ENOTDIR)
        {
            return false;
        }

        FileSystemException.ThrowIf(error, "look at", path);
        return true;
    }

    /// <summary>The entries of a directory without "." and "..", in no particular order.</summary>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public static List<DirectoryEntry> List(IFileSystem files, string path)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var directory), "read", path);
        var error = directory!.ReadDirectory(out var entries);
        directory.Release();
        FileSystemException.ThrowIf(error, "read", path);
        var below = new List<DirectoryEntry>(entries.Count);
        for (int i = 0; i < entries.Count; i++)
        {
            if (entries[i].Name is not ("." or ".."))
            {
                below.Add(entries[i]);
            }
        }

        return below;
    }

    /// <summary>A whole file, or its first <paramref name="limit"/> bytes.</summary>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public static byte[] ReadAll(IFileSystem files, string path, int limit = int.MaxValue)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadOnly, 0, out var file), "open", path);
        try
        {
            FileSystemException.ThrowIf(file!.Status(out var status), "look at", path);
            var bytes = new byte[(int)Math.Min(status.Size, limit)];
            int done = 0;
            fixed (byte* p = bytes)
            {
                while (done < bytes.Length)
                {
                    int n = file.ReadAt(p + done, Math.Min(TransferSize, bytes.Length - done), done);
                    FileSystemException.ThrowIf(n < 0 ? (Errno)(-n) : Errno.None, "read", path);
                    if (n == 0)
                    {
                        break;
                    }

                    done += n;
                }
            }

            return bytes[..done];
        }
        finally
        {
            file!.Release();
        }
    }

    /// <summary>Creates or replaces a file.</summary>
    /// <exception cref="FileSystemException">It cannot be written.</exception>
    public static void WriteAll(IFileSystem files, string path, ReadOnlySpan<byte> bytes, int mode, bool sync)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, mode, out var file), "create", path);
        try
        {
            fixed (byte* p = bytes)
            {
                for (int done = 0; done < bytes.Length;)
                {
                    int n = file!.WriteAt(p + done, Math.Min(TransferSize, bytes.Length - done), done);
                    FileSystemException.ThrowIf(n < 0 ? (Errno)(-n) : n == 0 ? Errno.EIO : Errno.None, "write", path);
                    done += n;
                }
            }

            if (sync)
            {
                FileSystemException.ThrowIf(file!.Sync(dataOnly: false), "fsync", path);
            }
        }
        finally
        {
            file!.Release();
        }
    }

    /// <summary>fsync(2) of a file or directory by name.</summary>
    /// <exception cref="FileSystemException">It cannot be made durable.</exception>
    public static void Sync(IFileSystem files, string path)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadOnly, 0, out var file), "open", path);
        var error = file!.Sync(dataOnly: false);
        file.Release();
        FileSystemException.ThrowIf(error, "fsync", path);
    }

    /// <summary>fsync(2) of a directory and all files and directories below it, contents before names.</summary>
    /// <exception cref="FileSystemException">Something cannot be made durable.</exception>
    public static void SyncTree(IFileSystem files, string path)
    {
        foreach (var entry in List(files, path))
        {
            string below = Combine(path, entry.Name);
            FileSystemException.ThrowIf(files.Stat(below, followLink: false, out var status), "look at", below);
            if (status.IsDirectory)
            {
                SyncTree(files, below);
            }
            else if (status.IsRegular)
            {
                Sync(files, below);
            }
        }

        Sync(files, path);
    }

    /// <summary>rm -rf: what is not there is no error. Links are removed, not followed.</summary>
    /// <exception cref="FileSystemException">Something cannot be removed.</exception>
    public static void Remove(IFileSystem files, string path)
    {
        var error = files.Stat(path, followLink: false, out var status);
        if (error == Errno.ENOENT)
        {
            return;
        }

        FileSystemException.ThrowIf(error, "look at", path);
        if (!status.IsDirectory)
        {
            FileSystemException.ThrowIf(files.Unlink(path), "remove", path);
            return;
        }

        foreach (var entry in List(files, path))
        {
            Remove(files, Combine(path, entry.Name));
        }

        FileSystemException.ThrowIf(files.RemoveDirectory(path), "remove", path);
    }
}
