using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using Pocketgres.Engine;

namespace Pocketgres.Bench.Clone;

/// <summary>Connections and measurements.</summary>
internal static class Clients
{
    public static async Task<NpgsqlConnection> OpenAsync(PostgresCluster cluster)
    {
        string host = cluster.UnixSocketDirectory ?? cluster.ListenAddress!.ToString();
        var connection = new NpgsqlConnection($"Host={host};Port={cluster.Port};Username=postgres;Database=postgres;Pooling=false;Server Compatibility Mode=NoTypeLoading");
        await connection.OpenAsync();
        return connection;
    }

    public static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public static string Summary(List<double> milliseconds)
    {
        var sorted = milliseconds.Order().ToList();
        return string.Create(CultureInfo.InvariantCulture, $"median {sorted[sorted.Count / 2]:0.00} p90 {sorted[sorted.Count * 9 / 10]:0.00} max {sorted[^1]:0.00} ms");
    }

    /// <summary>Private memory of this process (RssAnon and memory files in use, from the kernel's sums over all mappings), mappings, threads.</summary>
    public static (double Private, int Mappings, int Threads) Usage()
    {
        double kilobytes = File.ReadLines("/proc/self/smaps_rollup")
            .Where(l => l.StartsWith("Pss:", StringComparison.Ordinal))
            .Sum(l => double.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        double pageTables = File.ReadLines("/proc/self/status").Where(l => l.StartsWith("VmPTE:", StringComparison.Ordinal))
            .Sum(l => double.Parse(l.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        return ((kilobytes + pageTables) * 1024, File.ReadLines("/proc/self/maps").Count(), Directory.GetDirectories("/proc/self/task").Length);
    }
}

/// <summary>A session in the simple query protocol, without a driver.</summary>
internal sealed class RawSession : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[16384];

    private RawSession(Socket socket) => _socket = socket;

    public static RawSession Open(PostgresCluster cluster)
    {
        Socket socket;
        if (cluster.UnixSocketDirectory is { } directory)
        {
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint($"{directory}/.s.PGSQL.{cluster.Port}"));
        }
        else
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(new IPEndPoint(cluster.ListenAddress!, cluster.Port));
        }

        var session = new RawSession(socket);
        byte[] parameters = Encoding.ASCII.GetBytes("user\0postgres\0database\0postgres\0\0");
        byte[] message = new byte[8 + parameters.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), 3 << 16);
        parameters.CopyTo(message, 8);
        socket.Send(message);
        session.WaitForReady();
        return session;
    }

    public void Query(string sql)
    {
        byte[] message = new byte[6 + sql.Length];
        message[0] = (byte)'Q';
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        Encoding.ASCII.GetBytes(sql, message.AsSpan(5));
        _socket.Send(message);
        WaitForReady();
    }

    public void Dispose() => _socket.Dispose();

    private void WaitForReady()
    {
        int have = 0;
        while (true)
        {
            int n = _socket.Receive(_buffer, have, _buffer.Length - have, SocketFlags.None);
            have += n;
            int at = 0;
            while (have - at >= 5)
            {
                int length = 1 + BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(at + 1));
                if (have - at < length)
                {
                    break;
                }

                if (_buffer[at] == 'E')
                {
                    throw new InvalidOperationException(Encoding.UTF8.GetString(_buffer, at, length));
                }

                if (_buffer[at] == 'Z')
                {
                    return;
                }

                at += length;
            }

            Buffer.BlockCopy(_buffer, at, _buffer, 0, have - at);
            have -= at;
            if (n == 0)
            {
                throw new EndOfStreamException();
            }
        }
    }
}
