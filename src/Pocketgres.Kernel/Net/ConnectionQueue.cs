using System.Net;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// Stands for a listening TCP socket whose connections the host accepts itself and hands over (<see cref="InheritedSockets"/>): listen(2) and accept(2) of
/// the address that it has take them from here. So the host may keep listening while no program runs. Thread-safe.
/// </summary>
public sealed unsafe class ConnectionQueue : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<HandedConnection> _connections = [];
    private int _descriptor; // of an eventfd, readable while there is something to take
    private int _pending;
    private long _handed;

    /// <summary>Creates the queue.</summary>
    /// <param name="address">The address that the program will bind.</param>
    /// <param name="port">The port.</param>
    public ConnectionQueue(IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(address);
        Address = new byte[HostListener.AddressSize];
        fixed (byte* a = Address)
        {
            HostListener.Write(a, address, port);
        }

        _descriptor = Libc.eventfd(0, Libc.SockNonBlocking | Libc.SockCloseOnExec); // EFD_NONBLOCK and EFD_CLOEXEC have the same values
        if (_descriptor < 0)
        {
            throw new IOException($"no descriptor for connections: {HostErrno.Last()}");
        }
    }

    /// <summary>Connections that were handed over, ever.</summary>
    public long Handed => Volatile.Read(ref _handed);

    /// <summary>Connections that the program has not accepted yet: they are here, or their first request is not complete.</summary>
    public int Pending => Volatile.Read(ref _pending);

    /// <summary>Its descriptor of the host, to be polled and never read or listened on.</summary>
    internal int Descriptor => _descriptor;

    /// <summary>struct sockaddr_in or sockaddr_in6.</summary>
    internal byte[] Address { get; }

    /// <summary>Hands a connection over.</summary>
    /// <param name="descriptor">Of the host; owned by the queue if the result is true.</param>
    /// <param name="handover">What the host has read from it already, and the like; owned as the descriptor is. Null for nothing.</param>
    /// <returns>False when nobody will take it any more.</returns>
    public bool Hand(int descriptor, Handover? handover = null)
    {
        lock (_lock)
        {
            if (_descriptor < 0)
            {
                return false;
            }

            int flags = Libc.fcntl(descriptor, Libc.GetStatusFlags, 0);
            _ = Libc.fcntl(descriptor, Libc.SetStatusFlags, flags | Libc.SockNonBlocking);
            _connections.Enqueue(new HandedConnection(descriptor, handover));
            Interlocked.Increment(ref _pending);
            Interlocked.Increment(ref _handed);
            long one = 1;
            _ = Libc.write(_descriptor, &one, sizeof(long));
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            while (_connections.TryDequeue(out var left))
            {
                _ = Libc.close(left.Descriptor);
                left.Handover?.Dispose();
                Taken();
            }

            if (_descriptor >= 0)
            {
                _ = Libc.close(_descriptor);
                _descriptor = -1;
            }
        }
    }

    /// <summary>As accept4(2), never blocking.</summary>
    /// <param name="address">Where the client's address goes.</param>
    /// <param name="length">Room there, and the size it has.</param>
    /// <param name="handover">What the host has done with it, or null; the caller's.</param>
    /// <returns>A host descriptor, which the caller owns, or -1 when there is none.</returns>
    internal int TryTake(byte* address, int* length, out Handover? handover)
    {
        lock (_lock)
        {
            handover = null;
            if (!_connections.TryDequeue(out var connection))
            {
                return -1;
            }

            if (_connections.Count == 0)
            {
                long count;
                _ = Libc.read(_descriptor, &count, sizeof(long));
            }

            handover = connection.Handover;
            if (Libc.getpeername(connection.Descriptor, address, length) != 0)
            {
                *length = 0; // it is gone already, which the program will see
            }

            return connection.Descriptor;
        }
    }

    /// <summary>A connection is the program's, or closed.</summary>
    internal void Taken() => Interlocked.Decrement(ref _pending);

    private sealed record HandedConnection(int Descriptor, Handover? Handover);
}
