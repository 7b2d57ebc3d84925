using System.Collections.Concurrent;
using Pocketgres.Engine;
using Pocketgres.Engine.Logging;
using Pocketgres.Kernel.Files;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>A cluster in this process, on a file system of the test's.</summary>
sealed class EmbeddedServer : IAsyncDisposable
{
    /// <summary>Small caches and short intervals: much I/O in little time.</summary>
    static readonly Dictionary<string, string> s_settings = new()
    {
        ["shared_buffers"] = "1MB",
        ["max_wal_size"] = "48MB",
        ["min_wal_size"] = "32MB",
        ["bgwriter_delay"] = "10ms",
        ["wal_writer_delay"] = "10ms",
        ["autovacuum_naptime"] = "1s",
        ["max_connections"] = "20",
        ["log_min_messages"] = "warning",
        ["restart_after_crash"] = "on",
    };

    readonly PostgresCluster _cluster;

    EmbeddedServer(PostgresCluster cluster) => _cluster = cluster;

    public ConcurrentQueue<ServerLogEntry> Log { get; } = new();

    public PostgresCluster Cluster => _cluster;

    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = _cluster.Port,
        Username = "postgres",
        Database = "postgres",
        Pooling = false,
        Timeout = 300, // not a measure of anything: the machine may stand still for a minute
        CommandTimeout = 300,
        CancellationTimeout = -1,
        SslMode = SslMode.Disable,
    }.ConnectionString;

    public string LogTail => string.Join('\n', Log.Where(e => e.SqlState != "57P03").TakeLast(40));

    public static async Task<EmbeddedServer> StartAsync(IFileSystem files, params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string>(s_settings);
        foreach ((string name, string value) in settings)
        {
            all[name] = value;
        }

        return await StartAsync(new ClusterOptions { DataFileSystem = files, Port = 0, Settings = all, StartTimeout = TimeSpan.FromMinutes(5) });
    }

    public static async Task<EmbeddedServer> StartAsync(ClusterOptions options)
    {
        var server = new EmbeddedServer(await PostgresCluster.StartAsync(options));
        server._cluster.LogWritten += server.Log.Enqueue;
        return server;
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(ConnectionString);
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until the server has recovered from a PANIC whose message has these words.</summary>
    public async Task RecoveredAsync(string words)
    {
        await Wait.UntilAsync(() => Log.Any(l => l.Severity == "PANIC" && l.Message.Contains(words, StringComparison.Ordinal)), "PANIC: " + words);

        // Not only a session: the postmaster lets clients in until it learns of the crash.
        await Wait.UntilAsync(() => Log.Any(l => l.Message.Contains("automatic recovery in progress", StringComparison.Ordinal)), "the server recovers");
        await Wait.UntilAsync(async () =>
        {
            try
            {
                await using NpgsqlConnection session = await OpenAsync();
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }, "the server has recovered");
    }

    /// <summary>As SIGKILL.</summary>
    public Task KillAsync() => _cluster.KillAsync();

    /// <summary>A fast shutdown, harder when it takes too long, as a server with a broken disk may.</summary>
    public async Task StopSomehowAsync()
    {
        try
        {
            await _cluster.StopAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
        catch (TimeoutException)
        {
            await KillAsync();
        }
    }

    public async ValueTask DisposeAsync() => await KillAsync();
}
