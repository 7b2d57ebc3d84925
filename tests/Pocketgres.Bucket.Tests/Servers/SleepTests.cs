using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres serve s3:...?idle=`: closed when nobody does anything, and woken by a connection.</summary>
public sealed class SleepTests : IDisposable
{
    const string Idle = "250ms";

    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly S3Server _server;

    public SleepTests()
    {
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task Idle_it_sleeps_without_a_request_and_a_connection_wakes_it()
    {
        using var sockets = new TemporaryDirectory();
        await using var server = await StartAsync("--unix-socket-dir", sockets.Path, "-c", "max_prepared_transactions=2");
        await using (var session = await OpenAsync("127.0.0.1", server.Port))
        {
            await session.ExecuteAsync("create table t (i int); insert into t select generate_series(1, 1000)");
            await session.ExecuteAsync("begin; insert into t values (0); prepare transaction 'kept'");
            await session.CloseAsync();
        }

        for (int cycle = 0; cycle < 3; cycle++)
        {
            await WaitForSleepAsync();
            long requests = _store.Requests;
            await Task.Delay(TimeSpan.FromMilliseconds(300));
            Assert.Equal(requests, _store.Requests);

            // Many at once, while it wakes, over both kinds of sockets.
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => CountAsync(i % 2 == 0 ? "127.0.0.1" : sockets.Path)));
        }

        await using (var last = await OpenAsync("127.0.0.1", server.Port))
        {
            await last.ExecuteAsync("commit prepared 'kept'");
            Assert.Equal(1001, await last.ScalarAsync<long>("select count(*) from t"));
            await last.CloseAsync();
        }

        await WaitForSleepAsync();
        long before = _store.Requests;
        Assert.Equal(0, await server.StopAsync());
        Assert.Equal(before, _store.Requests);
        Assert.Empty(Directory.GetFileSystemEntries(sockets.Path));

        // On a busy machine, who has connected may get to its statement so late that it was idle for long enough; it is told, and comes again.
        async Task CountAsync(string host, int attempt = 0)
        {
            try
            {
                await using var session = await OpenAsync(host, server.Port);
                Assert.Equal(1000, await session.ScalarAsync<long>("select count(*) from t"));
                await session.CloseAsync();
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.AdminShutdown && attempt < 10)
            {
                await CountAsync(host, attempt + 1);
            }
        }
    }

    [Fact]
    public async Task Who_does_something_keeps_it_awake_and_who_does_nothing_is_told()
    {
        await using var server = await StartAsync();
        await using (var made = await OpenAsync("127.0.0.1", server.Port))
        {
            await made.ExecuteAsync("create table t (i int)");
            await made.CloseAsync();
        }

        // What each leaves in its session keeps the cluster awake; its end lets it sleep.
        foreach (string[] busy in (string[][])
        [
            ["begin; insert into t values (1)", "commit"],
            ["listen news", "unlisten *"],
            ["create temporary table own (i int)", ""],
            ["select pg_advisory_lock(1)", "select pg_advisory_unlock(1)"],
        ])
        {
            await using var session = await OpenAsync("127.0.0.1", server.Port);
            await session.ExecuteAsync(busy[0]);
            await Task.Delay(TimeSpan.FromMilliseconds(500));
            await session.ExecuteAsync(busy[1].Length > 0 ? busy[1] : "select 1");
            if (busy[1].Length == 0)
            {
                await session.CloseAsync();
            }

            await WaitForSleepAsync();
            if (busy[1].Length > 0)
            {
                var told = await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("select 1"));
                Assert.True(told is not PostgresException { SqlState: not "57P01" });
            }
        }

        await using (var sleeper = await OpenAsync("127.0.0.1", server.Port))
        {
            await sleeper.ExecuteAsync("select pg_sleep(0.6)");
            await sleeper.CloseAsync();
        }

        await WaitForSleepAsync();
    }

    Task<CliServer> StartAsync(params string[] arguments) => CliServer.StartAsync(
    [
        "serve", $"s3://bucket/cluster?endpoint={_server.Endpoint}&puts=0&idle={Idle}", "--port", "0",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. arguments,
    ]);

    // The last thing that a closing server does is to remove its heartbeat.
    Task WaitForSleepAsync() => Wait.UntilAsync(async () => (await _store.ListAsync("bucket/cluster/live/")).Entries.Count == 0, "the cluster sleeps");

    static async Task<NpgsqlConnection> OpenAsync(string directory, int port)
    {
        var connection = new NpgsqlConnection($"Host={directory};Port={port.ToString(CultureInfo.InvariantCulture)};Username=postgres;Database=postgres;Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}
