using System.Buffers.Binary;
using System.Net;
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
        return fd < 0 ? -(int)HostErrno.Last() : Process.From(m).Files.Add(new SocketFile(fd));
    }

    /// <summary>bind(2). A TCP address that the host has bound already is taken over (<see cref="InheritedSockets"/>).</summary>
    [HostFunction("__syscall_bind")]
    public static int Bind(byte* m, int fd, int address, int length, int unused1, int unused2, int unused3)
    {
        var process = Process.From(m);
        return process.Files.TryGet(fd, out var file) && file is SocketFile socket
            ? Bind(process, socket, m + (uint)address, length)
            : -(int)Errno.EBADF;
    }

    /// <summary>Creates a socket of the family of an address, bound to it: for programs whose socket(2) call is missing.</summary>
    /// <returns>A descriptor or a negated errno.</returns>
    public static int CreateBound(Process process, byte* address, int length)
    {
        int family = *(ushort*)address;
        if (TryTakeInherited(process, address, length, out int inherited))
        {
            return process.Files.Add(new SocketFile(inherited) { IsBound = true });
        }

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

    /// <summary>listen(2).</summary>
    [HostFunction("__syscall_listen")]
    public static int Listen(byte* m, int fd, int backlog, int unused1, int unused2, int unused3, int unused4)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file) || file is not SocketFile socket)
        {
            return -(int)Errno.EBADF;
        }

        if (Libc.listen(socket.PollDescriptor, backlog) != 0)
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
        if (!process.Files.TryGet(fd, out var file) || file is not SocketFile socket)
        {
            return -(int)Errno.EBADF;
        }

        int accepted = Libc.accept4(socket.PollDescriptor, address == 0 ? null : m + (uint)address,
            length == 0 ? null : (int*)(m + (uint)length), Libc.SockNonBlocking | Libc.SockCloseOnExec);
        if (accepted < 0)
        {
            return -(int)HostErrno.Last();
        }

        SetOption(accepted, 6, 1); // IPPROTO_TCP, TCP_NODELAY; fails harmlessly on Unix sockets
        SetOption(accepted, 1, 9); // SOL_SOCKET, SO_KEEPALIVE: notices clients that vanished
        return process.Files.Add(new SocketFile(accepted));
    }

    /// <summary>connect(2); waits for the connection without the global lock.</summary>
    [HostFunction("__syscall_connect")]
    public static int Connect(byte* m, int fd, int address, int length, int unused1, int unused2, int unused3)
    {
        var process = Process.From(m);
        if (!process.Files.TryGet(fd, out var file) || file is not SocketFile socket)
        {
            return -(int)Errno.EBADF;
        }

        if (Libc.connect(socket.PollDescriptor, m + (uint)address, length) == 0)
        {
            return 0;
        }

        var error = HostErrno.Last();
        if (error != Errno.EINPROGRESS)
        {
            return -(int)error;
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
    [HostFunction("__syscall_recvfrom")]
    public static int ReceiveFrom(byte* m, int fd, int buffer, int count, int flags, int address, int length) =>
        Process.From(m).Files.TryGet(fd, out var file) && file is SocketFile socket
            ? socket.Receive(m + (uint)buffer, count, (flags & 2) != 0)
            : -(int)Errno.EBADF;

    /// <summary>sendto(2) on a connected socket.</summary>
    [HostFunction("__syscall_sendto")]
    public static int SendTo(byte* m, int fd, int buffer, int count, int flags, int address, int length) =>
        Process.From(m).Files.TryGet(fd, out var file) && file is SocketFile socket
            ? socket.Send(m + (uint)buffer, count)
            : -(int)Errno.EBADF;

    /// <summary>poll(2). Entries in linear memory have the host's layout.</summary>
    [HostFunction("__syscall_poll")]
    public static int Poll(byte* m, int entries, int count, int timeoutMilliseconds)
    {
        var process = Process.From(m);
        var guest = (PollEntry*)(m + (uint)entries);
        var host = stackalloc PollEntry[Math.Min(count, 1024) + 1];
        if (count is < 0 or > 1024)
        {
            return -(int)Errno.EINVAL;
        }

        long deadline = timeoutMilliseconds < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMilliseconds;
        while (true)
        {
            int ready = Fill(process, guest, host, count);
            if (Process.PollNow(host, count) > 0 || ready > 0)
            {
                for (int i = 0; i < count; i++)
                {
                    if (host[i].Returned != 0)
                    {
                        guest[i].Returned = host[i].Returned;
                        ready++;
                    }
                }
            }

            long left = deadline == long.MaxValue ? -1 : deadline - Environment.TickCount64;
            if (ready > 0 || (deadline != long.MaxValue && left <= 0))
            {
                return ready;
            }

            process.Block(host, count, left < 0 ? -1 : left * 1_000_000);
            if (process.HasPendingSignals)
            {
                process.DeliverSignals();
                return -(int)Errno.EINTR;
            }
        }
    }

    /// <summary>getaddrinfo(3) for numeric addresses: names are the host's business. EAI_NONAME is -2.</summary>
    [HostFunction("getaddrinfo")]
    public static int GetAddressInfo(byte* m, int node, int service, int hint, int result)
    {
        const int noName = -2, outOfMemory = -10;
        int family = hint == 0 ? 0 : *(int*)(m + (uint)hint + 4);
        bool passive = hint != 0 && (*(int*)(m + (uint)hint) & 1) != 0;
        IPAddress? ip;
        if (node == 0)
        {
            bool v6Only = family == Inet6;
            ip = passive ? (v6Only ? IPAddress.IPv6Any : IPAddress.Any) : (v6Only ? IPAddress.IPv6Loopback : IPAddress.Loopback);
        }
        else
        {
            string name = CString.Read(m, node);
            if (name == "localhost")
            {
                ip = family == Inet6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
            }
            else if (!IPAddress.TryParse(name, out ip))
            {
                return noName;
            }
        }

        bool v6 = ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        if ((family == Inet && v6) || (family == Inet6 && !v6))
        {
            return noName;
        }

        int port = 0;
        if (service != 0 && !int.TryParse(CString.Read(m, service), out port))
        {
            return -8; // EAI_SERVICE
        }

        // struct addrinfo (musl, wasm32): flags, family, socktype, protocol, addrlen, addr, canonname, next.
        // Two blocks, because emscripten's freeaddrinfo frees the address and the struct separately.
        int addressLength = v6 ? 28 : 16;
        var malloc = (delegate*<byte*, int, int>)Process.From(m).Program.Main.Export("malloc");
        int address = malloc(m, addressLength);
        int info = address == 0 ? 0 : malloc(m, 32);
        if (info == 0)
        {
            return outOfMemory;
        }

        byte* a = m + (uint)address;
        new Span<byte>(a, addressLength).Clear();
        *(ushort*)a = (ushort)(v6 ? Inet6 : Inet);
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(a + 2, 2), (ushort)port);
        ip.TryWriteBytes(new Span<byte>(a + (v6 ? 8 : 4), v6 ? 16 : 4), out _);
        byte* i = m + (uint)info;
        new Span<byte>(i, 32).Clear();
        *(int*)(i + 4) = v6 ? Inet6 : Inet;
        *(int*)(i + 8) = hint == 0 || *(int*)(m + (uint)hint + 8) == 0 ? 1 : *(int*)(m + (uint)hint + 8);
        *(int*)(i + 12) = 6;
        *(int*)(i + 16) = addressLength;
        *(int*)(i + 20) = address;
        *(int*)(m + (uint)result) = info;
        return 0;
    }

    /// <summary>getnameinfo(3), numeric. EAI_FAMILY is -6, EAI_OVERFLOW -12.</summary>
    [HostFunction("getnameinfo")]
    public static int GetNameInfo(byte* m, int address, int length, int host, int hostSize, int service, int serviceSize, int flags)
    {
        byte* a = m + (uint)address;
        switch (*(ushort*)a)
        {
            case Unix:
                // PostgreSQL asks for the name of a Unix peer too and expects "[local]"-like handling: glibc answers the host's name.
                return WriteName(m, host, hostSize, "localhost") && WriteName(m, service, serviceSize, CString.Read(m, address + 2)) ? 0 : -12;
            case Inet or Inet6:
                var endPoint = ReadInternet(a);
                return WriteName(m, host, hostSize, endPoint.Address.ToString())
                    && WriteName(m, service, serviceSize, endPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)) ? 0 : -12;
            default:
                return -6;
        }
    }

    private static bool WriteName(byte* m, int target, int size, string value) =>
        target == 0 || size <= 0 || CString.TryWrite(m, target, size, value);

    private static int Fill(Process process, PollEntry* guest, PollEntry* host, int count)
    {
        int ready = 0;
        for (int i = 0; i < count; i++)
        {
            guest[i].Returned = 0;
            host[i] = guest[i];
            host[i].Descriptor = -1;
            if (guest[i].Descriptor < 0)
            {
                continue;
            }

            if (!process.Files.TryGet(guest[i].Descriptor, out var file))
            {
                guest[i].Returned = PollEvents.Invalid;
                ready++;
            }
            else if (file.PollDescriptor < 0)
            {
                guest[i].Returned = (short)(guest[i].Events & (PollEvents.In | PollEvents.Out)); // regular files are always ready
                ready += guest[i].Returned != 0 ? 1 : 0;
            }
            else
            {
                host[i].Descriptor = file.PollDescriptor;
            }
        }

        return ready;
    }

    private static int Bind(Process process, SocketFile socket, byte* address, int length)
    {
        if (Libc.bind(socket.PollDescriptor, address, length) != 0)
        {
            return -(int)HostErrno.Last();
        }

        socket.IsBound = true;
        return 0;
    }

    private static bool TryTakeInherited(Process process, byte* address, int length, out int descriptor)
    {
        descriptor = *(ushort*)address is Inet or Inet6 ? process.Kernel.InheritedSockets.Take(ReadInternet(address)) : -1;
        return descriptor >= 0;
    }

    private static IPEndPoint ReadInternet(byte* a)
    {
        bool v6 = *(ushort*)a == Inet6;
        return new IPEndPoint(new IPAddress(new ReadOnlySpan<byte>(a + (v6 ? 8 : 4), v6 ? 16 : 4)),
            BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(a + 2, 2)));
    }

    private static void SetOption(int fd, int level, int option)
    {
        int one = 1;
        _ = Libc.setsockopt(fd, level, option, &one, sizeof(int));
    }
}
