using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace Pocketgres.ObjectStore.Transport;

/// <summary>A connection of HTTP/1.1 that sends one request after the other. One at a time.</summary>
internal sealed class HttpConnection : IDisposable
{
    private const int SmallBody = 16 << 10;
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(5);
    private readonly Socket _socket;
    private readonly Stream _stream;

    private HttpConnection(Socket socket, Stream stream)
    {
        _socket = socket;
        _stream = stream;
    }

    /// <summary>Whether another request may follow the last one.</summary>
    public bool IsReusable { get; private set; } = true;

    /// <summary>Whether nothing came since the last answer, not even the end.</summary>
    public bool IsQuiet => !_socket.Poll(0, SelectMode.SelectRead);

    /// <summary>When it was made or an answer came, in milliseconds as <see cref="Environment.TickCount64"/>.</summary>
    public long LastUsed { get; private set; } = Environment.TickCount64;

    /// <summary>Connects, with TLS if the scheme says so.</summary>
    /// <exception cref="IOException">It cannot be made within 5 s, or the certificate is not good.</exception>
    public static async Task<HttpConnection> OpenAsync(HttpOrigin origin)
    {
        using var patience = new CancellationTokenSource(s_connectTimeout);
        Socket? socket = null;
        Stream? stream = null;
        try
        {
            // A socket for both kinds of address cannot be asked for one where IPv6 is off.
            var address = origin.Address;
            socket = address is null ? new Socket(SocketType.Stream, ProtocolType.Tcp) : new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.NoDelay = true;
            EndPoint target = address is null ? new DnsEndPoint(origin.Host, origin.Port) : new IPEndPoint(address, origin.Port);
            await socket.ConnectAsync(target, patience.Token).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (origin.IsEncrypted)
            {
                stream = await EncryptAsync(stream, origin.Host, patience.Token).ConfigureAwait(false);
            }

            return new HttpConnection(socket, stream);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            socket?.Dispose();
            throw e switch
            {
                SocketException or AuthenticationException => new IOException(e.Message, e),
                OperationCanceledException => new IOException($"no connection within {s_connectTimeout.TotalSeconds:0} s", e),
                _ => e,
            };
        }
    }

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="patience">Cancels; begins anew once the answer has begun.</param>
    /// <param name="timeout">How long it is then.</param>
    /// <exception cref="IOException">The connection is lost, or what comes is not an answer.</exception>
    public async Task<StoreResponse> SendAsync(StoreRequest request, CancellationTokenSource patience, TimeSpan timeout)
    {
        IsReusable = false;
        bool isSmall = request.Body.Length <= SmallBody;
        byte[] bytes = Encode(request, withBody: isSmall);
        Task<Exception?>? writing = null;
        if (isSmall)
        {
            await _stream.WriteAsync(bytes, patience.Token).ConfigureAwait(false);
        }
        else
        {
            // Who refuses a request may do so, and close, before its body has come.
            writing = WriteAsync(bytes, request.Body, patience.Token);
        }

        var answer = new HttpAnswer();
        bool isBegun = false;
        while (!answer.Take(await _stream.ReadAsync(answer.Room, patience.Token).ConfigureAwait(false)))
        {
            if (!isBegun && answer.Response is not null)
            {
                isBegun = true;
                patience.CancelAfter(timeout);
            }
        }

        var response = answer.Response!;
        if (writing is not null && response.IsSuccess && await writing.ConfigureAwait(false) is { } failed)
        {
            throw new IOException(failed.Message, failed);
        }

        IsReusable = answer.IsPersistent && (writing is null || (writing.IsCompleted && await writing.ConfigureAwait(false) is null));
        LastUsed = Environment.TickCount64;
        return response;
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    // Of its own, so that others do not load what it needs.
    private static async Task<Stream> EncryptAsync(Stream stream, string host, CancellationToken cancellationToken)
    {
        var encrypted = new SslStream(stream);
        await encrypted.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host }, cancellationToken).ConfigureAwait(false);
        return encrypted;
    }

    // In one packet, and one record of TLS, with what is not large.
    private static byte[] Encode(StoreRequest request, bool withBody)
    {
        var head = new StringBuilder(1024).Append(request.Method).Append(' ').Append(request.Target).Append(" HTTP/1.1\r\n");
        foreach (var (name, value) in request.Headers)
        {
            if (value.AsSpan().ContainsAny('\r', '\n'))
            {
                throw new IOException($"the value of {name} would have a line break: see whether one is in the credentials");
            }

            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (request.Method == "PUT")
        {
            head.Append("content-length: ").Append(request.Body.Length.ToString(CultureInfo.InvariantCulture)).Append("\r\n");
        }

        string text = head.Append("\r\n").ToString();
        int length = Encoding.UTF8.GetByteCount(text);
        byte[] bytes = new byte[length + (withBody ? request.Body.Length : 0)];
        Encoding.UTF8.GetBytes(text, bytes);
        if (withBody)
        {
            request.Body.Span.CopyTo(bytes.AsSpan(length));
        }

        return bytes;
    }

    // Returns why it failed: who does not wait for it any more need not know.
    private async Task<Exception?> WriteAsync(byte[] head, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        try
        {
            await _stream.WriteAsync(head, cancellationToken).ConfigureAwait(false);
            await _stream.WriteAsync(body, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            return e;
        }
    }
}
