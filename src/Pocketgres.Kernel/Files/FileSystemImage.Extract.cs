namespace Pocketgres.Kernel.Files;

/// <content>Unpacking.</content>
public sealed unsafe partial class FileSystemImage
{
    /// <summary>Creates the tree in a host directory, which may exist.</summary>
    /// <param name="hostDirectory">Where; its mode becomes the image root's.</param>
    /// <param name="sync">Make everything durable before returning: syncs the whole host file system that <paramref name="hostDirectory"/> is on.</param>
    /// <param name="writeZeroes">Write runs of zeroes instead of leaving holes, so that later writes cannot fail for lack of space.</param>
    /// <exception cref="IOException">The host refused; the message says what and where.</exception>
    public void ExtractTo(string hostDirectory, bool sync, bool writeZeroes = false)
    {
        string full = System.IO.Path.GetFullPath(hostDirectory);
        ExtractTo(new HostFileSystem("/"), full, sync: false, writeZeroes);
        if (sync)
        {
            // syncfs(2) once instead of fsync(2) for each of a thousand files: tens of milliseconds instead of seconds.
            // It reports write errors since Linux 5.8.
            byte[] name = [.. PathEncoding.Encode(full), 0];
            fixed (byte* p = name)
            {
                int fd = HostCalls.open(p, HostCalls.CloseOnExec, 0);
                Check(fd < 0 ? HostErrno.Last() : Errno.None, "open", full);
                var error = HostCalls.syncfs(fd) < 0 ? HostErrno.Last() : Errno.None;
                _ = HostCalls.close(fd);
                Check(error, "sync", full);
            }
        }
    }

    /// <summary>Creates the tree in any file system; see <see cref="ExtractTo(string, bool, bool)"/>. Syncs file by file.</summary>
    public void ExtractTo(IFileSystem target, string path, bool sync, bool writeZeroes = false)
    {
        var paths = new string[Count];
        paths[0] = path;
        for (int i = 0; i < Count; i++)
        {
            if (i > 0)
            {
                string parent = paths[Parent(i)];
                paths[i] = parent == "/" ? parent + Name(i) : $"{parent}/{Name(i)}";
            }

            switch (Mode(i) & FileStatus.TypeMask)
            {
                case MemoryNode.Directory:
                    var error = target.MakeDirectory(paths[i], 0x1C0);
                    if (error is not (Errno.None or Errno.EEXIST))
                    {
                        Check(error, "create", paths[i]);
                    }

                    break;
                case MemoryNode.SymbolicLink:
                    Check(target.SymbolicLink(LinkTarget(i), paths[i]), "create", paths[i]);
                    break;
                default:
                    ExtractFile(target, i, paths[i], writeZeroes);
                    break;
            }
        }

        // Modes of directories last (a read-only one could not be filled), and all fsyncs after all writes: the host can write in one go.
        for (int i = Count - 1; i >= 0; i--)
        {
            bool directory = (Mode(i) & FileStatus.TypeMask) == MemoryNode.Directory;
            if (directory)
            {
                Check(target.ChangeMode(paths[i], Mode(i) & 0xFFF), "set the mode of", paths[i]);
            }

            if (sync && (Mode(i) & FileStatus.TypeMask) != MemoryNode.SymbolicLink)
            {
                SyncPath(target, paths[i]);
            }
        }
    }

    private static void SyncPath(IFileSystem target, string path)
    {
        Check(target.Open(path, OpenFlags.ReadOnly, 0, out var file), "open", path);
        var error = file!.Sync(dataOnly: false);
        file.Release();
        Check(error, "fsync", path);
    }

    private static void Check(Errno error, string what, string path)
    {
        if (error != Errno.None)
        {
            throw new IOException($"cannot {what} {path}: {error}");
        }
    }

    private void ExtractFile(IFileSystem target, int entry, string path, bool writeZeroes)
    {
        var flags = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate;
        int mode = Mode(entry) & 0xFFF;
        Check(target.Open(path, flags, mode | 0x80, out var file), "create", path);
        try
        {
            var e = Entries[entry];
            long done = 0;
            for (int i = 0; i < e.ExtentCount; i++)
            {
                var extent = Extents[e.FirstExtent + i];
                long start = (long)extent.FirstChunk * ChunkPool.ChunkSize;
                if (writeZeroes)
                {
                    WriteZeroes(file!, done, start, path);
                }

                long length = Math.Min((long)extent.Chunks * ChunkPool.ChunkSize, e.Size - start);
                Write(file!, _data + extent.Offset, length, start, path);
                done = start + length;
            }

            if (done < e.Size)
            {
                if (writeZeroes)
                {
                    WriteZeroes(file!, done, e.Size, path);
                }
                else
                {
                    Check(file!.Truncate(e.Size), "extend", path);
                }
            }

            if ((mode & 0x80) == 0)
            {
                Check(file!.ChangeMode(mode), "set the mode of", path);
            }
        }
        finally
        {
            file!.Release();
        }
    }

    private static void WriteZeroes(OpenFile file, long from, long to, string path)
    {
        byte* zeroes = stackalloc byte[ChunkPool.ChunkSize];
        new Span<byte>(zeroes, ChunkPool.ChunkSize).Clear();
        for (; from < to; from += ChunkPool.ChunkSize)
        {
            Write(file, zeroes, Math.Min(ChunkPool.ChunkSize, to - from), from, path);
        }
    }

    private static void Write(OpenFile file, byte* bytes, long length, long offset, string path)
    {
        while (length > 0)
        {
            int n = file.WriteAt(bytes, (int)Math.Min(length, 1 << 20), offset);
            Check(n < 0 ? (Errno)(-n) : n == 0 ? Errno.EIO : Errno.None, "write", path);
            bytes += n;
            offset += n;
            length -= n;
        }
    }
}
