using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Options and addresses of sockets that a program connects. Results are 0 or a negated errno; layouts and constants are Linux'.</summary>
public static unsafe class SocketOptions
{
    private const int SocketLevel = 1, TcpLevel = 6, ErrorOption = 4, PeerCredentialsOption = 17; // SOL_SOCKET, IPPROTO_TCP, SO_ERROR, SO_PEERCRED

    /// <summary>setsockopt(2).</summary>
    [HostFunction("__syscall_setsockopt")]
    public static int Set(byte* m, int fd, int level, int option, int value, int length, int unused) =>
        LinearMemory.Contains(m, value, (uint)length) ? Set(Process.From(m), fd, level, option, m + (uint)value, length) : -(int)Errno.EFAULT;

    /// <summary>getsockopt(2).</summary>
    [HostFunction("__syscall_getsockopt")]
    public static int Get(byte* m, int fd, int level, int option, int value, int length, int unused) =>
        IsBuffer(m, value, length) ? Get(Process.From(m), fd, level, option, m + (uint)value, (int*)(m + (uint)length)) : -(int)Errno.EFAULT;

    /// <summary>getsockname(2).</summary>
    [HostFunction("__syscall_getsockname")]
    public static int LocalAddress(byte* m, int fd, int address, int length, int unused1, int unused2, int unused3) =>
        IsBuffer(m, address, length) ? LocalAddress(Process.From(m), fd, m + (uint)address, (int*)(m + (uint)length)) : -(int)Errno.EFAULT;

    /// <summary>connect(2) without waiting: -EINPROGRESS when the connection is still being made.</summary>
    public static int StartConnect(Process process, int fd, byte* address, int length)
    {
        int error = Sockets.Find(process, fd, out var socket);
        return socket is null ? error : Libc.connect(socket.PollDescriptor, address, length) == 0 ? 0 : -(int)HostErrno.Last();
    }

    /// <summary>setsockopt(2) for the levels SOL_SOCKET and TCP.</summary>
    public static int Set(Process process, int fd, int level, int option, byte* value, int length)
    {
        int error = Sockets.Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        return level is not (SocketLevel or TcpLevel) ? -(int)Errno.ENOPROTOOPT
            : Libc.setsockopt(socket.PollDescriptor, level, option, value, length) == 0 ? 0 : -(int)HostErrno.Last();
    }

    /// <summary>getsockopt(2) for the levels SOL_SOCKET and TCP; SO_ERROR in the program's numbers.</summary>
    public static int Get(Process process, int fd, int level, int option, byte* value, int* length)
    {
        int error = Sockets.Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        if (level is not (SocketLevel or TcpLevel))
        {
            return -(int)Errno.ENOPROTOOPT;
        }

        if (Libc.getsockopt(socket.PollDescriptor, level, option, value, length) != 0)
        {
            return -(int)HostErrno.Last();
        }

        if (level == SocketLevel && option == ErrorOption && *length == sizeof(int))
        {
            *(int*)value = (int)HostErrno.Map(*(int*)value);
        }

        return 0;
    }

    /// <summary>getsockname(2).</summary>
    public static int LocalAddress(Process process, int fd, byte* address, int* length)
    {
        int error = Sockets.Find(process, fd, out var socket);
        return socket is null ? error : Libc.getsockname(socket.PollDescriptor, address, length) == 0 ? 0 : -(int)HostErrno.Last();
    }

    /// <summary>The user and group at the other end of a Unix socket (SO_PEERCRED).</summary>
    public static int PeerCredentials(Process process, int fd, out int user, out int group)
    {
        user = group = 0;
        int error = Sockets.Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        var credentials = stackalloc int[3]; // struct ucred: pid, uid, gid
        int size = 3 * sizeof(int);
        if (Libc.getsockopt(socket.PollDescriptor, SocketLevel, PeerCredentialsOption, credentials, &size) != 0)
        {
            return -(int)HostErrno.Last();
        }

        (user, group) = (credentials[1], credentials[2]);
        return 0;
    }

    /// <summary>Whether there is a buffer of the length that stands at another address.</summary>
    private static bool IsBuffer(byte* m, int buffer, int length) =>
        LinearMemory.Contains(m, length, sizeof(int)) && LinearMemory.Contains(m, buffer, *(uint*)(m + (uint)length));
}
