using System.Net.Sockets;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// Listening sockets that the host bound before the program started ("socket activation"): bind(2) to the same address takes the
/// host's socket instead of a new one. So a port chosen by the system is known, and a busy one reported, before the program runs.
/// </summary>
public sealed unsafe class InheritedSockets : IDisposable
{
    private const int AddressSize = 28; // struct sockaddr_in6
    private const int Inet6 = 10;

    private readonly Lock _lock = new();
    private readonly List<Inherited> _sockets = [];

    /// <summary>Gives a bound TCP socket to the kernel, which closes it with the last descriptor on it.</summary>
    public void Add(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Add((int)socket.Handle, socket);
    }

    /// <inheritdoc cref="Add(Socket)"/>
    public void Add(HostListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        Add(listener.Descriptor, listener);
    }

    /// <summary>Gives a queue of connections to the kernel, which disposes it at its end.</summary>
    public void Add(ConnectionQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        lock (_lock)
        {
            _sockets.Add(new Inherited(queue.Descriptor, queue.Address, queue));
        }
    }

    /// <summary>A duplicate of the host's descriptor bound to this address, or -1. The socket is non-blocking from then on.</summary>
    /// <param name="address">struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="length">Its size.</param>
    /// <param name="queue">What its connections come from if it is no socket; else null.</param>
    internal int Take(byte* address, int length, out ConnectionQueue? queue)
    {
        queue = null;
        lock (_lock)
        {
            foreach (var socket in _sockets)
            {
                if (!IsSame(new ReadOnlySpan<byte>(address, length), socket.Address))
                {
                    continue;
                }

                // A blocking accept of a connection that vanished after poll had reported it would wait with the kernel's lock held.
                int fd = Libc.fcntl(socket.Descriptor, Libc.DuplicateCloseOnExec, 0);
                int flags = fd < 0 ? -1 : Libc.fcntl(fd, Libc.GetStatusFlags, 0);
                if (flags >= 0)
                {
                    _ = Libc.fcntl(fd, Libc.SetStatusFlags, flags | Libc.SockNonBlocking);
                }

                queue = socket.Owner as ConnectionQueue;
                return fd;
            }

            return -1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _sockets.ForEach(s => s.Owner.Dispose());
            _sockets.Clear();
        }
    }

    private void Add(int descriptor, IDisposable owner)
    {
        var address = new byte[AddressSize];
        int length = AddressSize;
        fixed (byte* a = address)
        {
            _ = Libc.getsockname(descriptor, a, &length); // of a descriptor that is no socket, the address is that of no socket
        }

        lock (_lock)
        {
            _sockets.Add(new Inherited(descriptor, address, owner));
        }
    }

    /// <summary>Family, port and address; not the scope, which bind(2) takes from the interface.</summary>
    private static bool IsSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) =>
        one[..4].SequenceEqual(other[..4])
        && (one[0] == Inet6 ? one.Length >= AddressSize && one.Slice(8, 16).SequenceEqual(other.Slice(8, 16)) : one.Slice(4, 4).SequenceEqual(other.Slice(4, 4)));

    private sealed record Inherited(int Descriptor, byte[] Address, IDisposable Owner);
}
