using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>What files are: stat, statfs, permissions, owners, times.</summary>
public static unsafe class StatusCalls
{
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int TimeNow = 0x3fffffff; // UTIME_NOW
    private const int TimeOmit = 0x3ffffffe; // UTIME_OMIT

    /// <summary>stat(2).</summary>
    [HostFunction("__syscall_stat64")]
    public static int Stat(byte* m, int path, int buffer) => StatAt(m, PathArguments.CurrentDirectory, path, buffer, 0);

    /// <summary>lstat(2).</summary>
    [HostFunction("__syscall_lstat64")]
    public static int StatLink(byte* m, int path, int buffer) => StatAt(m, PathArguments.CurrentDirectory, path, buffer, NoFollow);

    /// <summary>fstat(2).</summary>
    [HostFunction("__syscall_fstat64")]
    public static int StatDescriptor(byte* m, int fd, int buffer)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        var error = file.Status(out var status);
        if (error == Errno.None)
        {
            WriteStatus(m, buffer, status);
        }

        return -(int)error;
    }

    /// <summary>fstatat(2).</summary>
    [HostFunction("__syscall_newfstatat")]
    public static int StatAt(byte* m, int directory, int path, int buffer, int flags)
    {
        if ((flags & EmptyPath) != 0 && (path == 0 || m[(uint)path] == 0) && directory != PathArguments.CurrentDirectory)
        {
            return StatDescriptor(m, directory, buffer);
        }

        bool follow = (flags & NoFollow) == 0;
        Errno error;
        FileStatus status = default;
        if ((flags & EmptyPath) != 0 && path != 0 && m[(uint)path] == 0)
        {
            var process = Process.From(m);
            error = process.Kernel.FileSystem.Resolve(process.WorkingDirectory, true, out var here);
            error = error != Errno.None ? error : here.FileSystem.Stat(here.Path, true, out status);
        }
        else
        {
            error = PathArguments.Resolve(m, directory, path, follow, out var location);
            error = error != Errno.None ? error : Stat(location, follow, out status);
        }

        if (error == Errno.None)
        {
            WriteStatus(m, buffer, status);
        }

        return -(int)error;
    }

    /// <summary>statfs(2).</summary>
    [HostFunction("__syscall_statfs64")]
    public static int StatFileSystem(byte* m, int path, int size, int buffer)
    {
        var error = PathArguments.Resolve(m, path, true, out var location);
        if (error != Errno.None || (error = location.FileSystem.StatFileSystem(location.Path, out var status)) != Errno.None)
        {
            return -(int)error;
        }

        var layout = Process.From(m).Program.DataModel.FileSystemStatus;
        byte* b = m + (uint)buffer;
        new Span<byte>(b, layout.Length).Clear();
        *(int*)(b + layout.BlockSize) = status.BlockSize;
        long* counts = (long*)(b + layout.Blocks);
        counts[0] = status.Blocks;
        counts[1] = status.FreeBlocks;
        counts[2] = status.AvailableBlocks;
        counts[3] = status.Files;
        counts[4] = status.FreeFiles;
        *(int*)(b + layout.NameLength) = PathEncoding.MaxName;
        *(int*)(b + layout.FragmentSize) = status.BlockSize;
        return 0;
    }

    /// <summary>
    /// fd_fdstat_get, which isatty(3) asks: struct of 24 bytes {u8 type, u16 flags +2, u64 rights +8, u64 inherited rights +16}.
    /// A character device counts as a terminal, by some versions unless it has the rights to seek and tell (4 and 32).
    /// </summary>
    [HostFunction("fd_fdstat_get")]
    public static int DescriptorStatus(byte* m, int fd, int buffer)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file))
        {
            return (int)Errno.EBADF;
        }

        var error = file.Status(out var status);
        if (error != Errno.None)
        {
            return (int)error;
        }

        byte* b = m + (uint)buffer;
        new Span<byte>(b, 24).Clear();
        *b = (status.Mode & FileStatus.TypeMask) switch
        {
            0x6000 => 1, // block device
            0x2000 when file.IsTerminal => 2, // character device
            0x4000 => 3, // directory
            0x8000 => 4, // regular file
            0xC000 => 6, // stream socket
            0xA000 => 7, // symbolic link
            _ => 0,
        };
        *(short*)(b + 2) = (short)(((file.Flags & OpenFlags.Append) != 0 ? 1 : 0) | ((file.Flags & OpenFlags.DataSync) != 0 ? 2 : 0)
            | ((file.Flags & OpenFlags.NonBlocking) != 0 ? 4 : 0) | ((file.Flags & OpenFlags.Sync) == OpenFlags.Sync ? 16 : 0));
        *(long*)(b + 8) = file.IsSeekable ? -1L : ~(4L | 32);
        *(long*)(b + 16) = -1;
        return 0;
    }

    /// <summary>chmod(2).</summary>
    [HostFunction("__syscall_chmod")]
    public static int ChangeMode(byte* m, int path, int mode) => ChangeModeAt(m, PathArguments.CurrentDirectory, path, mode, 0);

    /// <summary>fchmod(2).</summary>
    [HostFunction("__syscall_fchmod")]
    public static int ChangeModeOfDescriptor(byte* m, int fd, int mode) =>
        Process.From(m).Files.TryGet(fd, out var file) ? -(int)file.ChangeMode(mode & 0xFFF) : -(int)Errno.EBADF;

    /// <summary>fchmodat2(2). The mode of a link itself cannot be changed (EOPNOTSUPP), as on Linux.</summary>
    [HostFunction("__syscall_fchmodat2")]
    public static int ChangeModeAt(byte* m, int directory, int path, int mode, int flags)
    {
        bool follow = (flags & NoFollow) == 0;
        var error = Existing(m, directory, path, follow, out var location, out var status);
        return error != Errno.None ? -(int)error
            : !follow && status.IsLink ? -(int)Errno.EOPNOTSUPP
            : -(int)location.FileSystem.ChangeMode(location.Path, mode & 0xFFF);
    }

    /// <summary>fchown(2). The program's user owns its files; giving them to somebody else is refused.</summary>
    [HostFunction("__syscall_fchown32")]
    public static int ChangeOwnerOfDescriptor(byte* m, int fd, int owner, int group) =>
        Process.From(m).Files.TryGet(fd, out _) ? -(int)ChangeOwner(m, owner, group) : -(int)Errno.EBADF;

    /// <summary>fchownat(2); see <see cref="ChangeOwnerOfDescriptor"/>.</summary>
    [HostFunction("__syscall_fchownat")]
    public static int ChangeOwnerAt(byte* m, int directory, int path, int owner, int group, int flags)
    {
        var error = Existing(m, directory, path, (flags & NoFollow) == 0, out _, out _);
        return error != Errno.None ? -(int)error : -(int)ChangeOwner(m, owner, group);
    }

    /// <summary>faccessat(2).</summary>
    [HostFunction("__syscall_faccessat")]
    public static int Access(byte* m, int directory, int path, int mode, int flags)
    {
        if ((mode & ~7) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        bool follow = (flags & NoFollow) == 0;
        var error = PathArguments.Resolve(m, directory, path, follow, out var location);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        if (!follow || location.MustBeDirectory)
        {
            error = Stat(location, follow, out var status);
            if (error != Errno.None || status.IsLink)
            {
                return -(int)error; // permissions of a link itself are rwxrwxrwx
            }
        }

        return -(int)location.FileSystem.Access(location.Path, mode);
    }

    /// <summary>utimensat(2); a null path means the descriptor (futimens). Times are two struct timespec {i64 seconds, i32 nanoseconds +8} of 16 bytes.</summary>
    [HostFunction("__syscall_utimensat")]
    public static int SetTimes(byte* m, int directory, int path, int times, int flags)
    {
        long now = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) * 100;
        long? accessed = now, modified = now;
        if (times != 0 && (!Time(m + (uint)times, now, out accessed) || !Time(m + (uint)times + 16, now, out modified)))
        {
            return -(int)Errno.EINVAL;
        }

        if (path == 0)
        {
            return Process.From(m).Files.TryGet(directory, out var file) ? -(int)file.SetTimes(accessed, modified) : -(int)Errno.EBADF;
        }

        bool follow = (flags & NoFollow) == 0;
        var error = Existing(m, directory, path, follow, out var location, out _);
        return error != Errno.None ? -(int)error : -(int)location.FileSystem.SetTimes(location.Path, follow, accessed, modified);
    }

    /// <summary>stat of a resolved path; a trailing slash demands a directory.</summary>
    internal static Errno Stat(Location location, bool follow, out FileStatus status)
    {
        var error = location.FileSystem.Stat(location.Path, follow || location.MustBeDirectory, out status);
        return error == Errno.None && location.MustBeDirectory && !status.IsDirectory ? Errno.ENOTDIR : error;
    }

    private static Errno Existing(byte* m, int directory, int path, bool follow, out Location location, out FileStatus status)
    {
        status = default;
        var error = PathArguments.Resolve(m, directory, path, follow, out location);
        return error != Errno.None ? error : Stat(location, follow, out status);
    }

    private static Errno ChangeOwner(byte* m, int owner, int group)
    {
        int self = Process.From(m).Program.Abi.UserId;
        return (owner == -1 || owner == self) && (group == -1 || group == self) ? Errno.None : Errno.EPERM;
    }

    private static bool Time(byte* t, long now, out long? time)
    {
        int nanoseconds = *(int*)(t + 8);
        time = nanoseconds == TimeNow ? now : nanoseconds == TimeOmit ? null : (*(long*)t * 1_000_000_000) + nanoseconds;
        return nanoseconds is TimeNow or TimeOmit or (>= 0 and < 1_000_000_000);
    }

    private static void WriteStatus(byte* m, int buffer, in FileStatus status)
    {
        var program = Process.From(m).Program;
        var layout = program.DataModel.Status;
        byte* b = m + (uint)buffer;
        new Span<byte>(b, layout.Length).Clear();
        *(int*)b = (int)status.Device;
        *(int*)(b + 4) = status.Mode;
        *(int*)(b + layout.Links) = status.Links;
        *(int*)(b + layout.UserId) = status.UserId == 0 ? program.Abi.UserId : status.UserId;
        *(int*)(b + layout.GroupId) = status.GroupId == 0 ? program.Abi.UserId : status.GroupId;
        *(long*)(b + layout.Size) = status.Size;
        *(int*)(b + layout.BlockSize) = 4096;
        *(int*)(b + layout.Blocks) = (int)status.Blocks;
        WriteTime(b + layout.Accessed, status.Accessed);
        WriteTime(b + layout.Modified, status.Modified);
        WriteTime(b + layout.Changed, status.Changed);
        *(long*)(b + layout.Inode) = status.Inode;
    }

    private static void WriteTime(byte* b, long time)
    {
        long seconds = Math.DivRem(time, 1_000_000_000, out long nanoseconds);
        *(long*)b = nanoseconds < 0 ? seconds - 1 : seconds;
        *(long*)(b + 8) = nanoseconds < 0 ? nanoseconds + 1_000_000_000 : nanoseconds;
    }
}
