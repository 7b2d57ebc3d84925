using System.Buffers.Binary;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// A listening TCP socket of the host, to be given to a kernel (<see cref="InheritedSockets"/>). By system calls, because a start needs nothing else of
/// .NET's sockets: five assemblies and a thread.
/// </summary>
public sealed unsafe class HostListener : IDisposable
{
    private const int Inet = 2, Inet6 = 10, Stream = 1, SocketLevel = 1, ReuseAddress = 2, Listens = 30, V6Only = 26, Ipv6Level = 41; // Linux
    private const int SetDescriptorFlags = 2, CloseOnExec = 1; // F_SETFD, FD_CLOEXEC
    internal const int AddressSize = 28; // struct sockaddr_in6

    private int _descriptor;

    private HostListener(int descriptor) => _descriptor = descriptor;

    /// <summary>Its descriptor of the host.</summary>
    public int Descriptor => _descriptor;

    /// <summary>
    /// Connections that may wait to be accepted, at least: Linux' own bound (somaxconn), so that a crowd that connects at once does not make others' first packets be dropped, which are
    /// sent again after a second.
    /// </summary>
    public const int Backlog = 4096;

    /// <summary>Port it listens on, also when the system chose it.</summary>
    public int Port { get; private set; }

    /// <summary>Address it listens on.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>Listens on an address. <c>::</c> takes IPv6 only, as Postgres' own sockets do.</summary>
    /// <param name="address">An address of this machine, or the one that means all.</param>
    /// <param name="port">The port, 0 for any that is free.</param>
    /// <exception cref="Win32Exception">The system refuses; the native error is its errno, for example 98 (EADDRINUSE) or 13 (EACCES).</exception>
    public static HostListener Open(IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(address);
        bool v6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        byte* name = stackalloc byte[AddressSize];
        int length = Write(name, address, port);
        var listener = new HostListener(Libc.socket(v6 ? Inet6 : Inet, Stream | Libc.SockCloseOnExec, 0)) { Address = address };
        try
        {
            // SO_REUSEADDR alone: a restart does not wait for old connections to time out, and no two servers share a port.
            int one = 1;
            Check(listener._descriptor);
            Check(Libc.setsockopt(listener._descriptor, SocketLevel, ReuseAddress, &one, sizeof(int)));
            if (v6)
            {
                Check(Libc.setsockopt(listener._descriptor, Ipv6Level, V6Only, &one, sizeof(int)));
            }

            // Linux reports a port taken by another listener already at bind, at the latest at listen.
            Check(Libc.bind(listener._descriptor, name, length));
            Check(Libc.listen(listener._descriptor, Backlog));
            Check(Libc.getsockname(listener._descriptor, name, &length));
            listener.Port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(name + 2, 2));
            return listener;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a socket that somebody else has opened, as a service manager does.</summary>
    /// <param name="descriptor">Its descriptor of the host, the result's from now on.</param>
    /// <param name="problem">What is wrong with it, in the words of a service manager's unit; else null.</param>
    /// <returns>Null when it is none to listen on for TCP, or one that takes IPv4 and IPv6: Postgres' rules for IPv4 addresses would not be those of its clients.</returns>
    public static HostListener? Adopt(int descriptor, out string? problem)
    {
        byte* name = stackalloc byte[AddressSize];
        int length = AddressSize, listens = 0, v6Only = 0, size = sizeof(int);
        if (Libc.getsockname(descriptor, name, &length) != 0 || *(ushort*)name is not (Inet or Inet6) || Libc.getsockopt(descriptor, SocketLevel, Listens, &listens, &size) != 0 || listens == 0)
        {
            problem = "is no TCP socket that listens: write ListenStream=ADDRESS:PORT";
            return null;
        }

        bool v6 = *(ushort*)name == Inet6;
        if (v6 && Libc.getsockopt(descriptor, Ipv6Level, V6Only, &v6Only, &size) == 0 && v6Only == 0)
        {
            problem = "takes IPv4 and IPv6: write BindIPv6Only=ipv6-only, or ListenStream= with an IPv4 address";
            return null;
        }

        _ = Libc.fcntl(descriptor, SetDescriptorFlags, CloseOnExec);
        problem = null;
        return new HostListener(descriptor)
        {
            Address = new IPAddress(new ReadOnlySpan<byte>(name + (v6 ? 8 : 4), v6 ? 16 : 4)),
            Port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(name + 2, 2)),
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        int descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
        }
    }

    /// <summary>Writes a struct sockaddr_in or sockaddr_in6; returns its size.</summary>
    internal static int Write(byte* name, IPAddress address, int port)
    {
        bool v6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        new Span<byte>(name, AddressSize).Clear();
        *(ushort*)name = (ushort)(v6 ? Inet6 : Inet);
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(name + 2, 2), (ushort)port);
        if (address.Equals(IPAddress.Loopback))
        {
            // The usual one without a generic method that .NET compiles.
            (name[4], name[7]) = (127, 1);
        }
        else
        {
            address.TryWriteBytes(new Span<byte>(name + (v6 ? 8 : 4), v6 ? 16 : 4), out _);
        }

        if (v6)
        {
            *(uint*)(name + 24) = (uint)address.ScopeId;
        }

        return v6 ? AddressSize : 16;
    }

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }
}
