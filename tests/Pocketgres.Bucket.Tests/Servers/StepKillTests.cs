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

/// <summary>Processes that end, as by kill -9, before a step of what they do with a bucket.</summary>
public sealed class StepKillTests : IDisposable
{
    static readonly string[] s_opening = ["fence", "fillers", "opened", "fence behind a close", "opened behind a close"], s_commit = ["record", "recorded"],
        s_close = ["freeze", "log", "packs", "boot pack", "manifest", "close", "head", "done"],
        s_branch = ["branch look", "branch read", "branch marker", "branch manifest", "branch look again", "branch format"];

    readonly ITestOutputHelper _output;
    readonly MemoryObjectStore _kept;
    readonly FaultyObjectStore _store;
    readonly S3Server _server;
    readonly Ledger _ledger = new(new Random().Next(), writers: 8);
    readonly Random _random = new();
    DateTimeOffset _now = DateTimeOffset.UtcNow;
    int _branches, _kills;

    public StepKillTests(ITestOutputHelper output)
    {
        _output = output;
        _kept = new() { Clock = () => _now };
        _store = new(_kept, 7, new FaultOptions { Latency = TimeSpan.FromMilliseconds(2), Lost = 0.01 });
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    // The long form kills at each step so often; the short one at three of them, once.
    [Fact]
    public async Task Killed_at_any_step_it_keeps_everything()
    {
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_STEP_KILLS"), CultureInfo.InvariantCulture, out int wanted) ? wanted : 0;
        string[] steps = [.. s_opening, .. s_commit, .. s_close, .. s_branch, "remove"]; // a merge takes ten seconds of a server's life
        var chosen = rounds == 0 ? _random.GetItems(steps, 3) : Enumerable.Repeat((string[])[.. steps, "merge"], rounds).SelectMany(s => s);
        await using (var made = await StartAsync())
        {
            await VerifyAsync(made);
            Assert.Equal(0, await made.StopAsync());
        }

        foreach (string step in chosen)
        {
            try
            {
                await (s_opening.Contains(step) ? KillOpeningAsync(step)
                    : s_branch.Contains(step) ? KillBranchAsync(step["branch ".Length..])
                    : step == "remove" ? KillCollectionAsync()
                    : KillServerAsync(step));
            }
            catch
            {
                _output.WriteLine($"at step \"{step}\", after {_kills} kills");
                throw;
            }

            _kills++;
            await using var after = await StartAsync();
            await VerifyAsync(after);
            await after.KillAsync();
        }

        await using (var last = await StartAsync())
        {
            await VerifyAsync(last);
            Assert.Equal(0, await last.StopAsync());
        }

        var whole = await CliServer.RunToEndAsync(TimeSpan.FromMinutes(10), "check", Url("cluster"));
        Assert.True(whole.ExitCode == 0, whole.Output + whole.Error);
        _output.WriteLine($"{_kills} kills, {_ledger.Acknowledged} transactions kept");
    }

    // Fillers are only made behind a log that was not closed. Behind one that was, a server starts already.
    async Task KillOpeningAsync(string step)
    {
        const string closed = " behind a close";
        await using (var before = await StartAsync())
        {
            await VerifyAsync(before);
            await WorkAsync(before, 0.2);
            if (step.EndsWith(closed, StringComparison.Ordinal))
            {
                Assert.Equal(0, await before.StopAsync());
            }
            else
            {
                await before.KillAsync();
            }
        }

        Assert.Equal(128 + 9, (await CliServer.RunToEndAsync(Hooks(step.Replace(closed, "", StringComparison.Ordinal)), [.. Arguments()])).ExitCode);
    }

    async Task KillServerAsync(string step)
    {
        bool isCommit = s_commit.Contains(step), isClose = s_close.Contains(step);
        if (step == "merge")
        {
            // The server that has the cluster collects once a day, but not at once one that never was, and writes what is left of packs that are hardly
            // read once more. A pack is, when less than half of it is left: so what is dropped is much beside what else its life writes, which is little behind
            // a clean stop.
            await _kept.PutAsync("bucket/cluster/" + Keys.Collected, new byte[1]);
            await MakeOlderAsync();
            await MakeOlderAsync("""
                DROP TABLE IF EXISTS kept, gone;
                CREATE TABLE kept AS SELECT 1 AS one;
                CREATE TABLE gone AS SELECT md5(i::text) AS t FROM generate_series(1, 100000) i
                """);
            await MakeOlderAsync("DROP TABLE gone");
        }

        await using var server = await CliServer.StartAsync(Arguments(), environment: Hooks(isCommit ? $"{step}:{_random.Next(5, 60)}" : step));
        await VerifyAsync(server, mayEnd: true);
        await WorkAsync(server, isClose ? 0.3 : 60);
        if (isClose)
        {
            server.Signal(Signals.Terminate);
        }

        Assert.Equal(128 + 9, await server.ExitAsync());
    }

    // While the origin is at work; it and the half-made branch are then what they were.
    async Task KillBranchAsync(string step)
    {
        string target = $"branch{++_branches}";
        await using (var origin = await StartAsync())
        {
            await VerifyAsync(origin);
            using var stop = new CancellationTokenSource();
            Task load = _ledger.RunAsync(() => origin.OpenAsync(), stop.Token);
            Assert.Equal(128 + 9, (await CliServer.RunToEndAsync(Hooks(step), "branch", Url("cluster"), Url(target))).ExitCode);
            await stop.CancelAsync();
            await load;
            await origin.KillAsync();
        }

        var opened = await CliServer.RunToEndAsync("serve", Url(target) + "&create=false", "--port", "0");
        Assert.True(opened.ExitCode is 4 or 5, $"{step}: {opened.ExitCode} {opened.Error}");
    }

    async Task KillCollectionAsync()
    {
        await MakeOlderAsync();
        await MakeOlderAsync();
        Assert.Equal(128 + 9, (await CliServer.RunToEndAsync(Hooks($"remove:{_random.Next(1, 8)}"), "gc", Url("cluster") + "&retention=0s")).ExitCode);
        var rest = await CliServer.RunToEndAsync(TimeSpan.FromMinutes(10), "gc", Url("cluster") + "&retention=0s"); // the next one goes on, and the bucket stays as small as a check can read in a minute
        Assert.True(rest.ExitCode == 0, rest.Output + rest.Error);
        var whole = await CliServer.RunToEndAsync(TimeSpan.FromMinutes(10), "check", Url("cluster"));
        Assert.True(whole.ExitCode == 0, whole.Output + whole.Error);
    }

    async Task MakeOlderAsync(string? change = null)
    {
        await using var server = await StartAsync();
        await VerifyAsync(server);
        if (change is not null)
        {
            await using var session = await server.OpenAsync();
            await using var command = new NpgsqlCommand(change, session);
            await command.ExecuteNonQueryAsync();
        }

        await WorkAsync(server, 0.3);
        Assert.Equal(0, await server.StopAsync());
        _now += TimeSpan.FromDays(3);
    }

    async Task WorkAsync(CliServer server, double seconds)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await _ledger.RunAsync(() => server.OpenAsync(), stop.Token);
    }

    async Task VerifyAsync(CliServer server, bool mayEnd = false)
    {
        try
        {
            await using var session = await server.OpenAsync();
            await _ledger.CreateAsync(session);
            await _ledger.VerifyAsync(session);
            await session.CloseAsync();
        }
        catch (Exception e) when (mayEnd && e is NpgsqlException and not PostgresException)
        {
            // It was killed before it was asked for anything.
        }
    }

    static Dictionary<string, string> Hooks(string kill) => new() { ["POCKETGRES_TEST_HOOKS"] = "1", ["POCKETGRES_TEST_KILL"] = kill };

    Task<CliServer> StartAsync() => CliServer.StartAsync(Arguments());

    string Url(string prefix) => $"s3://bucket/{prefix}?endpoint={_server.Endpoint}&puts=0";

    IReadOnlyList<string> Arguments() =>
        ["serve", Url("cluster"), "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)];
}
