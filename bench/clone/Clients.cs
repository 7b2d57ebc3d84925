using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using Pocketgres.Engine;
using Pocketgres.Training;

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

    /// <summary>A session without a driver.</summary>
    public static SimpleSession OpenRaw(PostgresCluster cluster)
    {
        if (cluster.UnixSocketDirectory is { } directory)
        {
            return SimpleSession.Open(directory, cluster.Port);
        }

        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(new IPEndPoint(cluster.ListenAddress!, cluster.Port));
        return new SimpleSession(socket);
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
