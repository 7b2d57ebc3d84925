using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Cloning;

/// <summary>Copies between data directories on the host and in memory.</summary>
internal static unsafe class HostDirectoryCopy
{
    private const int Chunk = 1 << 20;

    /// <summary>A copy in memory. What belongs to a running server only (postmaster.pid) stays behind.</summary>
    /// <exception cref="FileSystemException">A file cannot be read.</exception>
    public static MemoryFileSystem Read(string directory)
    {
        var copy = new MemoryFileSystem();
        try
        {
            CopyTree(new HostFileSystem(directory), "/", copy, "/", sync: false);
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    /// <summary>Writes a data directory to an empty directory of the host and makes it durable.</summary>
    /// <exception cref="FileSystemException">A file cannot be written.</exception>
    public static void Write(IFileSystem files, string directory)
    {
        var target = new HostFileSystem(directory);
        CopyTree(files, "/", target, "/", sync: true);
        FileTree.SyncTree(target, "/");
    }

    private static void CopyTree(IFileSystem source, string from, IFileSystem target, string to, bool sync)
    {
        foreach (var entry in FileTree.List(source, from))
        {
            string path = FileTree.Combine(from, entry.Name), copy = FileTree.Combine(to, entry.Name);
            FileSystemException.ThrowIf(source.Stat(path, false, out var status), "read", path);
            if (status.IsDirectory)
            {
                FileSystemException.ThrowIf(target.MakeDirectory(copy, status.Mode & 0x1FF), "create", copy);
                if (entry.Name != "pg_dynshmem")
                {
                    CopyTree(source, path, target, copy, sync);
                }
            }
            else if (status.IsLink)
            {
                FileSystemException.ThrowIf(source.ReadLink(path, out string link), "read", path);
                FileSystemException.ThrowIf(target.SymbolicLink(link, copy), "create", copy);
            }
            else if (path is not ("/postmaster.pid" or "/postmaster.opts"))
            {
                CopyFile(source, path, target, copy, status.Mode & 0x1FF);
            }
        }
    }

    private static void CopyFile(IFileSystem source, string path, IFileSystem target, string copy, int mode)
    {
        FileSystemException.ThrowIf(source.Open(path, OpenFlags.ReadOnly, 0, out var reader), "read", path);
        try
        {
            FileSystemException.ThrowIf(target.Open(copy, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, mode, out var writer), "create", copy);
            try
            {
                byte[] buffer = new byte[Chunk];
                fixed (byte* b = buffer)
                {
                    for (int n; (n = reader!.Read(b, Chunk)) != 0;)
                    {
                        FileSystemException.ThrowIf(n < 0 ? (Errno)(-n) : Errno.None, "read", path);
                        for (int done = 0; done < n;)
                        {
                            int written = writer!.Write(b + done, n - done);
                            FileSystemException.ThrowIf(written < 0 ? (Errno)(-written) : written == 0 ? Errno.EIO : Errno.None, "write", copy);
                            done += written;
                        }
                    }
                }
            }
            finally
            {
                writer!.Release();
            }
        }
        finally
        {
            reader!.Release();
        }
    }
}
