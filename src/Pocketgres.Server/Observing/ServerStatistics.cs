using System.Data;
using System.Diagnostics;
using Npgsql;

namespace Pocketgres.Server.Observing;

/// <summary>
/// A server's statistics, read when somebody asks: by SQL through an ordinary connection as the superuser, and from the process. However many ask, there is one
/// connection at a time. Thread-safe.
/// </summary>
public sealed class ServerStatistics
{
    private static readonly Metric s_up = Gauge("pg_up", "Whether the server let the reader of its statistics in");
    private static readonly Metric s_error = Gauge("pg_exporter_last_scrape_error", "Whether some of the statistics could not be read");
    private static readonly Metric s_cpu = Counter("process_cpu_seconds_total", "Processor time of the process of the host, user and system, in seconds");
    private static readonly Metric s_memory = Gauge("process_resident_memory_bytes", "Resident memory of the process of the host");
    private static readonly Metric s_descriptors = Gauge("process_open_fds", "Open descriptors of the process of the host");
    private static readonly Metric s_hostStart = Gauge("process_start_time_seconds", "When the process of the host started, since 1970");

    private readonly PostgresServer? _server;
    private readonly SharedRun<IReadOnlyList<MetricReading>> _run;

    /// <summary>Makes a reader of a server's statistics.</summary>
    /// <param name="server">The server; null while there is none yet.</param>
    public ServerStatistics(PostgresServer? server)
    {
        _server = server;
        _run = new SharedRun<IReadOnlyList<MetricReading>>(ReadNowAsync);
    }

    /// <summary>Everything that <see cref="ReadAsync"/> may have values of, but for the settings.</summary>
    public static IReadOnlyList<Metric> Metrics { get; } =
        [s_up, s_error, s_cpu, s_memory, s_descriptors, s_hostStart, .. OwnStatistics.Metrics, .. StatisticsQuery.All.SelectMany(q => q.Metrics)];

    /// <summary>Reads them. Without a connection <c>pg_up</c> is 0, and only what the process itself knows is there.</summary>
    public Task<IReadOnlyList<MetricReading>> ReadAsync(CancellationToken cancellationToken = default) => _run.RunAsync(cancellationToken);

    private async Task<IReadOnlyList<MetricReading>> ReadNowAsync()
    {
        var readings = new List<MetricReading>();
        bool isUp = false, hasFailed = true;
        if (_server is { StopRequested: false } server)
        {
            readings.AddRange(OwnStatistics.Read(server));
            try
            {
                var connection = await ObserverConnection.OpenAsync(server, "pocketgres metrics", server.Database).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    isUp = true;
                    hasFailed = !await ReadAllAsync(connection.Session, readings).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                // Full, restarting, stopping: pg_up and pg_exporter_last_scrape_error say so.
            }
        }

        AddHost(readings);
        return [One(s_up, isUp ? 1 : 0), One(s_error, hasFailed ? 1 : 0), .. readings];
    }

    private static async Task<bool> ReadAllAsync(NpgsqlConnection connection, List<MetricReading> readings)
    {
        bool isComplete = true;
        foreach (var query in StatisticsQuery.All)
        {
            try
            {
                readings.AddRange(await query.ReadAsync(connection).ConfigureAwait(false));
            }
            catch (PostgresException) when (connection.State == ConnectionState.Open)
            {
                isComplete = false; // somebody has the lock of a table, for example: the other statistics are there
            }
        }

        readings.AddRange(await SettingsStatistics.ReadAsync(connection).ConfigureAwait(false));
        return isComplete;
    }

    private static void AddHost(List<MetricReading> readings)
    {
        using var process = Process.GetCurrentProcess();
        readings.Add(One(s_cpu, process.TotalProcessorTime.TotalSeconds));
        readings.Add(One(s_memory, process.WorkingSet64));
        readings.Add(One(s_descriptors, Directory.EnumerateFileSystemEntries("/proc/self/fd").Count()));
        readings.Add(One(s_hostStart, new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0));
    }

    private static MetricReading One(Metric metric, double value) => new(metric, [new Sample([], value)]);

    private static Metric Counter(string name, string description) => new(name, description, IsCounter: true, []);

    private static Metric Gauge(string name, string description) => new(name, description, IsCounter: false, []);
}
