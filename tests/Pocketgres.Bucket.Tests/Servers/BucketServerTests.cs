using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Testing;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres serve s3:` as a process of its own, with a store in this one that outlives it.</summary>
public sealed class BucketServerTests : IDisposable
{
    readonly ITestOutputHelper _output;
    readonly MeteredObjectStore _store = new(new FaultyObjectStore(new MemoryObjectStore(), 7, new FaultOptions { Latency = TimeSpan.FromMilliseconds(2), Lost = 0.01 }));
    readonly S3Server _server;

    public BucketServerTests(ITestOutputHelper output)
    {
        _output = output;
        _server = S3Server.Start(_store, 0);
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", TestCredentials.AccessKey); // for the servers, which inherit it
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", TestCredentials.SecretKey);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task Killed_under_load_it_keeps_every_acknowledged_transaction()
    {
        int kills = int.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_KILLS"), CultureInfo.InvariantCulture, out int wanted) ? wanted : 3;
        var random = new Random();
        var ledger = new Ledger(random.Next());
        for (int i = 0; i < kills; i++)
        {
            await using var server = await StartAsync();
            await VerifyAsync(server, ledger);
            using var stop = new CancellationTokenSource();
            Task load = ledger.RunAsync(() => server.OpenAsync(), stop.Token);
            await Task.Delay(random.Next(200, 1500));
            await server.KillAsync();
            await Wait.ForAsync(load, "the sessions have seen the end");
        }

        await using (var last = await StartAsync())
        {
            await VerifyAsync(last, ledger);
            Assert.Equal(0, await last.StopAsync());
        }

        long before = _store.Requests;
        _output.WriteLine($"{kills} kills, {ledger.Acknowledged} transactions kept, {_store.Puts} puts, {_store.BytesWritten} bytes written");
        Assert.True(ledger.Acknowledged > 0);
        Assert.Equal(before, _store.Requests); // nobody asks for anything when the server has stopped
    }

    [Fact]
    public async Task Killed_at_each_step_of_an_image_it_keeps_everything()
    {
        var ledger = new Ledger(11);
        await using (var made = await StartAsync())
        {
            await VerifyAsync(made, ledger);
            Assert.Equal(0, await made.StopAsync());
        }

        foreach (string step in (string[])["freeze", "packs", "manifest", "head", "done"])
        {
            Environment.SetEnvironmentVariable("POCKETGRES_TEST_KILL", step);
            try
            {
                await using var server = await StartAsync(new ServerOptions { CrashesBackends = true });
                await VerifyAsync(server, ledger);
                using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
                await ledger.RunAsync(() => server.OpenAsync(), stop.Token);
                server.Signal(Signals.Terminate);
                Assert.Equal(128 + 9, await server.ExitAsync());
            }
            finally
            {
                Environment.SetEnvironmentVariable("POCKETGRES_TEST_KILL", null);
            }
        }

        await using var last = await StartAsync();
        await VerifyAsync(last, ledger);
    }

    [Fact]
    public async Task A_wake_asks_for_little_and_a_fenced_server_stops_at_once()
    {
        await using (var made = await StartAsync())
        {
            await using var session = await made.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key, v text); insert into t select i, repeat('x', 500) from generate_series(1, 20000) i");
            await session.CloseAsync();
            Assert.Equal(0, await made.StopAsync());
        }

        for (int life = 0; life < 2; life++)
        {
            await using var again = await StartAsync();
            await using var session = await again.OpenAsync();
            Assert.Equal(500, await session.ScalarAsync<int>("select length(v) from t where i = 4711"));
            await session.CloseAsync();
            Assert.Equal(0, await again.StopAsync());
        }

        long requests = _store.Requests, bytes = _store.BytesRead;
        await using var first = await StartAsync();
        await using var reader = await first.OpenAsync();
        var notices = new List<string>();
        reader.Notice += (_, e) => notices.Add(e.Notice.SqlState);
        Assert.Equal(500, await reader.ScalarAsync<int>("select length(v) from t where i = 4711"));
        _output.WriteLine($"wake to first row: {_store.Requests - requests} requests, {_store.BytesRead - bytes} bytes");
        Assert.InRange(_store.Requests - requests, 1, 12);
        Assert.InRange(_store.BytesRead - bytes, 1, 1_000_000);

        await using (var second = await StartAsync(parameters: "&takeover=true"))
        {
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => reader.ExecuteAsync("insert into t values (0, 'lost')"));
            Assert.Equal(8, await first.ExitAsync());
            Assert.Contains("57P01", notices); // the last that a session says in an immediate shutdown, as Postgres' own
            await using var session = await second.OpenAsync();
            Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from t where i = 0"));
        }
    }

    [Fact]
    public async Task What_cannot_be_opened_says_why()
    {
        await _store.PutAsync("bucket/foreign/file", new byte[] { 1 });
        var foreign = await CliServer.RunToEndAsync("serve", $"s3://bucket/foreign?endpoint={_server.Endpoint}", "--port", "0");
        Assert.Equal(5, foreign.ExitCode);
        Assert.Contains("other objects", foreign.Error, StringComparison.Ordinal);
        await _store.PutAsync("bucket/newer/format", "pocketgres cluster\nformat=99\ncluster=00000000000000000000000000000001\n"u8.ToArray());
        var newer = await CliServer.RunToEndAsync("serve", $"s3://bucket/newer?endpoint={_server.Endpoint}", "--port", "0");
        Assert.Equal(5, newer.ExitCode);
        Assert.Contains("use a newer version", newer.Error, StringComparison.Ordinal);
    }

    Task<CliServer> StartAsync(ServerOptions? options = null, string parameters = "") => CliServer.StartAsync(
        [
            "serve", $"s3://bucket/cluster?endpoint={_server.Endpoint}&puts=0{parameters}", "--port", "0",
            "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
        ],
        options);

    static async Task VerifyAsync(CliServer server, Ledger ledger)
    {
        await using var session = await server.OpenAsync();
        await ledger.CreateAsync(session);
        await ledger.VerifyAsync(session);
        await session.CloseAsync();
    }
}
