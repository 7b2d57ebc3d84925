using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Sockets. Addresses in linear memory have the layout of Linux' sockaddr_in, sockaddr_in6 and sockaddr_un.</summary>
public static unsafe class Sockets
{
    private const int Inet = 2, Inet6 = 10, Unix = 1;

    /// <summary>socket(2): stream sockets of the internet and Unix families.</summary>
    [HostFunction("__syscall_socket")]
    public static int Socket(byte* m, int domain, int type, int protocol, int unused1, int unused2, int unused3)
    {
        int fd = Libc.socket(domain, (type & 0xF) | Libc.SockNonBlocking | Libc.SockCloseOnExec, protocol);
        var flags = OpenFlags.ReadWrite | ((OpenFlags)type & OpenFlags.NonBlocking);
        return fd < 0 ? -(int)HostErrno.Last() : Process.From(m).Files.Add(new SocketFile(fd) { Flags = flags });
    }

    /// <summary>bind(2). A TCP address that the host has bound already is taken over (<see cref="InheritedSockets"/>).</summary>
    [HostFunction("__syscall_bind")]
    public static int Bind(byte* m, int fd, int address, int length, int unused1, int unused2, int unused3)
    {
        var process = Process.From(m);
        int error = Find(process, fd, out var socket);
        return socket is null ? error
            : !LinearMemory.Contains(m, address, (uint)length) ? -(int)Errno.EFAULT
            : Bind(process, socket, m + (uint)address, length);
    }

    /// <summary>Creates a socket of the family of an address, bound to it: for programs whose socket(2) call is missing.</summary>
    /// <returns>A descriptor or a negated errno.</returns>
    public static int CreateBound(Process process, byte* address, int length)
    {
        int family = *(ushort*)address;
        int fd = Libc.socket(family, 1 | Libc.SockNonBlocking | Libc.SockCloseOnExec, 0);
        if (fd < 0)
        {
            return -(int)HostErrno.Last();
        }

        var socket = new SocketFile(fd);
        if (family is Inet or Inet6)
        {
            SetOption(fd, 1, 2); // SOL_SOCKET, SO_REUSEADDR: a restart must not wait for old connections to time out
        }

        if (family == Inet6)
        {
            SetOption(fd, 41, 26); // IPPROTO_IPV6, IPV6_V6ONLY: the IPv4 address gets a socket of its own
        }

        int result = Bind(process, socket, address, length);
        if (result < 0)
        {
            socket.Release();
            return result;
        }

        return process.Files.Add(socket);
    }

    /// <summary>listen(2). The backlog is a hint, and Postgres' (twice max_connections) is too short for a crowd: see <see cref="HostListener.Backlog"/>.</summary>
    [HostFunction("__syscall_listen")]
    public static int Listen(byte* m, int fd, int backlog, int unused1, int unused2, int unused3, int unused4)
    {
        int error = Find(Process.From(m), fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        if (socket.Queue is null && Libc.listen(socket.PollDescriptor, Math.Max(backlog, HostListener.Backlog)) != 0)
        {
            return -(int)HostErrno.Last();
        }

        socket.IsListening = true;
        return 0;
    }

    /// <summary>accept4(2), never blocking.</summary>
    [HostFunction("__syscall_accept4")]
    public static int Accept(byte* m, int fd, int address, int length, int flags, int unused1, int unused2)
    {
        var process = Process.From(m);
        int error = Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        int accepted = socket.Accept(process, address == 0 ? null : m + (uint)address, length == 0 ? null : (int*)(m + (uint)length), out int state, out Handover? handover);
        if (accepted < 0)
        {
            return accepted;
        }

        SetOption(accepted, 6, 1); // IPPROTO_TCP, TCP_NODELAY; fails harmlessly on Unix sockets
        SetOption(accepted, 1, 9); // SOL_SOCKET, SO_KEEPALIVE: notices clients that vanished
        return process.Files.Add(new SocketFile(accepted) { AcceptState = state, Handover = handover, Filter = process.Kernel.Options.AcceptFilter });
    }

    /// <summary>connect(2); waits for the connection, without the kernel's lock, unless the socket is non-blocking.</summary>
    [HostFunction("__syscall_connect")]
    public static int Connect(byte* m, int fd, int address, int length, int unused1, int unused2, int unused3)
    {
        var process = Process.From(m);
        int error = Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        if (Libc.connect(socket.PollDescriptor, m + (uint)address, length) == 0)
        {
            return 0;
        }

        var refused = HostErrno.Last();
        if (refused != Errno.EINPROGRESS || (socket.Flags & OpenFlags.NonBlocking) != 0)
        {
            return -(int)refused;
        }

        var fds = stackalloc PollEntry[2];
        do
        {
            fds[0] = new PollEntry { Descriptor = socket.PollDescriptor, Events = PollEvents.Out };
            process.Block(fds, 1, -1);
            process.DeliverSignals();
        }
        while (fds[0].Returned == 0);

        int pending;
        int size = sizeof(int);
        return Libc.getsockopt(socket.PollDescriptor, 1, 4, &pending, &size) != 0 ? -(int)HostErrno.Last() : -(int)HostErrno.Map(pending);
    }

    /// <summary>recvfrom(2) on a connected socket.</summary>
    [HostFunction("__syscall_recvfrom", Locking = KernelLocking.None)]
    public static int ReceiveFrom(byte* m, int fd, int buffer, int count, int flags, int address, int length)
    {
        var process = Process.From(m);
        int error = Find(process, fd, out var socket);
        if (socket is null || !LinearMemory.Contains(m, buffer, (uint)count))
        {
            return socket is null ? error : -(int)Errno.EFAULT;
        }

        while (true)
        {
            bool peek = (flags & Libc.MsgPeek) != 0;
            int n = socket.Receive(m + (uint)buffer, count, peek);
            if (n != -(int)Errno.EAGAIN)
            {
                return n;
            }

            if ((socket.Flags & OpenFlags.NonBlocking) != 0 || (flags & Libc.MsgDontWait) != 0)
            {
                return peek ? n : process.ReceiveSoon(socket, m + (uint)buffer, count);
            }

            process.WaitReadable(socket);
        }
    }

    /// <summary>sendto(2) on a connected socket.</summary>
    [HostFunction("__syscall_sendto", Locking = KernelLocking.None)]
    public static int SendTo(byte* m, int fd, int buffer, int count, int flags, int address, int length)
    {
        var process = Process.From(m);
        int error = Find(process, fd, out var socket);
        if (socket is null || !LinearMemory.Contains(m, buffer, (uint)count))
        {
            return socket is null ? error : -(int)Errno.EFAULT;
        }

        while (true)
        {
            int n = socket.Send(m + (uint)buffer, count);
            if (n != -(int)Errno.EAGAIN || (socket.Flags & OpenFlags.NonBlocking) != 0 || (flags & Libc.MsgDontWait) != 0)
            {
                return n;
            }

            process.WaitWritable(socket);
        }
    }

    /// <summary>The socket behind a descriptor, or null and a negated errno.</summary>
    internal static int Find(Process process, int fd, out SocketFile? socket)
    {
        socket = null;
        if (!process.Files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        socket = file as SocketFile;
        return socket is null ? -(int)Errno.ENOTSOCK : 0;
    }

    private static int Bind(Process process, SocketFile socket, byte* address, int length)
    {
        ConnectionQueue? queue = null;
        int inherited = length >= 16 && *(ushort*)address is Inet or Inet6 ? process.Kernel.InheritedSockets.Take(address, length, out queue) : -1;
        if (inherited >= 0)
        {
            // The program's socket becomes the host's: under the same host descriptor, so that what refers to it stays right.
            int replaced = Libc.dup3(inherited, socket.PollDescriptor, Libc.SockCloseOnExec);
            var error = HostErrno.Last();
            _ = Libc.close(inherited);
            if (replaced < 0)
            {
                return -(int)error;
            }

            socket.Queue = queue;
        }
        else if (Libc.bind(socket.PollDescriptor, address, length) != 0)
        {
            return -(int)HostErrno.Last();
        }

        socket.IsBound = true;
        return 0;
    }

    private static void SetOption(int fd, int level, int option)
    {
        int one = 1;
        _ = Libc.setsockopt(fd, level, option, &one, sizeof(int));
    }
}
