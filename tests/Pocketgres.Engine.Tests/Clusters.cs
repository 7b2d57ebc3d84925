using System.Diagnostics;
using System.Net;
using Npgsql;

namespace Pocketgres.Engine.Tests;

/// <summary>Clusters and clones of them, and what one asks them.</summary>
internal static class Clusters
{
    internal static Task<PostgresCluster> StartAsync() => PostgresCluster.StartAsync(new ClusterOptions { Port = 0 });

    internal static Task<PostgresCluster> CloneAsync(ClusterSnapshot snapshot) => PostgresCluster.StartCloneAsync(snapshot, new ClusterOptions { Port = 0 });

    internal static async Task<PostgresCluster> CloneOfAsync(PostgresCluster source)
    {
        using var snapshot = await source.SnapshotAsync();
        Assert.True(snapshot.HasMemory, snapshot.Limitation);
        return await CloneAsync(snapshot);
    }

    internal static string ConnectionString(PostgresCluster cluster) =>
        $"Host={IPAddress.Loopback};Port={cluster.Port};Username=postgres;Database=postgres;Pooling=false;Timeout=30;Command Timeout=60";

    internal static async Task<NpgsqlConnection> OpenAsync(PostgresCluster cluster)
    {
        var connection = new NpgsqlConnection(ConnectionString(cluster));
        await connection.OpenAsync();
        return connection;
    }

    internal static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    internal static async Task ExecuteAsync(PostgresCluster cluster, params string[] statements)
    {
        await using var connection = await OpenAsync(cluster);
        foreach (string sql in statements)
        {
            await RunAsync(connection, sql);
        }
    }

    internal static async Task<string> QueryAsync(PostgresCluster cluster, string sql)
    {
        await using var connection = await OpenAsync(cluster);
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    internal static Task<string> IdentityAsync(PostgresCluster cluster) => QueryAsync(cluster, "select system_identifier::text from pg_control_system()");

    internal static async Task WaitAsync(PostgresCluster cluster, string sql, string expected)
    {
        string last = "";
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(60); await Task.Delay(10))
        {
            try
            {
                last = await QueryAsync(cluster, sql);
                if (last == expected)
                {
                    return;
                }
            }
            catch (NpgsqlException e)
            {
                last = e.Message; // restarting
            }
        }

        Assert.Fail($"{sql}: expected {expected}, last {last}");
    }
}
