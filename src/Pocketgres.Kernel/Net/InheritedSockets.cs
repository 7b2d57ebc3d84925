using System.Net;
using System.Net.Sockets;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// Listening sockets that the host bound before the program started ("socket activation"): bind(2) to the same address takes the
/// host's socket instead of a new one. So a port chosen by the system is known, and a busy one reported, before the program runs.
/// </summary>
public sealed class InheritedSockets : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<(IPEndPoint Address, Socket Socket)> _sockets = [];

    /// <summary>Gives a bound TCP socket to the kernel, which closes it with the last descriptor on it.</summary>
    public void Add(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        lock (_lock)
        {
            _sockets.Add(((IPEndPoint)socket.LocalEndPoint!, socket));
        }
    }

    /// <summary>A duplicate of the host's descriptor bound to this address, or -1. The socket is non-blocking from then on.</summary>
    internal int Take(IPEndPoint address)
    {
        lock (_lock)
        {
            int i = _sockets.FindIndex(s => s.Address.Equals(address));
            if (i < 0)
            {
                return -1;
            }

            // A blocking accept of a connection that vanished after poll had reported it would wait with the global lock held.
            int fd = Libc.fcntl((int)_sockets[i].Socket.Handle, Libc.DuplicateCloseOnExec, 0);
            int flags = fd < 0 ? -1 : Libc.fcntl(fd, Libc.GetStatusFlags, 0);
            if (flags >= 0)
            {
                _ = Libc.fcntl(fd, Libc.SetStatusFlags, flags | Libc.SockNonBlocking);
            }

            return fd;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _sockets.ForEach(s => s.Socket.Dispose());
            _sockets.Clear();
        }
    }
}
