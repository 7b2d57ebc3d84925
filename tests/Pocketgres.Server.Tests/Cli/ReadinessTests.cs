using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>`/readyz`, asked every 5 ms through a server's whole life, beside clients that connect all the time.</summary>
public sealed class ReadinessTests : IDisposable
{
    const int Clients = 2;
    const int Enough = 10; // attempts and answers of each kind, without which the comparison says nothing
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5);

    readonly TemporaryDirectory _directory = new();
    readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 8 }) { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose()
    {
        _http.Dispose();
        _directory.Dispose();
    }

    [OursFact]
    public async Task Ready_is_never_said_when_a_connect_would_fail()
    {
        string data = "file:" + _directory.Combine("data");
        await using (CliServer killed = await CliServer.StartAsync(["serve", data, "--port", "0"]))
        {
            await using NpgsqlConnection connection = await killed.OpenAsync();
            await connection.ExecuteAsync("create table t as select i, repeat('x', 200) from generate_series(1, 50000) i");
            await killed.KillAsync();
        }

        // From before the process is there until it is gone: start with recovery, the crash of a session and recovery, stop.
        int port = FreePort(), httpPort = FreePort();
        ConcurrentBag<Look> asked = [], connected = [];
        using var end = new CancellationTokenSource();
        Task[] observers = [AskAsync(httpPort, asked, end.Token), .. Enumerable.Range(0, Clients).Select(_ => ConnectAsync(port, connected, end.Token))];
        await using (CliServer server = await CliServer.StartAsync(
            ["serve", data, "--port", port.ToString(CultureInfo.InvariantCulture), "--http", httpPort.ToString(CultureInfo.InvariantCulture)], new ServerOptions { CrashesBackends = true }))
        {
            await ReadyAfterAsync(0);
            Assert.True(server.Log.Contains("not properly shut down"));
            await Wait.UntilAsync(() => connected.Count(c => c.IsGood) > Enough && asked.Count(a => a.IsGood) > Enough, "clients were let in, and the answer was yes");
            await using NpgsqlConnection victim = await server.OpenAsync();
            Task wait = victim.WaitAsync();
            await server.CrashBackendAsync(victim.ProcessID);
            await Record.ExceptionAsync(() => wait);
            await Wait.UntilAsync(() => server.Log.Contains("all server processes terminated; reinitializing"), "a crash");
            await ReadyAfterAsync(Stopwatch.GetTimestamp());
            Assert.Equal(0, await server.StopAsync());
            long stopped = Stopwatch.GetTimestamp();
            await Wait.UntilAsync(() => connected.Count(c => c.Start > stopped) >= Clients && connected.Count(c => !c.IsGood) > Enough, "clients have tried once more");
        }

        await end.CancelAsync();
        await Task.WhenAll(observers);
        Look[] attempts = [.. connected];
        Look[] wrong = [.. asked.Where(a => a.IsGood && IsRefusedAround(a))];
        Assert.True(wrong.Length == 0, string.Join(", ", wrong));

        // Who tried before the answer was asked for and who tried after it was given were both refused, and nobody was let in meanwhile.
        bool IsRefusedAround(Look answer) =>
            attempts.Where(c => c.End <= answer.Start).MaxBy(c => c.End) is { IsGood: false } && attempts.Where(c => c.Start >= answer.End).MinBy(c => c.Start) is { IsGood: false }
            && !attempts.Any(c => c.IsGood && c.Start < answer.End && c.End > answer.Start);

        Task ReadyAfterAsync(long time) => Wait.UntilAsync(() => asked.Any(a => a.Start > time && a.IsGood), "ready", CliServer.StartDeadline);
    }

    async Task AskAsync(int port, ConcurrentBag<Look> looks, CancellationToken cancellationToken)
    {
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/readyz"));
        using var timer = new PeriodicTimer(Interval);
        var open = new List<Task>();
        while (!cancellationToken.IsCancellationRequested)
        {
            open.RemoveAll(o => o.IsCompleted);
            open.Add(LookAsync(looks, async () =>
            {
                using HttpResponseMessage answer = await _http.GetAsync(url, CancellationToken.None);
                return answer.StatusCode == HttpStatusCode.OK;
            }));
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        await Task.WhenAll(open);
    }

    static async Task ConnectAsync(int port, ConcurrentBag<Look> looks, CancellationToken cancellationToken)
    {
        string text = new NpgsqlConnectionStringBuilder
        {
            Host = TestServer.Host, Port = port, Username = "postgres", Database = "postgres", Pooling = false, Timeout = 30, SslMode = SslMode.Disable,
        }.ConnectionString;
        while (!cancellationToken.IsCancellationRequested)
        {
            await LookAsync(looks, async () =>
            {
                await using var connection = new NpgsqlConnection(text);
                await connection.OpenAsync(CancellationToken.None);
                return true;
            });
            await Task.Delay(1, CancellationToken.None);
        }
    }

    static async Task LookAsync(ConcurrentBag<Look> looks, Func<Task<bool>> look)
    {
        long start = Stopwatch.GetTimestamp();
        bool isGood;
        try
        {
            isGood = await look();
        }
        catch (Exception e) when (e is HttpRequestException or NpgsqlException)
        {
            isGood = false;
        }

        looks.Add(new Look(start, Stopwatch.GetTimestamp(), isGood));
    }

    static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    sealed record Look(long Start, long End, bool IsGood);
}
