using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Pocketgres.Training;

/// <summary>A session that speaks the simple query protocol (message Q), which Npgsql never uses for statements and psql, pgbench and many drivers always do.</summary>
/// <remarks>bench/clone compiles this file too: its first rows are those of a client without a driver.</remarks>
internal sealed class SimpleSession : IDisposable
{
    private const int ProtocolVersion = 3 << 16;
    private const int HeaderLength = 5; // type, int32 length that counts itself

    private readonly Socket _socket;
    private byte[] _received = new byte[16384];

    /// <summary>Opens a session of the superuser.</summary>
    /// <param name="connected">Ends with the session.</param>
    public SimpleSession(Socket connected)
    {
        _socket = connected;
        byte[] parameters = "user\0postgres\0database\0postgres\0\0"u8.ToArray();
        var message = new byte[8 + parameters.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), ProtocolVersion);
        parameters.CopyTo(message, 8);
        _socket.Send(message);
        AwaitReady("start of a session");
    }

    /// <summary>Opens a session through the server's Unix socket.</summary>
    public static SimpleSession Open(string directory, int port)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Path.Combine(directory, $".s.PGSQL.{port}")));
        return new SimpleSession(socket);
    }

    /// <summary>Runs one or more statements and reads all they return.</summary>
    /// <exception cref="InvalidOperationException">The server refused one of them.</exception>
    public void Query(string sql)
    {
        Send((byte)'Q', [.. Encoding.UTF8.GetBytes(sql), 0]);
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
        _socket.Dispose();
    }

    private void Send(byte type, ReadOnlySpan<byte> body)
    {
        var message = new byte[HeaderLength + body.Length];
        message[0] = type;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        body.CopyTo(message.AsSpan(HeaderLength));
        _socket.Send(message);
    }

    // As few receives as possible: the server sends what belongs to one answer at once.
    private void AwaitReady(string request)
    {
        string? error = null;
        int end = 0;
        while (true)
        {
            int n = _socket.Receive(_received, end, _received.Length - end, SocketFlags.None);
            if (n == 0)
            {
                throw new InvalidOperationException($"the server closed the connection ({error ?? request})");
            }

            end += n;
            int begin = 0, length;
            for (; end - begin >= HeaderLength && end - begin >= (length = LengthAt(begin)); begin += length)
            {
                switch (_received[begin])
                {
                    case (byte)'E':
                        error = Encoding.UTF8.GetString(_received, begin + HeaderLength, length - HeaderLength).Replace('\0', ' ');
                        break;
                    case (byte)'Z' when error is null:
                        return;
                    case (byte)'Z':
                        throw new InvalidOperationException($"{error} ({request})");
                }
            }

            Buffer.BlockCopy(_received, begin, _received, 0, end -= begin);
            if (end == _received.Length)
            {
                Array.Resize(ref _received, 2 * end);
            }
        }
    }

    private int LengthAt(int message) => 1 + BinaryPrimitives.ReadInt32BigEndian(_received.AsSpan(message + 1));
}
