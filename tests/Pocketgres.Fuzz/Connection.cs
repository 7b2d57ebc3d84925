using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pocketgres.Fuzz;

/// <summary>A server to attack.</summary>
/// <param name="Port">Its port on 127.0.0.1.</param>
/// <param name="Pid">Its process when it is to be watched, else 0.</param>
sealed record Target(int Port, int Pid = 0);

/// <summary>A connection that speaks no more of the protocol than the fuzzer needs, so that nothing it sends is made right by a driver.</summary>
sealed class Connection : IDisposable
{
    readonly Socket _socket;
    readonly byte[] _buffer = new byte[65536];
    int _start, _end;

    Connection(Socket socket) => _socket = socket;

    public int BackendPid { get; private set; }

    public int BackendKey { get; private set; }

    public static async Task<Connection> OpenAsync(Target target, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, target.Port, cancellation);
            return new Connection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A session of a user, ready for queries.</summary>
    /// <exception cref="IOException">The server refused; the message is the SQLSTATE.</exception>
    public static async Task<Connection> LoginAsync(Target target, string user, CancellationToken cancellation)
    {
        var connection = await OpenAsync(target, cancellation);
        await connection.SendAsync(Messages.Startup(Messages.Protocol, "user", user, "database", "postgres"), cancellation);
        string state = await connection.ReadResultAsync(cancellation);
        if (state == Success)
        {
            return connection;
        }

        connection.Dispose();
        throw new IOException(state);
    }

    public const string Success = "00000", Lost = "lost";

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancellation)..];
        }
    }

    public void FinishSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Runs a simple query and tells the SQLSTATE of its first error, <see cref="Success"/>, or <see cref="Lost"/>.</summary>
    public async Task<string> QueryAsync(string sql, CancellationToken cancellation)
    {
        try
        {
            await SendAsync(Messages.Query(sql), cancellation);
            return await ReadResultAsync(cancellation);
        }
        catch (SocketException)
        {
            return Lost;
        }
    }

    /// <summary>The first column of the rows of a query, as text.</summary>
    public async Task<List<string?[]>> RowsAsync(string sql, CancellationToken cancellation)
    {
        var rows = new List<string?[]>();
        await SendAsync(Messages.Query(sql), cancellation);
        string state = await ReadResultAsync(cancellation, rows);
        return state == Success ? rows : throw new IOException($"{state}: {sql}");
    }

    /// <summary>Reads what comes until the other end closes; tells the SQLSTATEs in it, as far as it is the protocol.</summary>
    public async Task<HashSet<string>> DrainAsync(CancellationToken cancellation)
    {
        var states = new HashSet<string>();
        try
        {
            while (await MessageAsync(cancellation) is (var tag, { } body))
            {
                if (tag == 'E')
                {
                    states.Add(StateOf(body));
                }
            }
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }

        return states;
    }

    public void Dispose() => _socket.Dispose();

    async Task<string> ReadResultAsync(CancellationToken cancellation, List<string?[]>? rows = null)
    {
        string state = Success;
        try
        {
            while (await MessageAsync(cancellation) is (var tag, { } body))
            {
                switch (tag)
                {
                    case 'E':
                        state = state == Success ? StateOf(body) : state;
                        break;
                    case 'K':
                        BackendPid = BinaryPrimitives.ReadInt32BigEndian(body);
                        BackendKey = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(4));
                        break;
                    case 'G':
                        await SendAsync(Messages.Tagged('f', Messages.Text("the fuzzer has nothing to copy")), cancellation);
                        break;
                    case 'D':
                        rows?.Add(Columns(body));
                        break;
                    case 'Z':
                        return state;
                }
            }
        }
        catch (SocketException)
        {
            // As if it had been closed.
        }

        return state == Success ? Lost : state;
    }

    async Task<(char Tag, byte[]? Body)> MessageAsync(CancellationToken cancellation)
    {
        if (!await FillAsync(5, cancellation))
        {
            return ('\0', null);
        }

        char tag = (char)_buffer[_start];
        int length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + 1)) - 4;
        if (length < 0 || tag is < 'A' or > 'z')
        {
            // One byte as the answer to a request for encryption, or an error of protocol 2.
            _start++;
            return ('\0', []);
        }

        _start += 5;
        byte[] body = new byte[Math.Min(length, 1 << 20)];
        for (int done = 0; done < length;)
        {
            if (!await FillAsync(1, cancellation))
            {
                return ('\0', null);
            }

            int n = Math.Min(length - done, _end - _start);
            if (done < body.Length)
            {
                Array.Copy(_buffer, _start, body, done, Math.Min(n, body.Length - done));
            }

            done += n;
            _start += n;
        }

        return (tag, body);
    }

    async Task<bool> FillAsync(int count, CancellationToken cancellation)
    {
        while (_end - _start < count)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            int n = await _socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None, cancellation);
            if (n == 0)
            {
                return false;
            }

            _end += n;
        }

        return true;
    }

    static string StateOf(byte[] body)
    {
        foreach (string field in Encoding.Latin1.GetString(body).Split('\0'))
        {
            if (field.StartsWith('C'))
            {
                return field[1..];
            }
        }

        return "?????";
    }

    static string?[] Columns(byte[] body)
    {
        var columns = new string?[BinaryPrimitives.ReadInt16BigEndian(body)];
        int at = 2;
        for (int i = 0; i < columns.Length; i++)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at));
            at += 4;
            if (length >= 0)
            {
                columns[i] = Encoding.UTF8.GetString(body, at, length);
                at += length;
            }
        }

        return columns;
    }
}
