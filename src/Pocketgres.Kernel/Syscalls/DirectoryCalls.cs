using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Names: making, removing, renaming, linking and listing them, and the working directory.</summary>
public static unsafe class DirectoryCalls
{
    private const int RemoveDirectoryFlag = 0x200; // AT_REMOVEDIR
    private const int FollowFlag = 0x400; // AT_SYMLINK_FOLLOW
    private const int EntrySize = 280; // struct dirent of emscripten

    /// <summary>mkdirat(2).</summary>
    [HostFunction("__syscall_mkdirat")]
    public static int MakeDirectory(byte* m, int directory, int path, int mode)
    {
        var error = PathArguments.Resolve(m, directory, path, false, out var location, nameOnly: true);
        return error != Errno.None ? -(int)error
            : location.IsMountPoint ? -(int)Errno.EEXIST
            : -(int)location.FileSystem.MakeDirectory(location.Path, mode & 0x3FF & ~Process.From(m).Umask);
    }

    /// <summary>rmdir(2).</summary>
    [HostFunction("__syscall_rmdir")]
    public static int RemoveDirectory(byte* m, int path) => Unlink(m, PathArguments.CurrentDirectory, path, RemoveDirectoryFlag);

    /// <summary>unlinkat(2).</summary>
    [HostFunction("__syscall_unlinkat")]
    public static int Unlink(byte* m, int directory, int path, int flags)
    {
        if ((flags & ~RemoveDirectoryFlag) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        var error = PathArguments.Resolve(m, directory, path, false, out var location, nameOnly: true);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        if ((flags & RemoveDirectoryFlag) != 0)
        {
            return location.IsMountPoint ? -(int)Errno.EBUSY : -(int)location.FileSystem.RemoveDirectory(location.Path);
        }

        if (location.IsMountPoint)
        {
            return -(int)Errno.EISDIR;
        }

        if (location.MustBeDirectory)
        {
            error = location.FileSystem.Stat(location.Path, false, out var status);
            return error != Errno.None ? -(int)error : status.IsDirectory ? -(int)Errno.EISDIR : -(int)Errno.ENOTDIR;
        }

        return -(int)location.FileSystem.Unlink(location.Path);
    }

    /// <summary>renameat(2). Between file systems it is EXDEV.</summary>
    [HostFunction("__syscall_renameat")]
    public static int Rename(byte* m, int fromDirectory, int from, int toDirectory, int to)
    {
        var error = PathArguments.Resolve(m, fromDirectory, from, false, out var source, nameOnly: true);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        error = PathArguments.Resolve(m, toDirectory, to, false, out var target, nameOnly: true);
        if (error != Errno.None)
        {
            // What is wrong with the old path is reported first.
            string above = source.Path[..Math.Max(1, source.Path.LastIndexOf('/'))];
            var first = source.FileSystem.Stat(above, true, out var directory);
            return -(int)(first != Errno.None ? first : !directory.IsDirectory ? Errno.ENOTDIR : error);
        }

        if (source.IsMountPoint || target.IsMountPoint)
        {
            return -(int)Errno.EBUSY;
        }

        if (source.FileSystem != target.FileSystem)
        {
            return -(int)Errno.EXDEV;
        }

        if (source.MustBeDirectory || target.MustBeDirectory)
        {
            error = source.FileSystem.Stat(source.Path, false, out var status);
            if (error != Errno.None || !status.IsDirectory)
            {
                return error != Errno.None ? -(int)error : -(int)Errno.ENOTDIR;
            }
        }

        return -(int)source.FileSystem.Rename(source.Path, target.Path);
    }

    /// <summary>linkat(2). AT_SYMLINK_FOLLOW has no effect on the host's own links (link(2) does not set it).</summary>
    [HostFunction("__syscall_linkat")]
    public static int Link(byte* m, int existingDirectory, int existing, int createdDirectory, int created, int flags)
    {
        bool follow = (flags & FollowFlag) != 0;
        var error = PathArguments.Resolve(m, existingDirectory, existing, follow, out var source);
        if (error != Errno.None || (error = StatusCalls.Stat(source, follow, out _)) != Errno.None
            || (error = PathArguments.Resolve(m, createdDirectory, created, false, out var target, nameOnly: true)) != Errno.None)
        {
            return -(int)error;
        }

        if (source.MustBeDirectory)
        {
            // A directory, perhaps behind a link, which the file system would link itself.
            error = target.FileSystem.Stat(target.Path, false, out _);
            return -(int)(error == Errno.None ? Errno.EEXIST : error == Errno.ENOENT ? Errno.EPERM : error);
        }

        return source.FileSystem != target.FileSystem ? -(int)Errno.EXDEV
            : target.IsMountPoint ? -(int)Errno.EEXIST
            : target.MustBeDirectory ? -(int)MissingOrExisting(target)
            : -(int)source.FileSystem.Link(source.Path, target.Path);
    }

    /// <summary>symlink(2).</summary>
    [HostFunction("__syscall_symlink")]
    public static int SymbolicLink(byte* m, int target, int path) => SymbolicLink(m, target, PathArguments.CurrentDirectory, path);

    /// <summary>symlinkat(2).</summary>
    [HostFunction("__syscall_symlinkat")]
    public static int SymbolicLink(byte* m, int target, int directory, int path)
    {
        if (!TryText(m, target, out string text))
        {
            return -(int)Errno.ENAMETOOLONG;
        }

        var error = text.Length == 0 ? Errno.ENOENT : PathArguments.Resolve(m, directory, path, false, out var location, nameOnly: true) is var e and not Errno.None ? e
            : location.IsMountPoint ? Errno.EEXIST
            : location.MustBeDirectory ? MissingOrExisting(location)
            : location.FileSystem.SymbolicLink(text, location.Path);
        return -(int)error;
    }

    /// <summary>readlinkat(2): not terminated, cut off at <paramref name="size"/>.</summary>
    [HostFunction("__syscall_readlinkat")]
    public static int ReadLink(byte* m, int directory, int path, int buffer, int size)
    {
        if (size <= 0)
        {
            return -(int)Errno.EINVAL;
        }

        var error = PathArguments.Resolve(m, directory, path, false, out var location);
        if (error == Errno.None && location.MustBeDirectory)
        {
            error = StatusCalls.Stat(location, true, out _) is var e and not Errno.None ? e : Errno.EINVAL;
        }

        if (error != Errno.None || (error = location.FileSystem.ReadLink(location.Path, out string target)) != Errno.None)
        {
            return -(int)error;
        }

        var bytes = PathEncoding.Encode(target).AsSpan();
        bytes = bytes[..Math.Min(size, bytes.Length)];
        if (!LinearMemory.Contains(m, buffer, bytes.Length))
        {
            return -(int)Errno.EFAULT;
        }

        bytes.CopyTo(new Span<byte>(m + (uint)buffer, bytes.Length));
        return bytes.Length;
    }

    /// <summary>chdir(2).</summary>
    [HostFunction("__syscall_chdir")]
    public static int ChangeDirectory(byte* m, int path)
    {
        var error = PathArguments.Resolve(m, path, true, out var location);
        if (error != Errno.None || (error = location.FileSystem.Stat(location.Path, true, out var status)) != Errno.None)
        {
            return -(int)error;
        }

        if (!status.IsDirectory)
        {
            return -(int)Errno.ENOTDIR;
        }

        if ((error = location.FileSystem.Access(location.Path, 1)) == Errno.None)
        {
            Process.From(m).WorkingDirectory = location.AbsolutePath;
        }

        return -(int)error;
    }

    /// <summary>getcwd(2): length with the terminating zero, or ERANGE.</summary>
    [HostFunction("__syscall_getcwd")]
    public static int WorkingDirectory(byte* m, int buffer, int size)
    {
        byte[] path = PathEncoding.Encode(Process.From(m).WorkingDirectory);
        if (size == 0)
        {
            return -(int)Errno.EINVAL;
        }

        if (path.Length >= size)
        {
            return -(int)Errno.ERANGE;
        }

        if (!LinearMemory.Contains(m, buffer, path.Length + 1))
        {
            return -(int)Errno.EFAULT;
        }

        path.CopyTo(new Span<byte>(m + (uint)buffer, path.Length));
        m[(uint)buffer + (uint)path.Length] = 0;
        return path.Length + 1;
    }

    /// <summary>
    /// getdents64(2). struct dirent of emscripten, always 280 bytes: d_ino +0 (8), d_off +8 (8), d_reclen +16 (2), d_type +18 (1), d_name +19.
    /// The listing is taken at offset 0 and stays as it was: entries made or removed later may be missing or stale, as POSIX allows.
    /// </summary>
    [HostFunction("__syscall_getdents64")]
    public static int ReadDirectory(byte* m, int fd, int buffer, int size)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        if (file.Position == 0 || file.Listing == null)
        {
            var error = file.ReadDirectory(out var listing);
            if (error != Errno.None)
            {
                return -(int)error;
            }

            file.Listing = listing;
        }

        if (size < EntrySize)
        {
            return -(int)Errno.EINVAL;
        }

        long first = file.Position / EntrySize;
        int count = (int)Math.Clamp(file.Listing.Count - first, 0, size / EntrySize);
        for (int i = 0; i < count; i++)
        {
            WriteEntry(m + (uint)buffer + (i * EntrySize), file.Listing[(int)first + i], (first + i + 1) * EntrySize);
        }

        file.Position = (first + count) * EntrySize;
        return count * EntrySize;
    }

    private static void WriteEntry(byte* b, DirectoryEntry entry, long next)
    {
        *(long*)b = entry.Inode;
        *(long*)(b + 8) = next;
        *(short*)(b + 16) = EntrySize;
        b[18] = entry.Type;
        PathEncoding.TryEncode(entry.Name, new Span<byte>(b + 19, PathEncoding.MaxName), out int n);
        b[19 + n] = 0;
    }

    private static Errno MissingOrExisting(Location location) =>
        location.FileSystem.Stat(location.Path, false, out _) is var e and not Errno.None ? e : Errno.EEXIST;

    private static bool TryText(byte* m, int address, out string text)
    {
        Span<char> chars = stackalloc char[PathEncoding.MaxPath];
        bool ok = PathEncoding.TryDecode(m + (uint)address, chars, out int n);
        text = ok ? new string(chars[..n]) : "";
        return ok;
    }
}
