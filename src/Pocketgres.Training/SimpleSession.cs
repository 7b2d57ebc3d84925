using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Pocketgres.Training;

/// <summary>A session that speaks the simple query protocol (message Q), which Npgsql never uses for statements and psql, pgbench and many drivers always do.</summary>
internal sealed class SimpleSession : IDisposable
{
    private const int ProtocolVersion = 196608; // 3.0
    private const int HeaderLength = 5; // type, int32 length that counts itself

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly NetworkStream _stream;
    private byte[] _body = new byte[8192];

    public SimpleSession(string directory, int port)
    {
        _socket.Connect(new UnixDomainSocketEndPoint(Path.Combine(directory, $".s.PGSQL.{port}")));
        _stream = new NetworkStream(_socket);
        byte[] parameters = "user\0postgres\0database\0postgres\0\0"u8.ToArray();
        var message = new byte[8 + parameters.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), ProtocolVersion);
        parameters.CopyTo(message, 8);
        _stream.Write(message);
        AwaitReady();
    }

    /// <summary>Runs one or more statements and reads all they return.</summary>
    /// <exception cref="InvalidOperationException">The server refused one of them.</exception>
    public void Query(string sql)
    {
        byte[] text = Encoding.UTF8.GetBytes(sql);
        Send((byte)'Q', [.. text, 0]);
        AwaitReady(sql);
    }

    /// <summary>Runs statements of which one fails.</summary>
    /// <exception cref="InvalidOperationException">None did.</exception>
    public void QueryThatFails(string sql)
    {
        try
        {
            Query(sql);
        }
        catch (InvalidOperationException)
        {
            return;
        }

        throw new InvalidOperationException($"the server accepted: {sql}");
    }

    public void Dispose()
    {
        Send((byte)'X', []);
        _stream.Dispose();
        _socket.Dispose();
    }

    private void Send(byte type, ReadOnlySpan<byte> body)
    {
        var message = new byte[HeaderLength + body.Length];
        message[0] = type;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        body.CopyTo(message.AsSpan(HeaderLength));
        _stream.Write(message);
    }

    private void AwaitReady(string? sql = null)
    {
        string? error = null;
        Span<byte> header = stackalloc byte[HeaderLength];
        while (true)
        {
            _stream.ReadExactly(header);
            int length = BinaryPrimitives.ReadInt32BigEndian(header[1..]) - 4;
            if (length > _body.Length)
            {
                _body = new byte[length];
            }

            _stream.ReadExactly(_body, 0, length);
            switch (header[0])
            {
                case (byte)'E':
                    error = Encoding.UTF8.GetString(_body, 0, length).Replace('\0', ' ');
                    break;
                case (byte)'Z' when error is null:
                    return;
                case (byte)'Z':
                    throw new InvalidOperationException($"{error} ({sql ?? "start of a session"})");
            }
        }
    }
}
