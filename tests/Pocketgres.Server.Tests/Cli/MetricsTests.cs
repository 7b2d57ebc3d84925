using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>`/metrics`, as Prometheus' own parser reads them, beside postgres_exporter's.</summary>
public sealed class MetricsTests : IDisposable
{
    // Of the exporter itself: how long it took, how often it was asked.
    static readonly string[] OfTheExporter = ["pg_exporter_scrapes", "pg_exporter_last_scrape_duration_seconds"];

    // Fewer labels: one wants a line for each database and state, not for each program and wait event.
    static readonly string[] WithFewerLabels = ["pg_stat_activity_count", "pg_stat_activity_max_tx_duration"];

    readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    [OursFact]
    public async Task All_metrics_of_postgres_exporter_are_there_with_its_types_and_labels()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0"]);
        await using NpgsqlConnection connection = await server.OpenAsync();
        await connection.ExecuteAsync("create table visits (n int primary key, t text); select pg_create_physical_replication_slot('s', true)");
        int port = FreePort();
        using Process exporter = Process.Start(new ProcessStartInfo(Workspace.OperatorsTool("postgres_exporter"), [$"--web.listen-address=127.0.0.1:{port}"])
        {
            Environment = { ["DATA_SOURCE_NAME"] = server.Url() + "?sslmode=disable" },
            RedirectStandardError = true,
        })!;
        Task<string> log = exporter.StandardError.ReadToEndAsync();
        string text = "";
        try
        {
            var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/metrics"));
            await Wait.UntilAsync(async () => (text = await TryGetAsync(url)).Contains("\npg_up 1\n", StringComparison.Ordinal), "the exporter has the server");
        }
        finally
        {
            exporter.Kill();
            await exporter.WaitForExitAsync();
        }

        Assert.DoesNotContain("level=ERROR", await log, StringComparison.Ordinal);
        string own = await _http.GetStringAsync(Url(server));
        Assert.Equal("pg_exporter_last_scrape_duration_seconds pg_exporter_scrapes_total pg_scrape_collector_duration_seconds pg_scrape_collector_success",
            string.Join(' ', NamesIn(text).Except(NamesIn(own)).Order(StringComparer.Ordinal)));

        Dictionary<string, PrometheusMetric> theirs = await ParseAsync(text), ours = await ParseAsync(own);
        Assert.Equal(0, theirs["pg_exporter_last_scrape_error"][""]);
        Assert.All(theirs["pg_scrape_collector_success"].Values, v => Assert.Equal("1.0", v.Value));
        Assert.Equal(theirs.Keys.Where(IsMeant).Order(StringComparer.Ordinal), ours.Keys.Where(n => theirs.ContainsKey(n) && IsMeant(n)).Order(StringComparer.Ordinal));
        Assert.True(theirs.Keys.Count(k => k.StartsWith("pg_settings_", StringComparison.Ordinal)) > 200);
        foreach ((string name, PrometheusMetric their) in theirs.Where(m => IsMeant(m.Key)))
        {
            Assert.True(their.Type == "unknown" || their.Type == ours[name].Type, $"{name} is a {their.Type}, not a {ours[name].Type}");
            if (!WithFewerLabels.Contains(name))
            {
                Assert.Equal((name, string.Join(' ', their.Labels.Where(l => l != "server"))), (name, string.Join(' ', ours[name].Labels)));
            }
        }

        // What the exporter has no names for: explained, and counters say so.
        Assert.All(ours.Where(m => m.Key.StartsWith("pocketgres_", StringComparison.Ordinal)), m => Assert.True(m.Value.Help.Length > 0 && m.Value.Type is "counter" or "gauge"));
        Assert.Equal((0, 0), (ours["pocketgres_clones"][""], ours["pocketgres_clones_started"][""]));
        Assert.True(ours["pocketgres_processes"][""] > 4 && ours["pocketgres_processes_started"][""] > ours["pocketgres_processes"][""]);
        Assert.True(ours["pocketgres_memory_files_bytes"][""] > 10_000_000);
        Assert.DoesNotContain(ours.Keys, n => n.StartsWith("pocketgres_bucket_", StringComparison.Ordinal));
    }

    [OursFact]
    public async Task Connections_that_stall_are_counted()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0", "--tls"]);
        using (var silent = new TcpClient(TestServer.Host, server.Port))
        using (var half = new TcpClient(TestServer.Host, server.Port))
        {
            await half.GetStream().WriteAsync(RawTls.ClientHello(0x0303).AsMemory(0, 20));
            await Wait.UntilAsync(() => IsAsync("pocketgres_connections_waiting", 2), "both wait");
        }

        // Half a request is the server's to complain of.
        await Wait.UntilAsync(async () => await IsAsync("pocketgres_connections_waiting", 0) && await IsAsync("pocketgres_connections_dropped_total", 1), "both are gone");

        async Task<bool> IsAsync(string name, int value) => (await _http.GetStringAsync(Url(server))).Contains(string.Create(CultureInfo.InvariantCulture, $"\n{name} {value}\n"), StringComparison.Ordinal);
    }

    static bool IsMeant(string name) => name.StartsWith("pg_", StringComparison.Ordinal) && !name.StartsWith("pg_scrape_", StringComparison.Ordinal) && !OfTheExporter.Contains(name);

    // As they are written: the parser gives counters another suffix.
    static IEnumerable<string> NamesIn(string text) =>
        text.Split('\n').Where(l => l.StartsWith("pg_", StringComparison.Ordinal)).Select(l => l[..l.IndexOfAny(['{', ' '])]).Distinct();

    // Without the suffix that counters get from the parser, if they have none.
    static async Task<Dictionary<string, PrometheusMetric>> ParseAsync(string text) =>
        (await PrometheusMetric.ParseAsync(text)).Where(m => m.Key.StartsWith('p')).ToDictionary(m => m.Key.EndsWith("_total", StringComparison.Ordinal) ? m.Key[..^"_total".Length] : m.Key, m => m.Value, StringComparer.Ordinal);

    static Uri Url(CliServer server) => new(string.Create(CultureInfo.InvariantCulture,
        $"http://127.0.0.1:{JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("httpPort").GetInt32()}/metrics"));

    static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    async Task<string> TryGetAsync(Uri url)
    {
        try
        {
            return await _http.GetStringAsync(url);
        }
        catch (HttpRequestException)
        {
            return "";
        }
    }
}
