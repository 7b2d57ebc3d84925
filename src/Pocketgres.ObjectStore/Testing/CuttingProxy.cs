using System.Net;
using System.Net.Sockets;

namespace Pocketgres.ObjectStore.Testing;

/// <summary>
/// Stands before a server on loopback and resets connections in the middle of what passes, in both directions, as networks do: a request may then have been
/// executed or not, and an answer is cut anywhere.
/// </summary>
internal sealed class CuttingProxy : IDisposable
{
    private const int BufferSize = 64 << 10;

    private readonly TcpListener _listener;
    private readonly int _server;
    private readonly double _share;
    private readonly Random _random;
    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource _era = new(); // ends with all connections when the network is back
    private bool _isAway;
    private long _lost;

    private CuttingProxy(int port, int server, double share, int seed)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _server = server;
        _share = share;
        _random = new Random(seed);
    }

    /// <summary>TCP port on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether the network is gone: nothing that is sent arrives, and nobody says so. When it is back, the connections of before are reset.</summary>
    public bool IsAway
    {
        get => Volatile.Read(ref _isAway);
        set
        {
            Volatile.Write(ref _isAway, value);
            if (!value)
            {
                using var ended = Interlocked.Exchange(ref _era, new CancellationTokenSource());
                ended.Cancel();
            }
        }
    }

    /// <summary>Bytes that did not arrive because the network was gone.</summary>
    public long Lost => Volatile.Read(ref _lost);

    /// <summary>Starts to listen.</summary>
    /// <param name="port">TCP port on 127.0.0.1; 0 for a free one.</param>
    /// <param name="server">Port of the server.</param>
    /// <param name="share">Of the pieces that pass, each a request or an answer or a part of one, the share in which the connection ends.</param>
    /// <param name="seed">Of chance.</param>
    /// <exception cref="SocketException">The port is taken.</exception>
    public static CuttingProxy Start(int port, int server, double share, int seed)
    {
        var proxy = new CuttingProxy(port, server, share, seed);
        proxy._listener.Start();
        _ = proxy.AcceptAsync();
        return proxy;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _era.Cancel();
        _era.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = RelayAsync(await _listener.AcceptSocketAsync(_stop.Token).ConfigureAwait(false), Volatile.Read(ref _era).Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It ends.
        }
    }

    private async Task RelayAsync(Socket client, CancellationToken stop)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _server, stop).ConfigureAwait(false);
                var ends = new[] { CopyAsync(client, server, stop), CopyAsync(server, client, stop) };
                await (await Task.WhenAny(ends).ConfigureAwait(false)).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // One of them has gone, or was cut off.
            }

            client.LingerState = new LingerOption(true, 0); // a reset, not an end
        }
    }

    private async Task CopyAsync(Socket from, Socket to, CancellationToken stop)
    {
        var buffer = new byte[BufferSize];
        try
        {
            while (await from.ReceiveAsync(buffer, stop).ConfigureAwait(false) is > 0 and var n)
            {
                if (IsAway)
                {
                    Interlocked.Add(ref _lost, n);
                    continue; // nobody will ever answer
                }

                bool isCut = IsCut();
                await to.SendAsync(buffer.AsMemory(0, isCut ? n / 2 : n), stop).ConfigureAwait(false);
                if (isCut)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // As above; the other direction ends with this one.
        }
    }

    private bool IsCut()
    {
        lock (_random)
        {
            return _random.NextDouble() < _share;
        }
    }
}
