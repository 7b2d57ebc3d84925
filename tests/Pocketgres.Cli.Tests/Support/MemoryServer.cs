using Npgsql;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests.Support;

/// <summary>A server in memory for the tests of a class, with a database for each.</summary>
public sealed class MemoryServer : IAsyncLifetime
{
    private PostgresServer? _server;
    private int _databases;

    public async Task InitializeAsync() => _server = await PostgresServer.StartAsync(new ServerOptions
    {
        Port = 0,
        Settings = new Dictionary<string, string> { ["wal_level"] = "logical", ["fsync"] = "off" },
    });

    public async Task DisposeAsync()
    {
        await _server!.StopAsync(TimeSpan.FromSeconds(10));
        await _server.DisposeAsync();
    }

    /// <summary>The URL of a new, empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        string name = $"test{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync(_server!.ConnectionUrl, $"CREATE DATABASE {name}");
        return _server.ConnectionUrl[..(_server.ConnectionUrl.LastIndexOf('/') + 1)] + name;
    }

    internal static async Task<NpgsqlConnection> OpenAsync(string url)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionUri.Parse(url).ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    internal static async Task ExecuteAsync(string url, string sql)
    {
        await using var connection = await OpenAsync(url);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The values of the first column.</summary>
    internal static async Task<List<string>> QueryAsync(string url, string sql)
    {
        await using var connection = await OpenAsync(url);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var values = new List<string>();
        while (await reader.ReadAsync())
        {
            values.Add(await reader.IsDBNullAsync(0) ? "" : Convert.ToString(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture)!);
        }

        return values;
    }
}
