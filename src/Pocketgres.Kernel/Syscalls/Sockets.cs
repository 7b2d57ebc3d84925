using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
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

    /// <summary>listen(2).</summary>
    [HostFunction("__syscall_listen")]
    public static int Listen(byte* m, int fd, int backlog, int unused1, int unused2, int unused3, int unused4)
    {
        int error = Find(Process.From(m), fd, out var socket);
        if (socket is null)
        {
            return error;
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
        int error = Find(process, fd, out var socket);
        if (socket is null)
        {
            return error;
        }

        int accepted = socket.Accept(process, address == 0 ? null : m + (uint)address, length == 0 ? null : (int*)(m + (uint)length), out int state);
        if (accepted < 0)
        {
            return accepted;
        }

        SetOption(accepted, 6, 1); // IPPROTO_TCP, TCP_NODELAY; fails harmlessly on Unix sockets
        SetOption(accepted, 1, 9); // SOL_SOCKET, SO_KEEPALIVE: notices clients that vanished
        return process.Files.Add(new SocketFile(accepted) { AcceptState = state });
    }

    /// <summary>connect(2); waits for the connection without the kernel's lock.</summary>
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
        if (refused != Errno.EINPROGRESS)
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
        int error = Find(Process.From(m), fd, out var socket);
        return socket is null ? error
            : !LinearMemory.Contains(m, buffer, (uint)count) ? -(int)Errno.EFAULT
            : socket.Receive(m + (uint)buffer, count, (flags & 2) != 0);
    }

    /// <summary>sendto(2) on a connected socket.</summary>
    [HostFunction("__syscall_sendto", Locking = KernelLocking.None)]
    public static int SendTo(byte* m, int fd, int buffer, int count, int flags, int address, int length)
    {
        int error = Find(Process.From(m), fd, out var socket);
        return socket is null ? error
            : !LinearMemory.Contains(m, buffer, (uint)count) ? -(int)Errno.EFAULT
            : socket.Send(m + (uint)buffer, count);
    }

    /// <summary>poll(2). Entries in linear memory have the host's layout.</summary>
    [HostFunction("__syscall_poll", Locking = KernelLocking.None)]
    public static int Poll(byte* m, int entries, int count, int timeoutMilliseconds)
    {
        var process = Process.From(m);
        if (count < 0 || count > process.Files.Limit)
        {
            return -(int)Errno.EINVAL;
        }

        if (!LinearMemory.Contains(m, entries, (long)count * sizeof(PollEntry)))
        {
            return -(int)Errno.EFAULT;
        }

        var guest = (PollEntry*)(m + (uint)entries);
        var host = stackalloc PollEntry[count + 1];
        long deadline = Stopwatch.GetTimestamp() + (timeoutMilliseconds * (Stopwatch.Frequency / 1000));
        while (true)
        {
            int ready = Fill(process, guest, host, count);
            if (process.PollNow(host, count) > 0 || ready > 0)
            {
                for (int i = 0; i < count; i++)
                {
                    if (host[i].Returned != 0 && process.IsReady(guest[i].Descriptor))
                    {
                        guest[i].Returned = host[i].Returned;
                        ready++;
                    }
                }
            }

            long left = timeoutMilliseconds < 0 ? -1 : deadline - Stopwatch.GetTimestamp();
            if (ready > 0 || (timeoutMilliseconds >= 0 && left <= 0))
            {
                return ready;
            }

            _ = Fill(process, guest, host, count); // what IsReady looked at may be another descriptor of the host now
            process.Block(host, count, timeoutMilliseconds < 0 ? -1 : (long)Math.Ceiling(left * (1e9 / Stopwatch.Frequency)));
            if (process.HasPendingSignals)
            {
                process.DeliverSignals();
                return -(int)Errno.EINTR;
            }
        }
    }

    /// <summary>poll(2) with a time limit of 0, which newer emscripten calls by another name.</summary>
    [HostFunction("__syscall_poll_nonblocking", Locking = KernelLocking.None)]
    public static int PollNow(byte* m, int entries, int count) => Poll(m, entries, count, 0);

    /// <summary>getaddrinfo(3) for numeric addresses: names are the host's business. EAI_NONAME is -2.</summary>
    [HostFunction("getaddrinfo", Locking = KernelLocking.None)]
    public static int GetAddressInfo(byte* m, int node, int service, int hint, int result)
    {
        const int noName = -2, outOfMemory = -10;
        int family = hint == 0 ? 0 : *(int*)(m + (uint)hint + 4);
        bool passive = hint != 0 && (*(int*)(m + (uint)hint) & 1) != 0;
        byte* bytes = stackalloc byte[16];
        uint scope = 0;
        bool v6 = family == Inet6;
        if (node == 0 || CString.Read(m, node) == "localhost")
        {
            new Span<byte>(bytes, 16).Clear();
            if (node != 0 || !passive)
            {
                (bytes[0], bytes[3], bytes[15]) = v6 ? ((byte)0, (byte)0, (byte)1) : ((byte)127, (byte)1, (byte)0); // ::1, 127.0.0.1
            }
        }
        else if (!TryReadAddress(m + (uint)node, CString.Read(m, node), bytes, out v6, out scope))
        {
            return noName;
        }

        if ((family == Inet && v6) || (family == Inet6 && !v6))
        {
            return noName;
        }

        int port = 0;
        if (service != 0 && (!int.TryParse(CString.Read(m, service), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > 65535))
        {
            return -8; // EAI_SERVICE
        }

        // Two blocks, because emscripten's freeaddrinfo frees the address and the struct separately.
        int addressLength = v6 ? 28 : 16;
        var process = Process.From(m);
        var model = process.Program.DataModel;
        int address = process.Allocate(addressLength);
        int info = address == 0 ? 0 : process.Allocate(model.AddressInfo.Length);
        if (info == 0)
        {
            return outOfMemory;
        }

        byte* a = m + (uint)address;
        new Span<byte>(a, addressLength).Clear();
        *(ushort*)a = (ushort)(v6 ? Inet6 : Inet);
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(a + 2, 2), (ushort)port);
        Buffer.MemoryCopy(bytes, a + (v6 ? 8 : 4), 16, v6 ? 16 : 4);
        if (v6)
        {
            *(uint*)(a + 24) = scope;
        }

        byte* i = m + (uint)info;
        new Span<byte>(i, model.AddressInfo.Length).Clear();
        *(int*)(i + 4) = v6 ? Inet6 : Inet;
        *(int*)(i + 8) = hint == 0 || *(int*)(m + (uint)hint + 8) == 0 ? 1 : *(int*)(m + (uint)hint + 8);
        *(int*)(i + 12) = 6;
        *(int*)(i + 16) = addressLength;
        model.WritePointer(m, info + model.AddressInfo.Address, address);
        model.WritePointer(m, result, info);
        return 0;
    }

    /// <summary>getnameinfo(3), numeric. EAI_FAMILY is -6, EAI_OVERFLOW -12.</summary>
    [HostFunction("getnameinfo", Locking = KernelLocking.None)]
    public static int GetNameInfo(byte* m, int address, int length, int host, int hostSize, int service, int serviceSize, int flags)
    {
        byte* a = m + (uint)address;
        switch (length < 2 ? 0 : *(ushort*)a)
        {
            case Unix:
                // PostgreSQL asks for the name of a Unix peer too and expects "[local]"-like handling: glibc answers the host's name.
                // Such a peer has no path as a rule: its address ends after the family, whatever the buffer holds behind it.
                string path = length > 2 ? CString.Read(m, address + 2) : "";
                return WriteName(m, host, hostSize, "localhost") && WriteName(m, service, serviceSize, path) ? 0 : -12;
            case Inet when length >= 16:
            case Inet6 when length >= 28:
                int port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(a + 2, 2));
                return WriteName(m, host, hostSize, AddressText(a))
                    && WriteName(m, service, serviceSize, port.ToString(CultureInfo.InvariantCulture)) ? 0 : -12;
            default:
                return -6;
        }
    }

    // IPAddress.ToString is compiled at its first use.
    private static string AddressText(byte* a) => *(ushort*)a == Inet
        ? $"{a[4].ToString(CultureInfo.InvariantCulture)}.{a[5].ToString(CultureInfo.InvariantCulture)}.{a[6].ToString(CultureInfo.InvariantCulture)}.{a[7].ToString(CultureInfo.InvariantCulture)}"
        : new IPAddress(new ReadOnlySpan<byte>(a + 8, 16)).ToString();

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
        int inherited = length >= 16 && *(ushort*)address is Inet or Inet6 ? process.Kernel.InheritedSockets.Take(address, length) : -1;
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
        }
        else if (Libc.bind(socket.PollDescriptor, address, length) != 0)
        {
            return -(int)HostErrno.Last();
        }

        socket.IsBound = true;
        return 0;
    }

    /// <summary>A numeric address as 4 or 16 bytes.</summary>
    private static bool TryReadAddress(byte* text, string name, byte* bytes, out bool v6, out uint scope)
    {
        scope = 0;
        v6 = false;
        if (Libc.inet_pton(Inet, text, bytes) == 1)
        {
            return true;
        }

        v6 = true;
        if (Libc.inet_pton(Inet6, text, bytes) == 1)
        {
            return true;
        }

        // With a scope (fe80::1%eth0), or in one of the forms of inet_aton(3).
        if (!IPAddress.TryParse(name, out var address))
        {
            return false;
        }

        v6 = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        scope = v6 ? (uint)address.ScopeId : 0;
        return address.TryWriteBytes(new Span<byte>(bytes, v6 ? 16 : 4), out _);
    }

    private static void SetOption(int fd, int level, int option)
    {
        int one = 1;
        _ = Libc.setsockopt(fd, level, option, &one, sizeof(int));
    }
}
