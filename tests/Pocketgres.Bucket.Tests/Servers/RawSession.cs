using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A connection over TLS whose messages a test writes itself.</summary>
sealed class RawSession : IAsyncDisposable
{
    const int CancelCode = 80877102;

    readonly TcpClient _client = new();

    SslStream _stream = null!;

    /// <summary>SHA-256 of the server's certificate.</summary>
    public string Thumbprint { get; private set; } = "";

    /// <summary>What a request to cancel names.</summary>
    public (int Process, int Secret) Key { get; private set; }

    /// <param name="port">The host's.</param>
    /// <param name="name">The name to ask for; empty for none.</param>
    /// <param name="isDirect">Without an SSLRequest.</param>
    /// <param name="protocol">The protocol to name; null for none.</param>
    public static async Task<RawSession> OpenAsync(int port, string name, bool isDirect = false, string? protocol = "postgresql")
    {
        var session = new RawSession();
        try
        {
            await session._client.ConnectAsync(TestServer.Host, port);
            if (!isDirect)
            {
                await session._client.GetStream().WriteAsync(RawTls.SslRequest);
                Assert.Equal('S', session._client.GetStream().ReadByte());
            }

            session._stream = new SslStream(session._client.GetStream(), false,
                (_, certificate, _, _) => (session.Thumbprint = certificate!.GetCertHashString(HashAlgorithmName.SHA256)).Length > 0);
            await session._stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = name, ApplicationProtocols = protocol is null ? null : [new SslApplicationProtocol(protocol)],
            });
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a startup packet, and what else is to go with it.</summary>
    public async Task StartAsync(string database, byte[]? more = null)
    {
        byte[] body = [0, 3, 0, 0, .. "user\0postgres\0database\0"u8, .. Encoding.UTF8.GetBytes(database), 0, 0];
        await _stream.WriteAsync((byte[])[.. Number(body.Length + 4), .. body, .. more ?? []]);
    }

    /// <summary>A simple query.</summary>
    public static byte[] Query(string sql)
    {
        byte[] text = [.. Encoding.UTF8.GetBytes(sql), 0];
        return [(byte)'Q', .. Number(text.Length + 4), .. text];
    }

    /// <summary>Sends bytes.</summary>
    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    /// <summary>Reads messages until the session is ready for the next: their types, with the texts of rows and the SQLSTATEs of errors.</summary>
    public Task<string> ReadAsync() => Wait.ForAsync(ReadMessagesAsync(), "the session's answer");

    async Task<string> ReadMessagesAsync()
    {
        var answer = new StringBuilder();
        byte[] header = new byte[5];
        while (true)
        {
            await _stream.ReadExactlyAsync(header);
            byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - 4];
            await _stream.ReadExactlyAsync(body);
            switch ((char)header[0])
            {
                case 'K':
                    Key = (BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(4)));
                    break;
                case 'D':
                    answer.Append("D:").Append(Encoding.UTF8.GetString(body, 6, body.Length - 6)).Append(' '); // one column
                    break;
                case 'E':
                    string text = Encoding.UTF8.GetString(body);
                    return answer.Append("E:").Append(text.Split('\0').First(f => f.StartsWith('C'))[1..]).ToString();
                case 'Z':
                    return answer.ToString().TrimEnd();
            }
        }
    }

    /// <summary>Sends a request to cancel and waits for the end that says that it is done.</summary>
    public async Task CancelAsync((int Process, int Secret) key)
    {
        await _stream.WriteAsync((byte[])[.. Number(16), .. Number(CancelCode), .. Number(key.Process), .. Number(key.Secret)]);
        await EndsAsync();
    }

    /// <summary>Waits for the server's end, before which nothing more comes.</summary>
    public async Task EndsAsync() => Assert.Equal(0, await Wait.ForAsync(_stream.ReadAsync(new byte[1]).AsTask(), "the end of the connection"));

    public async ValueTask DisposeAsync()
    {
        if (_stream is not null)
        {
            await _stream.DisposeAsync();
        }

        _client.Dispose();
    }

    static byte[] Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
