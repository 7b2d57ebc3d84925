namespace Pocketgres.Kernel.Files;

/// <content>Unpacking.</content>
public sealed unsafe partial class FileSystemImage
{
    /// <summary>Creates the tree in a host directory, which may exist.</summary>
    /// <param name="hostDirectory">Where; its mode becomes the image root's.</param>
    /// <param name="sync">Make everything durable before returning: syncs the whole host file system that <paramref name="hostDirectory"/> is on.</param>
    /// <param name="writeZeroes">Write runs of zeroes instead of leaving holes, so that later writes cannot fail for lack of space.</param>
    /// <exception cref="FileSystemException">The host refused.</exception>
    public void ExtractTo(string hostDirectory, bool sync, bool writeZeroes = false) =>
        ExtractTo(new HostFileSystem("/"), System.IO.Path.GetFullPath(hostDirectory), sync, writeZeroes);

    /// <summary>Creates the tree in any file system; see <see cref="ExtractTo(string, bool, bool)"/>.</summary>
    public void ExtractTo(IFileSystem target, string path, bool sync, bool writeZeroes = false)
    {
        if (!sync)
        {
            Extract(target, path, writeZeroes);
            return;
        }

        var error = target.MakeDirectory(path, 0x1C0);
        Check(error == Errno.EEXIST ? Errno.None : error, "create", path);
        Check(target.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var root), "open", path);
        try
        {
            Extract(target, path, writeZeroes);

            // syncfs(2) once instead of fsync(2) for each of a thousand files: tens of milliseconds instead of seconds.
            // It reports write errors since Linux 5.8.
            error = root!.SyncFileSystem();
            if (error == Errno.ENOSYS)
            {
                FileTree.SyncTree(target, path);
            }
            else
            {
                Check(error, "sync the file system of", path);
            }
        }
        finally
        {
            root!.Release();
        }
    }

    private void Extract(IFileSystem target, string path, bool writeZeroes)
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

        // Modes of directories last: a read-only one could not be filled.
        for (int i = Count - 1; i >= 0; i--)
        {
            if ((Mode(i) & FileStatus.TypeMask) == MemoryNode.Directory)
            {
                Check(target.ChangeMode(paths[i], Mode(i) & 0xFFF), "set the mode of", paths[i]);
            }
        }
    }

    private static void Check(Errno error, string doing, string path) => FileSystemException.ThrowIf(error, doing, path);

    private void ExtractFile(IFileSystem target, int entry, string path, bool writeZeroes)
    {
        var flags = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate;
        int mode = Mode(entry) & 0xFFF;
        Check(target.Open(path, flags, mode | 0x80, out var file), "create", path);
        try
        {
            var e = EntryAt(entry);
            long done = 0;
            for (int i = 0; i < e.ExtentCount; i++)
            {
                var extent = ExtentAt(e.FirstExtent + i);
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
