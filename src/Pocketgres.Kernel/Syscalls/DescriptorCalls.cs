using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Descriptors as such: dup, fcntl, ioctl, pipe, and the umask.</summary>
public static unsafe class DescriptorCalls
{
    // fcntl commands of musl on 32 bits
    private const int DuplicateDescriptor = 0; // F_DUPFD
    private const int GetDescriptorFlags = 1; // F_GETFD
    private const int SetDescriptorFlags = 2; // F_SETFD
    private const int GetStatusFlags = 3; // F_GETFL
    private const int SetStatusFlags = 4; // F_SETFL
    private const int GetLock = 12; // F_GETLK
    private const int SetLock = 13; // F_SETLK
    private const int SetLockWait = 14; // F_SETLKW
    private const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
    private const short Unlocked = 2; // F_UNLCK

    private const OpenFlags Settable = OpenFlags.Append | OpenFlags.NonBlocking | OpenFlags.Direct;

    /// <summary>dup(2).</summary>
    [HostFunction("__syscall_dup")]
    public static int Duplicate(byte* m, int fd) => Process.From(m).Files.Duplicate(fd);

    /// <summary>dup3(2).</summary>
    [HostFunction("__syscall_dup3")]
    public static int DuplicateTo(byte* m, int fd, int target, int flags) => Process.From(m).Files.Duplicate(fd, target, (OpenFlags)flags);

    /// <summary>
    /// fcntl(2). <paramref name="arguments"/> points to the third argument. Record locks always succeed and exclude nobody: no file of a
    /// kernel is locked by another program through them, and Postgres uses lock files instead.
    /// </summary>
    [HostFunction("__syscall_fcntl64")]
    public static int Control(byte* m, int fd, int command, int arguments)
    {
        var files = Process.From(m).Files;
        if (!files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        int argument = arguments == 0 ? 0 : *(int*)(m + (uint)arguments);
        switch (command)
        {
            case DuplicateDescriptor:
                return files.Duplicate(fd, argument);
            case DuplicateCloseOnExec:
                return files.Duplicate(fd, argument, closeOnExec: true);
            case GetDescriptorFlags:
                return files.IsCloseOnExec(fd) ? 1 : 0;
            case SetDescriptorFlags:
                files.SetCloseOnExec(fd, (argument & 1) != 0);
                return 0;
            case GetStatusFlags:
                return (int)file.Flags;
            case SetStatusFlags:
                file.Flags = (file.Flags & ~Settable) | ((OpenFlags)argument & Settable);
                return 0;
            case GetLock:
                *(short*)(m + (uint)argument) = Unlocked; // struct flock: l_type +0
                return 0;
            case SetLock or SetLockWait:
                return 0;
            default:
                return -(int)Errno.EINVAL;
        }
    }

    /// <summary>ioctl(2), of terminals: their settings and their size. <paramref name="arguments"/> points to the third argument.</summary>
    [HostFunction("__syscall_ioctl")]
    public static int DeviceControl(byte* m, int fd, int operation, int arguments)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        int size = Terminal.ArgumentSize(operation);
        int argument = arguments == 0 ? 0 : *(int*)(m + (uint)arguments);
        return size == 0 || !file.IsTerminal ? -(int)Errno.ENOTTY
            : !LinearMemory.Contains(m, argument, size) ? -(int)Errno.EFAULT
            : -(int)Terminal.Control(file.HostDescriptor, operation, m + (uint)argument);
    }

    /// <summary>pipe2(2): writes two descriptors, the reading one first.</summary>
    [HostFunction("__syscall_pipe2")]
    public static int CreatePipe(byte* m, int descriptors, int flags)
    {
        var open = (OpenFlags)flags;
        if ((open & ~(OpenFlags.NonBlocking | OpenFlags.CloseOnExec | OpenFlags.Direct)) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        var error = Pipe.Create(open, out var readEnd, out var writeEnd);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        var files = Process.From(m).Files;
        bool closeOnExec = (open & OpenFlags.CloseOnExec) != 0;
        int first = files.Add(readEnd!, 0, closeOnExec);
        int second = files.Add(writeEnd!, 0, closeOnExec);
        if (first < 0 || second < 0)
        {
            _ = first < 0 ? Errno.None : files.Close(first);
            return -(int)Errno.EMFILE;
        }

        *(int*)(m + (uint)descriptors) = first;
        *(int*)(m + (uint)descriptors + 4) = second;
        return 0;
    }

    /// <summary>pipe(2).</summary>
    [HostFunction("__syscall_pipe")]
    public static int CreatePipe(byte* m, int descriptors) => CreatePipe(m, descriptors, 0);

    /// <summary>umask(2).</summary>
    [HostFunction("__syscall_umask")]
    public static int SetUmask(byte* m, int mask)
    {
        var process = Process.From(m);
        int old = process.Umask;
        process.Umask = mask & 0x1FF;
        return old;
    }
}
