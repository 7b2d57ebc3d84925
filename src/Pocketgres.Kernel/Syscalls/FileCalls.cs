using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Opening, closing, sizing and syncing files.</summary>
public static unsafe class FileCalls
{
    /// <summary>openat(2). <paramref name="arguments"/> points to the mode.</summary>
    [HostFunction("__syscall_openat")]
    public static int OpenAt(byte* m, int directory, int path, int flags, int arguments)
    {
        var open = (OpenFlags)flags;
        bool create = (open & OpenFlags.Create) != 0;
        bool follow = (open & OpenFlags.NoFollow) == 0 && (!create || (open & OpenFlags.Exclusive) == 0);
        var error = PathArguments.Resolve(m, directory, path, follow, out var location);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        var process = Process.From(m);
        bool closeOnExec = (open & OpenFlags.CloseOnExec) != 0;
        int alias = location.FileSystem.DescriptorAlias(location.Path);
        if (alias >= 0)
        {
            int duplicate = process.Files.Duplicate(alias, 0, closeOnExec);
            return duplicate == -(int)Errno.EBADF ? -(int)Errno.ENOENT : duplicate;
        }

        if (create && (location.MustBeDirectory || location.IsMountPoint))
        {
            return -(int)(location.IsMountPoint && (open & OpenFlags.Exclusive) != 0 ? Errno.EEXIST : Errno.EISDIR);
        }

        if (location.MustBeDirectory)
        {
            open = (open | OpenFlags.Directory) & ~OpenFlags.NoFollow; // the slash makes a link be followed
        }

        int mode = create && arguments != 0 ? *(int*)(m + (uint)arguments) & 0xFFF & ~process.Umask : 0;
        error = location.FileSystem.Open(location.Path, open, mode, out var file);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        file!.Path = location.AbsolutePath;
        return process.Files.Add(file, 0, closeOnExec);
    }

    /// <summary>close(2).</summary>
    [HostFunction("fd_close")]
    public static int Close(byte* m, int fd) => (int)Process.From(m).Files.Close(fd);

    /// <summary>truncate(2).</summary>
    [HostFunction("__syscall_truncate64")]
    public static int Truncate(byte* m, int path, long length)
    {
        Location location = default;
        var error = length < 0 ? Errno.EINVAL : PathArguments.Resolve(m, path, true, out location);
        if (error == Errno.None && location.MustBeDirectory)
        {
            error = StatusCalls.Stat(location, true, out _) is var e and not Errno.None ? e : Errno.EISDIR;
        }

        return error != Errno.None ? -(int)error : -(int)location.FileSystem.Truncate(location.Path, length);
    }

    /// <summary>ftruncate(2).</summary>
    [HostFunction("__syscall_ftruncate64")]
    public static int TruncateDescriptor(byte* m, int fd, long length) =>
        !Process.From(m).Files.TryGet(fd, out var file) ? -(int)Errno.EBADF
        : length < 0 || (file.Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly ? -(int)Errno.EINVAL
        : -(int)file.Truncate(length);

    /// <summary>fallocate(2), mode 0 only; other modes are EOPNOTSUPP, upon which Postgres writes zeroes instead.</summary>
    [HostFunction("__syscall_fallocate")]
    public static int Allocate(byte* m, int fd, int mode, long offset, long length) =>
        !Process.From(m).Files.TryGet(fd, out var file) ? -(int)Errno.EBADF
        : mode != 0 ? -(int)Errno.EOPNOTSUPP
        : offset < 0 || length <= 0 ? -(int)Errno.EINVAL
        : (file.Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly ? -(int)Errno.EBADF
        : !file.IsSeekable ? -(int)Errno.ESPIPE
        : -(int)file.Allocate(offset, length);

    /// <summary>posix_fadvise(2).</summary>
    [HostFunction("__syscall_fadvise64")]
    public static int Advise(byte* m, int fd, long offset, long length, int advice)
    {
        var process = Process.From(m);
        if (!process.Files.TryGet(fd, out var file) || !file.IsSeekable)
        {
            return -(int)(file is null ? Errno.EBADF : Errno.ESPIPE);
        }

        // A host's disk that has much to write makes who advises it wait: other processes run meanwhile. Our own reference keeps the description open.
        file.AddReference();
        process.EnterBlocking();
        try
        {
            return -(int)file.Advise(offset, length, advice);
        }
        finally
        {
            process.LeaveBlocking();
            file.Release();
        }
    }

    /// <summary>fsync(2).</summary>
    [HostFunction("fd_sync")]
    public static int Sync(byte* m, int fd) => (int)Sync(m, fd, dataOnly: false);

    /// <summary>fdatasync(2).</summary>
    [HostFunction("__syscall_fdatasync")]
    public static int SyncData(byte* m, int fd) => -(int)Sync(m, fd, dataOnly: true);

    private static Errno Sync(byte* m, int fd, bool dataOnly)
    {
        var process = Process.From(m);
        if (!process.Files.TryGet(fd, out var file))
        {
            return Errno.EBADF;
        }

        // The disk takes milliseconds: other processes run meanwhile. Our own reference keeps the description open.
        file.AddReference();
        process.EnterBlocking();
        var error = Errno.None;
        try
        {
            error = file.Sync(dataOnly);
        }
        finally
        {
            process.LeaveBlocking();
            KeepUnsynced(process, file, error);
            file.Release();
        }

        return error;
    }

    /// <summary>
    /// After a failed fsync (or a failed write to an O_DSYNC description) Linux takes the pages that could not be written for clean: the next fsync succeeds without writing them, and reading goes on
    /// to show what the disk does not have. Postgres' recovery would build on log it has read from there. So write the file's contents over
    /// themselves: what is read is then what the next fsync has to bring to the disk, or fails again.
    /// </summary>
    /// <remarks>While no process writes, between our reading and our writing. Best effort: the error is reported anyway.</remarks>
    internal static void KeepUnsynced(Process process, OpenFile file, Errno error)
    {
        const int step = 256 * 1024, regular = 0x8000;
        if (error is not (Errno.EIO or Errno.ENOSPC or Errno.EDQUOT) || (file.Flags & OpenFlags.AccessMode) != OpenFlags.ReadWrite || !file.IsSeekable
            || file.Status(out var status) != Errno.None || (status.Mode & FileStatus.TypeMask) != regular)
        {
            return;
        }

        byte* buffer = (byte*)NativeMemory.Alloc(step);
        process.EnterKernel();
        process.Kernel.HoldWrites();
        long offset = 0;
        for (int n; (n = file.ReadAt(buffer, step, offset)) > 0 && file.WriteAt(buffer, n, offset) == n;)
        {
            offset += n;
        }

        process.Kernel.ReleaseWrites();
        process.LeaveKernel();
        NativeMemory.Free(buffer);
    }
}
