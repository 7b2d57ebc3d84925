using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Pocketgres.Bucket.Tests.Stores.Transport;

/// <summary>A server whose every byte the test decides.</summary>
sealed class RawHttpServer : IDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly ConcurrentDictionary<Socket, bool> _open = new();
    readonly Func<string, Stream, Task<bool>> _answer;
    readonly X509Certificate2? _certificate;

    /// <param name="answer">Answers a request, of which it gets the head, on its connection; whether that is for others then.</param>
    /// <param name="certificate">With which it speaks TLS.</param>
    public RawHttpServer(Func<string, Stream, Task<bool>> answer, X509Certificate2? certificate = null)
    {
        (_answer, _certificate) = (answer, certificate);
        _listener.Start(64);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that neither side has closed.</summary>
    public int Open => _open.Count;

    /// <summary>Requests whose heads came.</summary>
    public int Requests { get; private set; }

    public void Dispose()
    {
        _listener.Stop();
        foreach (var socket in _open.Keys)
        {
            socket.Dispose();
        }
    }

    /// <summary>Sends text, and gives the network time to deliver it by itself.</summary>
    public static async Task SendAsync(Stream stream, string text)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
        await stream.FlushAsync();
    }

    /// <summary>Reads the body that a head announces.</summary>
    public static async Task<byte[]> ReadBodyAsync(string head, Stream stream)
    {
        int at = head.IndexOf("content-length: ", StringComparison.OrdinalIgnoreCase);
        var body = new byte[at < 0 ? 0 : int.Parse(head[(at + 16)..].Split('\r')[0], CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body);
        return body;
    }

    /// <summary>Answers as the server at a port does, for whom it is under another name.</summary>
    public static async Task<bool> ForwardAsync(string head, Stream stream, int port)
    {
        byte[] body = await ReadBodyAsync(head, stream);
        using var target = new TcpClient();
        await target.ConnectAsync(IPAddress.Loopback, port);
        string[] lines = [.. head.Split("\r\n").Where(l => !l.StartsWith("host:", StringComparison.OrdinalIgnoreCase))];
        await SendAsync(target.GetStream(), string.Join("\r\n", [lines[0], $"Host: 127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}", "Connection: close", .. lines[1..]]));
        await target.GetStream().WriteAsync(body);
        await target.GetStream().CopyToAsync(stream);
        return false;
    }

    /// <summary>Waits until the client has closed the connection.</summary>
    public static async Task<bool> UntilClosedAsync(Stream stream)
    {
        var bytes = new byte[1000];
        while (await stream.ReadAsync(bytes) > 0)
        {
            // What it sends is not of interest.
        }

        return false;
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is stopped.
        }
    }

    async Task ServeAsync(Socket socket)
    {
        _open.TryAdd(socket, true);
        try
        {
            socket.NoDelay = true;
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (_certificate is not null)
            {
                var encrypted = new SslStream(stream);
                await encrypted.AuthenticateAsServerAsync(_certificate);
                stream = encrypted;
            }

            var head = new List<byte>();
            var one = new byte[1];
            while (await stream.ReadAsync(one) > 0)
            {
                head.Add(one[0]);
                if (head.Count >= 4 && head[^1] == '\n' && head[^3] == '\n')
                {
                    string text = Encoding.Latin1.GetString([.. head]);
                    head.Clear();
                    Requests++;
                    if (!await _answer(text, stream))
                    {
                        return;
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // The client has gone.
        }
        finally
        {
            socket.Dispose();
            _open.TryRemove(socket, out _);
        }
    }
}
