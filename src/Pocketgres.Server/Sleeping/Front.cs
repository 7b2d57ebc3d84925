using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Engine;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Server.Sleeping;

/// <summary>The listening sockets of a process whose clusters sleep and wake: TCP, a Unix socket, or both. Connections are given to a handler as they come.</summary>
internal sealed class Front : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private static readonly TimeSpan s_pauseWithoutDescriptors = TimeSpan.FromMilliseconds(50);

    private readonly List<Socket> _listeners = [];
    private readonly CancellationTokenSource _stop = new();
    private string? _socketPath;

    private Front(int port) => Port = port;

    /// <summary>The port, also when the system chose it.</summary>
    public int Port { get; private set; }

    /// <summary>Listens; nobody is accepted before <see cref="Start"/>.</summary>
    /// <param name="address">Address for TCP, or null.</param>
    /// <param name="port">Port; 0 for a free one.</param>
    /// <param name="socketDirectory">Directory for the Unix socket, which only this user may use; null for none.</param>
    /// <exception cref="ClusterException">The address is taken or cannot be used.</exception>
    public static Front Open(IPAddress? address, int port, string? socketDirectory)
    {
        var front = new Front(port);
        try
        {
            if (address is not null)
            {
                front.ListenTcp(address);
            }

            if (socketDirectory is not null)
            {
                front.ListenUnix(ConnectionAddress.UnixSocketPath(Path.GetFullPath(socketDirectory), front.Port));
            }

            return front;
        }
        catch (SocketException e)
        {
            front.Dispose();
            throw new ClusterException(e.SocketErrorCode == SocketError.AddressAlreadyInUse ? ClusterError.PortInUse : ClusterError.AddressUnavailable,
                string.Create(CultureInfo.InvariantCulture, $"cannot listen on port {port}{(address is null ? "" : $" of {address}")}: {e.Message}; choose another one (--port 0 picks a free one)"), e);
        }
        catch
        {
            front.Dispose();
            throw;
        }
    }

    /// <summary>Begins to accept.</summary>
    /// <param name="handler">Gets each connection, which is its own from then on; on threads of the pool, must be quick.</param>
    public void Start(Action<Socket> handler)
    {
        foreach (var listener in _listeners)
        {
            _ = AcceptAsync(listener, handler);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        _stop.Cancel();
        _listeners.ForEach(l => l.Dispose());
        if (_socketPath is not null)
        {
            File.Delete(_socketPath);
        }
    }

    private void ListenTcp(IPAddress address)
    {
        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listeners.Add(listener);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            listener.DualMode = false; // as Postgres' own sockets
        }

        listener.Bind(new IPEndPoint(address, Port));
        listener.Listen(HostListener.Backlog);
        Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    // Whether another server answers there was looked at before (AddressCheck): what is left is of one that was killed.
    private void ListenUnix(string path)
    {
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listeners.Add(listener);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        _socketPath = path;
        File.SetUnixFileMode(path, OwnerOnly);
        listener.Listen(HostListener.Backlog);
    }

    private async Task AcceptAsync(Socket listener, Action<Socket> handler)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                handler(await listener.AcceptAsync(_stop.Token).ConfigureAwait(false));
            }
            catch (SocketException) when (!_stop.IsCancellationRequested)
            {
                await Task.Delay(s_pauseWithoutDescriptors).ConfigureAwait(false); // no descriptors, or a client that was gone at once
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }
}
