using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A session of the simple query protocol, which psql and many drivers use and Npgsql does not.</summary>
sealed class SimpleQueryClient : IAsyncDisposable
{
    readonly TcpClient _socket = new();
    NetworkStream _stream = null!;

    /// <summary>Texts of the notices that have come.</summary>
    public List<string> Notices { get; } = [];

    public static async Task<SimpleQueryClient> OpenAsync(TestServer server)
    {
        var client = new SimpleQueryClient();
        await client._socket.ConnectAsync(TestServer.Host, server.Port);
        client._stream = client._socket.GetStream();
        byte[] body = [0, 3, 0, 0, .. "user\0postgres\0database\0postgres\0\0"u8];
        await client.SendAsync(null, body);
        Assert.Equal("", await client.ReadAsync());
        return client;
    }

    /// <summary>
    /// Sends a query; its answer is, of each statement, the columns' names and types, the rows after | each, the command tag after /, and ; at the end;
    /// or the SQLSTATE, the text and the position of the error.
    /// </summary>
    public async Task<string> QueryAsync(string sql)
    {
        await SendAsync('Q', [.. Encoding.UTF8.GetBytes(sql), 0]);
        return await ReadAsync();
    }

    /// <summary>Sends messages of the extended protocol, each its type and its body, and Sync; the answer is as that of a query.</summary>
    public async Task<string> SendAsync(params (char Type, string Body)[] messages)
    {
        foreach (var (type, body) in messages)
        {
            await SendAsync(type, Encoding.UTF8.GetBytes(body));
        }

        await SendAsync('S', []);
        return await ReadAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await SendAsync('X', []);
        _socket.Dispose();
    }

    async Task SendAsync(char? type, byte[] body)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, body.Length + 4);
        byte[] message = [.. type is { } t ? [(byte)t] : Array.Empty<byte>(), .. length, .. body];
        await _stream.WriteAsync(message);
    }

    // To ReadyForQuery.
    async Task<string> ReadAsync()
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
                case 'T':
                    answer.AppendJoin(',', Columns(body));
                    break;
                case 'D':
                    answer.Append('|').AppendJoin(',', Values(body));
                    break;
                case 'C':
                    answer.Append('/').Append(Encoding.UTF8.GetString(body.AsSpan()[..^1])).Append(';');
                    break;
                case 'E':
                    var error = Fields(body);
                    answer.Append($"{error['C']} {error['M']} at {error.GetValueOrDefault('P', "0")}");
                    break;
                case 'N':
                    Dictionary<char, string> notice = Fields(body);
                    Notices.Add(notice['M'] + (notice.TryGetValue('D', out string? detail) ? " " + detail : ""));
                    break;
                case 'Z':
                    return answer.ToString();
            }
        }
    }

    static IEnumerable<string> Columns(byte[] body)
    {
        int at = 2;
        for (int i = BinaryPrimitives.ReadInt16BigEndian(body); i > 0; i--)
        {
            int end = Array.IndexOf(body, (byte)0, at);
            yield return $"{Encoding.UTF8.GetString(body, at, end - at)}:{BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(end + 7))}";
            at = end + 19;
        }
    }

    static IEnumerable<string> Values(byte[] body)
    {
        int at = 2;
        for (int i = BinaryPrimitives.ReadInt16BigEndian(body); i > 0; i--)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at));
            at += 4;
            yield return length < 0 ? "null" : Encoding.UTF8.GetString(body, at, length);
            at += Math.Max(length, 0);
        }
    }

    static Dictionary<char, string> Fields(byte[] body)
    {
        Dictionary<char, string> fields = [];
        for (int at = 0; body[at] != 0;)
        {
            int end = Array.IndexOf(body, (byte)0, at);
            fields[(char)body[at]] = Encoding.UTF8.GetString(body, at + 1, end - at - 1);
            at = end + 1;
        }

        return fields;
    }
}
