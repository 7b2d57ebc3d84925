using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>`serve --http`: health, readiness, metrics.</summary>
public sealed partial class HttpTests : IDisposable
{
    readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    readonly TemporaryDirectory _directory = new();

    public void Dispose()
    {
        _http.Dispose();
        _directory.Dispose();
    }

    [OursFact]
    public async Task Metrics_say_what_happened()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0", "--database", "shop"]);
        string url = Url(server);
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await GetAsync(url + "/healthz"));
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(url + "/readyz"));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(url + "/nothing")).Status);
        await using (NpgsqlConnection connection = await server.OpenAsync("shop"))
        {
            await connection.ExecuteAsync("create table \"a\"\"b\\c\nd} 1\" (n int); insert into \"a\"\"b\\c\nd} 1\" select generate_series(1, 70)");
            await connection.ExecuteAsync("select pg_stat_force_next_flush()");
        }

        Dictionary<string, double> metrics = [];
        await Wait.UntilAsync(async () =>
        {
            metrics = Parse((await GetAsync(url + "/metrics")).Body);
            return metrics.GetValueOrDefault("""pg_stat_user_tables_n_tup_ins{datname=shop,relname=a\"b\\c\nd} 1,schemaname=public}""") == 70;
        }, "the rows are counted");
        Assert.Equal(1, metrics["pg_up"]);
        Assert.Equal(0, metrics["pg_exporter_last_scrape_error"]);
        Assert.True(metrics["pg_database_size_bytes{datname=shop}"] > 1_000_000);
        Assert.True(metrics["pocketgres_processes"] > 4);
        Assert.True(metrics["process_resident_memory_bytes"] > 10_000_000);
        Assert.Equal(0, metrics["pg_replication_is_replica"]);
        Assert.Equal(100, metrics["pg_settings_max_connections"]);
        Assert.Equal(32 << 20, metrics["pg_settings_shared_buffers_bytes"]);
        Assert.Equal(300, metrics["pg_settings_checkpoint_timeout_seconds"]);
        Assert.Equal(-1, metrics["pg_settings_log_min_duration_statement_seconds"]);

        // Somebody has a table for himself, as VACUUM FULL does: its sizes are missing, nothing else, and nobody waits for long.
        await using (NpgsqlConnection holder = await server.OpenAsync("shop"))
        {
            await holder.ExecuteAsync("begin; lock table \"a\"\"b\\c\nd} 1\"");
            metrics = Parse((await GetAsync(url + "/metrics")).Body);
            Assert.Equal((1, 1), (metrics["pg_up"], metrics["pg_exporter_last_scrape_error"]));
            Assert.Contains("pg_wal_segments", metrics.Keys);
            Assert.DoesNotContain(metrics.Keys, k => k.StartsWith("pg_stat_user_tables_table_size_bytes", StringComparison.Ordinal));
            Assert.Equal(1, metrics["pg_locks_count{datname=shop,mode=accessexclusivelock}"]);
        }

        // No session of the reader's stays, which would be in the way.
        await using NpgsqlConnection other = await server.OpenAsync();
        await other.ExecuteAsync("drop database shop");
        await Wait.UntilAsync(async () => (await GetAsync(url + "/readyz")).Body.Contains("(3D000)", StringComparison.Ordinal), "its clients cannot connect any more");
        Assert.Equal(0, Parse((await GetAsync(url + "/metrics")).Body)["pg_up"]);
    }

    [OursFact]
    public async Task A_server_without_room_for_clients_is_not_ready_and_says_why()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0", "-c", "max_connections=10", "-c", "superuser_reserved_connections=3"]);
        string url = Url(server);
        var sessions = new List<NpgsqlConnection>();
        for (int i = 0; i < 6; i++)
        {
            sessions.Add(await server.OpenAsync());
        }

        await Wait.UntilAsync(() => IsAsync(url + "/readyz", HttpStatusCode.OK), "there is room for one");
        sessions.Add(await server.OpenAsync());
        (HttpStatusCode status, string why) = await GetAsync(url + "/readyz");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "max_connections is used up: only superusers can connect (53300)\n"), (status, why));
        Assert.Equal(1, Parse((await GetAsync(url + "/metrics")).Body)["pg_up"]);

        while (sessions.Count < 10)
        {
            try
            {
                sessions.Add(await server.OpenAsync());
            }
            catch (PostgresException e) when (e.SqlState == "53300")
            {
                // A look's own connection is about to end.
            }
        }

        Assert.Contains("too many clients already (53300)", (await GetAsync(url + "/readyz")).Body, StringComparison.Ordinal);
        Dictionary<string, double> metrics = Parse((await GetAsync(url + "/metrics")).Body);
        Assert.Equal((0, 1), (metrics["pg_up"], metrics["pg_exporter_last_scrape_error"]));
        Assert.True(metrics["pocketgres_processes"] > 10);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(url + "/healthz")).Status);
        foreach (NpgsqlConnection session in sessions)
        {
            await session.DisposeAsync();
        }

        await Wait.UntilAsync(() => IsAsync(url + "/readyz", HttpStatusCode.OK), "ready again");
    }

    [OursFact]
    public async Task A_password_that_only_clients_know_does_not_keep_it_from_being_ready()
    {
        string data = "file:" + _directory.Combine("data"), password = _directory.Combine("password");
        await File.WriteAllTextAsync(password, "geheim");
        await using (CliServer server = await CliServer.StartAsync(["serve", data, "--port", "0", "--http", "0", "--password-file", password]))
        {
            Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(Url(server) + "/readyz"));
            Assert.Equal(1, Parse((await GetAsync(Url(server) + "/metrics")).Body)["pg_up"]);
            Assert.Equal(0, await server.StopAsync());
        }

        await using CliServer unknown = await CliServer.StartAsync(["serve", data, "--port", "0", "--http", "0"]);
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(Url(unknown) + "/readyz"));
        Assert.Equal(0, Parse((await GetAsync(Url(unknown) + "/metrics")).Body)["pg_up"]);
        Assert.Empty(unknown.Log.Matching(TestServer.FatalPattern));
    }

    [OursFact]
    public async Task Clients_that_stall_keep_nobody_out_for_long()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0"]);
        string url = Url(server);
        var stalled = new List<Socket>();
        try
        {
            for (int i = 0; i < 400; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                stalled.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, new Uri(url).Port);
                try
                {
                    await socket.SendAsync("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: "u8.ToArray());
                }
                catch (SocketException)
                {
                    // One too many: closed at once.
                }
            }

            await using (NpgsqlConnection connection = await server.OpenAsync())
            {
                Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
            }

            await Wait.UntilAsync(() => IsAsync(url + "/readyz", HttpStatusCode.OK), "the stalled ones were closed");
        }
        finally
        {
            stalled.ForEach(s => s.Dispose());
        }
    }

    [OursFact]
    public async Task Before_the_server_is_ready_the_port_says_so()
    {
        int port = FreePort();
        string init = Directory.CreateDirectory(_directory.Combine("init")).FullName, go = _directory.Combine("go");
        await File.WriteAllTextAsync(Path.Combine(init, "1.sh"), $"while ! test -e {go}; do sleep 0.05; done");
        using Process process = CliServer.StartProcess(
            "serve", "memory:", "--port", "0", "--init", init, "--http", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"));
        try
        {
            string url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
            await Wait.UntilAsync(() => IsAsync(url + "/healthz", HttpStatusCode.OK), "the process lives", CliServer.StartDeadline);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "starting\n"), await GetAsync(url + "/readyz"));
            Assert.Equal(0, Parse((await GetAsync(url + "/metrics")).Body)["pg_up"]);
            await File.WriteAllTextAsync(go, "");
            await Wait.UntilAsync(() => IsAsync(url + "/readyz", HttpStatusCode.OK), "ready", CliServer.StartDeadline);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }

    [OursFact]
    public async Task Other_names_other_methods_and_a_busy_port_are_refused()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "localhost:0"]);
        string url = Url(server);
        using var rebound = new HttpRequestMessage(HttpMethod.Get, url + "/metrics") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.Forbidden, (await _http.SendAsync(rebound)).StatusCode);
        using var post = new HttpRequestMessage(HttpMethod.Post, url + "/healthz");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _http.SendAsync(post)).StatusCode);

        string port = new Uri(url).Port.ToString(CultureInfo.InvariantCulture), data = _directory.Combine("data");
        await FailsAsync(3, $"cannot listen for HTTP on 127.0.0.1:{port}", "--http", port);
        await FailsAsync(3, "give --http-token-file", "--http", "0.0.0.0:0");
        await FailsAsync(2, "--http takes a port", "--http", "here");
        await FailsAsync(2, "--http takes a port", "--http", "65536");
        await FailsAsync(2, "a token has one line of 16", "--http", "0", "--http-token-file", "/dev/null");
        await FailsAsync(2, "--http-token-file is for --http", "--http-token-file", "/dev/null");
        Assert.False(Directory.Exists(data));

        async Task FailsAsync(int exitCode, string message, params string[] options)
        {
            ToolResult failed = await CliServer.RunToEndAsync(["serve", "file:" + data, "--port", "0", .. options]);
            Assert.Equal(exitCode, failed.ExitCode);
            Assert.Contains(message, failed.Error, StringComparison.Ordinal);
            Assert.Single(failed.Error.TrimEnd().Split('\n'));
        }
    }

    [OursFact]
    public async Task Beyond_loopback_metrics_are_for_who_has_the_token()
    {
        string file = _directory.Combine("token");
        await File.WriteAllTextAsync(file, "sixteen-or-more-characters\n");
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0.0.0.0:0", "--http-token-file", file]);
        string url = Url(server);
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(url + "/readyz"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(url + "/metrics")).Status);
        foreach ((string header, HttpStatusCode expected) in (ReadOnlySpan<(string, HttpStatusCode)>)[
            ("Bearer sixteen-or-more-character", HttpStatusCode.Unauthorized), ("Bearer", HttpStatusCode.Unauthorized), ("Bearer sixteen-or-more-characters", HttpStatusCode.OK)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url + "/metrics");
            Assert.True(request.Headers.TryAddWithoutValidation("Authorization", header));
            Assert.Equal(expected, _http.Send(request).StatusCode);
        }
    }

    [OursFact]
    public async Task Without_it_no_web_framework_is_loaded()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0"]);
        await using CliServer with = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0"]);
        foreach (string assembly in (string[])["AspNetCore", "Pocketgres.Http", "Microsoft.Extensions.DependencyInjection", "Npgsql", "System.Diagnostics.DiagnosticSource"])
        {
            Assert.DoesNotContain(assembly, await MapsAsync(server), StringComparison.Ordinal);
        }

        Assert.Contains("Microsoft.AspNetCore.Server.Kestrel.Core.dll", await MapsAsync(with), StringComparison.Ordinal);

        static Task<string> MapsAsync(CliServer server) => File.ReadAllTextAsync($"/proc/{server.Pid}/maps");
    }

    static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    static string NameOf(string sample) => sample.Split('{')[0];

    static string Url(CliServer server) => string.Create(CultureInfo.InvariantCulture,
        $"http://127.0.0.1:{JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("httpPort").GetInt32()}");

    async Task<bool> IsAsync(string url, HttpStatusCode status)
    {
        try
        {
            return (await GetAsync(url)).Status == status;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    async Task<(HttpStatusCode Status, string Body)> GetAsync(string url)
    {
        using HttpResponseMessage response = await _http.GetAsync(url);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    // The text format 0.0.4, strictly: comments are TYPE, HELP, UNIT or the end, a sample is a name, labels, a value and perhaps a time.
    static Dictionary<string, double> Parse(string text)
    {
        var samples = new Dictionary<string, double>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith('#'))
            {
                Assert.Matches(@"^# (TYPE [a-zA-Z_:][a-zA-Z0-9_:]* (counter|gauge|histogram|summary|untyped|info|unknown)|(HELP|UNIT) [a-zA-Z_:][a-zA-Z0-9_:]* .*|EOF)$", line);
                continue;
            }

            Match sample = Sample.Match(line);
            Assert.True(sample.Success, line);
            string labels = string.Join(',', Label.Matches(sample.Groups["labels"].Value)
                .Where(l => l.Groups["name"].Value != "datid")
                .Select(l => $"{l.Groups["name"].Value}={l.Groups["value"].Value}").Order(StringComparer.Ordinal));
            samples[sample.Groups["name"].Value + (labels.Length > 0 ? $"{{{labels}}}" : "")] = double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture);
        }

        return samples;
    }

    [GeneratedRegex(@"^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>([a-zA-Z_][a-zA-Z0-9_]*=""(\\[\\""n]|[^\\""\n])*"",?)*)\})? (?<value>[-+]?[0-9.eE+-]+|NaN|[-+]Inf)( -?[0-9.]+)?$")]
    private static partial Regex Sample { get; }

    [GeneratedRegex(@"(?<name>[a-zA-Z_][a-zA-Z0-9_]*)=""(?<value>(\\[\\""n]|[^\\""\n])*)""")]
    private static partial Regex Label { get; }
}
