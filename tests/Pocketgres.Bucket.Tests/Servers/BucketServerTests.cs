using System.Globalization;
using Pocketgres.Bucket.Formats;
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
    const string Hint = "bucket/cluster/" + Keys.Head;

    readonly ITestOutputHelper _output;
    readonly MemoryObjectStore _kept = new();
    readonly MeteredObjectStore _store;
    readonly S3Server _server;

    public BucketServerTests(ITestOutputHelper output)
    {
        _output = output;
        _store = new(new FaultyObjectStore(_kept, 7, new FaultOptions { Latency = TimeSpan.FromMilliseconds(2), Lost = 0.01 }));
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task Killed_under_load_it_keeps_every_acknowledged_transaction()
    {
        int kills = Number("POCKETGRES_KILLS", 3);
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
    public async Task What_is_flipped_or_missing_is_named_and_nothing_else_is_lost()
    {
        for (int life = 0; life < 2; life++)
        {
            await using var server = await StartAsync();
            await using var session = await server.OpenAsync();
            await session.ExecuteAsync("create table if not exists t (i int primary key, v text)");
            await session.ExecuteAsync("insert into t select i, repeat('x', 500) from generate_series(1, 5000) i on conflict do nothing");
            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        var manifest = (await _kept.ListAsync("bucket/cluster/man/")).Entries[^1];
        byte[] content = (await _kept.GetAsync(manifest.Key))!.Content, hint = (await _kept.GetAsync(Hint))!.Content;
        await _kept.PutAsync(Hint, (Head.Decode(hint)! with { Manifest = default, Boot = default }).Encode());
        foreach (byte[]? put in (byte[]?[])[Damaged(content), content[..^7], null])
        {
            await _kept.DeleteAsync(manifest.Key);
            if (put is not null)
            {
                await _kept.PutAsync(manifest.Key, put);
            }

            var refused = await CliServer.RunToEndAsync([.. Arguments()]);
            Assert.Equal(5, refused.ExitCode);
            Assert.Contains(manifest.Key["bucket/cluster/".Length..], refused.Error, StringComparison.Ordinal);
        }

        // A copy that is whole serves as well.
        await _kept.PutAsync(manifest.Key, Damaged(content));
        await _kept.PutAsync(Hint, hint);
        await using var again = await StartAsync();
        await using var reader = await again.OpenAsync();
        Assert.Equal(500, await reader.ScalarAsync<int>("select length(v) from t where i = 1")); // from here on, all but the table's pages is here
        var packs = new Dictionary<string, byte[]>();
        foreach (var entry in (await _kept.ListAsync("bucket/cluster/pack/")).Entries)
        {
            packs.Add(entry.Key, (await _kept.GetAsync(entry.Key))!.Content);
            await _kept.PutAsync(entry.Key, Damaged(packs[entry.Key]));
        }

        var error = await Assert.ThrowsAsync<PostgresException>(() => reader.ScalarAsync<long>("select count(length(v)) from t"));
        Assert.Equal("58030", error.SqlState);
        await Wait.UntilAsync(() => again.Log.Tail.Contains("is damaged (wrong checksum)", StringComparison.Ordinal), "the log names the object");
        foreach (var (key, whole) in packs)
        {
            await _kept.PutAsync(key, whole);
        }

        await using var after = await again.OpenAsync();
        Assert.Equal(5000, await after.ScalarAsync<long>("select count(length(v)) from t"));
        await after.CloseAsync();
        Assert.Equal(0, await again.StopAsync());
    }

    [Fact]
    public async Task With_the_network_gone_commits_wait_and_go_on_when_it_is_back()
    {
        using var network = CuttingProxy.Start(0, _server.Port, 0, 1);
        await using var server = await CliServer.StartAsync(Arguments(port: network.Port));
        await using var session = new NpgsqlConnection(server.ConnectionString() + ";Command Timeout=0"); // it is the server's patience that counts
        await session.OpenAsync();
        await using var other = await server.OpenAsync();
        await session.ExecuteAsync("create table t (i int)");
        Assert.Equal(0, await other.ScalarAsync<long>("select count(*) from t"));
        network.IsAway = true;
        Task commit = session.ExecuteAsync("insert into t values (1)");
        string waits = $"select state = 'active' and query like 'insert%' from pg_stat_activity where pid = {session.ProcessID}";
        await Wait.UntilAsync(async () => network.Lost > 0 && await other.ScalarAsync<bool>(waits), "the commit waits");
        Assert.True(await other.ScalarAsync<bool>($"select pg_cancel_backend({session.ProcessID})"));
        await Task.Delay(TimeSpan.FromSeconds(Number("POCKETGRES_AWAY_SECONDS", 0)));
        Assert.True(await other.ScalarAsync<bool>(waits)); // a cancel does not end it, nor does anybody see what is not stored
        Assert.Equal(0, await other.ScalarAsync<long>("select count(*) from t"));
        Assert.False(commit.IsCompleted);
        network.IsAway = false;
        await Wait.ForAsync(commit, "the commit goes on");
        Assert.Equal(1, await other.ScalarAsync<long>("select count(*) from t"));
        await server.KillAsync();
        await using var last = await StartAsync();
        await using var reader = await last.OpenAsync();
        Assert.Equal(1, await reader.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task With_the_network_gone_an_immediate_stop_ends_what_waits_for_the_store()
    {
        using var network = CuttingProxy.Start(0, _server.Port, 0, 1);
        await using (var server = await CliServer.StartAsync(Arguments(port: network.Port)))
        {
            await using var session = await server.OpenAsync();
            await session.ExecuteAsync("create table t as select 1 as i");
            network.IsAway = true;
            server.Signal(Signals.Terminate); // the checkpoint of a fast one waits
            await Wait.UntilAsync(() => network.Lost > 0 && server.Log.Contains("received fast shutdown request"), "the stop waits");
            server.Signal(Signals.Quit);
            Assert.Equal(1, await server.ExitAsync());
        }

        await using var last = await StartAsync(parameters: "&takeover=true");
        await using var reader = await last.OpenAsync();
        Assert.Equal(1, await reader.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task A_start_that_waits_for_the_store_can_be_stopped()
    {
        await using (var killed = await StartAsync())
        {
            await using var session = await killed.OpenAsync();
            await session.ExecuteAsync("create table t as select 1 as i");
            await killed.KillAsync();
        }

        // The fence and the fillers are stored, and nothing of what the recovery writes.
        const string prefix = "bucket/cluster/";
        long fence = 0;
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var held = TestCredentials.Serve(new WatchedStore(_kept, async (request, key) =>
        {
            if (request == "create" && key.StartsWith(prefix + Keys.Log, StringComparison.Ordinal))
            {
                long number = Keys.NumberIn(key[prefix.Length..], Keys.Log);
                fence = fence == 0 ? number : fence;
                if (number >= fence + BucketOptions.Window)
                {
                    waits.TrySetResult();
                    await goOn.Task;
                }
            }
        }));
        using var process = CliServer.StartProcess([.. Arguments(port: held.Port)]);
        try
        {
            await Wait.ForAsync(waits.Task, "the recovery waits for the store");
            Signals.Send(process.Id, Signals.Terminate);
            await Wait.ForAsync(process.WaitForExitAsync(), "the start is given up");
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            goOn.SetResult();
            process.Kill();
        }

        await using var last = await StartAsync(parameters: "&takeover=true");
        await using var reader = await last.OpenAsync();
        Assert.Equal(1, await reader.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task Without_the_gate_a_kill_loses_what_was_acknowledged()
    {
        var ledger = new Ledger(3);
        await using (var server = await StartAsync(parameters: "&mode=interval&interval=10m"))
        {
            await VerifyAsync(server, ledger);
            using var stop = new CancellationTokenSource();
            Task load = ledger.RunAsync(() => server.OpenAsync(), stop.Token);
            await Wait.UntilAsync(() => Task.FromResult(ledger.Acknowledged > 20), "transactions are acknowledged");
            await server.KillAsync();
            await Wait.ForAsync(load, "the sessions have seen the end");
        }

        await using var last = await StartAsync();
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => VerifyAsync(last, ledger));
    }

    [Fact]
    public async Task After_a_kill_recovery_reads_what_it_needs_and_not_the_cluster()
    {
        await using (var made = await StartAsync())
        {
            await using var session = await made.OpenAsync();
            await session.ExecuteAsync("create table t as select i, md5(i::text) as v from generate_series(1, 400000) i");
            await session.ExecuteAsync("vacuum freeze t"); // else the next life's look at it fills the log with pages
            await session.CloseAsync();
            Assert.Equal(0, await made.StopAsync());
        }

        await using (var killed = await StartAsync())
        {
            await using var session = await killed.OpenAsync();
            await session.ExecuteAsync("update t set v = '' where i = 4711");
            await killed.KillAsync();
        }

        long before = _store.Gets;
        await using var again = await StartAsync();
        await using var reader = await again.OpenAsync();
        await reader.ExecuteAsync("select 1");
        _output.WriteLine($"{_store.Gets - before} reads");
        Assert.InRange(_store.Gets - before, 1, 60); // some 17; with each file read whole it would be 250
        Assert.Equal("256", await reader.ScalarAsync<string>("show maintenance_io_concurrency")); // what it asks for at once
    }

    [Fact]
    public async Task A_wake_asks_for_little_and_a_fenced_server_stops_at_once()
    {
        await using (var made = await StartAsync())
        {
            await using var session = await made.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key, v text); insert into t select i, repeat('x', 500) from generate_series(1, 20000) i");
            await session.ExecuteAsync("vacuum analyze t"); // else the first wake does, beside what is measured
            await session.CloseAsync();
            Assert.Equal(0, await made.StopAsync());
        }

        // The first wake after much was written, and the next one; for rows that the life before did not read.
        for (int life = 0; life < 2; life++)
        {
            long before = _store.Requests;
            await using var again = await StartAsync();
            await using var session = await again.OpenAsync();
            Assert.Equal(500, await session.ScalarAsync<int>($"select length(v) from t where i = {4711 + (life * 5000)}"));
            _output.WriteLine($"wake {life + 1} to first row: {_store.Requests - before} requests");
            Assert.InRange(_store.Requests - before, 1, life == 0 ? 20 : 12); // 13 and 10 where nothing is slow or asked again
            await session.CloseAsync();
            Assert.Equal(0, await again.StopAsync());
        }

        // For one that it had read.
        long requests = _store.Requests, bytes = _store.BytesRead;
        await using var first = await StartAsync();
        await using var reader = await first.OpenAsync();
        Assert.Equal(500, await reader.ScalarAsync<int>("select length(v) from t where i = 9711"));
        _output.WriteLine($"wake to a row that the life before had read: {_store.Requests - requests} requests, {_store.BytesRead - bytes} bytes");
        Assert.InRange(_store.Requests - requests, 1, 12);
        Assert.InRange(_store.BytesRead - bytes, 1, 1_000_000);
        var notices = new List<string>();
        reader.Notice += (_, e) => notices.Add(e.Notice.SqlState);
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
        await _kept.PutAsync("bucket/foreign/file", new byte[] { 1 });
        var foreign = await CliServer.RunToEndAsync("serve", $"s3://bucket/foreign?endpoint={_server.Endpoint}", "--port", "0");
        Assert.Equal(5, foreign.ExitCode);
        Assert.Contains("other objects", foreign.Error, StringComparison.Ordinal);
        await _kept.PutAsync("bucket/newer/format", "pocketgres cluster\nformat=99\ncluster=00000000000000000000000000000001\n"u8.ToArray());
        var newer = await CliServer.RunToEndAsync("serve", $"s3://bucket/newer?endpoint={_server.Endpoint}", "--port", "0");
        Assert.Equal(5, newer.ExitCode);
        Assert.Contains("use a newer version", newer.Error, StringComparison.Ordinal);
    }

    Task<CliServer> StartAsync(string parameters = "") => CliServer.StartAsync(Arguments(parameters));

    IReadOnlyList<string> Arguments(string parameters = "", int? port = null) =>
    [
        "serve", $"s3://bucket/cluster?endpoint=http://127.0.0.1:{port ?? _server.Port}&puts=0{parameters}", "--port", "0",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
    ];

    static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : otherwise;

    // A byte in every kilobyte, so that no part of it is whole.
    static byte[] Damaged(byte[] content) => [.. content.Select((b, i) => i % 1000 == 60 ? (byte)(b ^ 4) : b)];

    static async Task VerifyAsync(CliServer server, Ledger ledger)
    {
        await using var session = await server.OpenAsync();
        await ledger.CreateAsync(session);
        await ledger.VerifyAsync(session);
        await session.CloseAsync();
    }
}
