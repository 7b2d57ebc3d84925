using System.Net;
using Npgsql;

namespace Pocketgres.Engine.Tests;

/// <summary>Snapshots of running clusters and the clones made from them.</summary>
public sealed class CloneTests
{
    [Fact]
    public async Task A_clone_has_the_data_and_goes_its_own_way()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select g as v from generate_series(1, 1000) g");
        using var snapshot = await source.SnapshotAsync();
        Assert.True(snapshot.HasMemory, snapshot.Limitation);
        await using var clone = await CloneAsync(snapshot);
        Assert.Equal("1000", await QueryAsync(clone, "select count(*)::text from t"));
    }

    [Fact]
    public async Task An_idle_session_of_the_source_is_not_in_the_clone()
    {
        await using var source = await StartAsync();
        await using var idle = new NpgsqlConnection(ConnectionString(source));
        await idle.OpenAsync();
        using var snapshot = await source.SnapshotAsync();
        Assert.True(snapshot.HasMemory, snapshot.Limitation);
        await using var clone = await CloneAsync(snapshot);
        Assert.Equal("1", await QueryAsync(clone, "select count(*)::text from pg_stat_activity where backend_type = 'client backend'"));
    }

    internal static Task<PostgresCluster> StartAsync() => PostgresCluster.StartAsync(new ClusterOptions { Port = 0 });

    internal static Task<PostgresCluster> CloneAsync(ClusterSnapshot snapshot) => PostgresCluster.StartCloneAsync(snapshot, new ClusterOptions { Port = 0 });

    internal static string ConnectionString(PostgresCluster cluster) =>
        $"Host={IPAddress.Loopback};Port={cluster.Port};Username=postgres;Database=postgres;Pooling=false;Timeout=30;Command Timeout=60";

    internal static async Task ExecuteAsync(PostgresCluster cluster, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(cluster));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    internal static async Task<string> QueryAsync(PostgresCluster cluster, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(cluster));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
