using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Crashes;

/// <summary>Stopping on purpose.</summary>
public class StopTests
{
    [Fact]
    public async Task A_stop_under_load_is_clean()
    {
        using var directory = new TemporaryDirectory();
        string[] serve = ["serve", "file:" + directory.Combine("data"), "--port", "0"];
        var ledger = new Ledger(1);
        for (int round = 0; round < 3; round++)
        {
            await using CliServer server = await CliServer.StartAsync(serve);
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await ledger.CreateAsync(session);
                await ledger.VerifyAsync(session);
            }

            Assert.False(server.Log.Contains("not properly shut down"), server.Log.Tail);
            long before = ledger.Acknowledged;
            using var stop = new CancellationTokenSource();
            Task load = ledger.RunAsync(() => server.OpenAsync(), stop.Token);
            await Wait.UntilAsync(() => ledger.Acknowledged > before + 100, "100 transactions");
            Assert.Equal(0, await server.StopAsync());
            await Wait.ForAsync(load, "the sessions have seen the end");
            Assert.True(server.Log.Contains("database system is shut down"), server.Log.Tail);
        }
    }

    [Fact]
    public async Task A_second_signal_is_harder_than_the_first()
    {
        using var directory = new TemporaryDirectory();
        string data = "file:" + directory.Combine("data");
        // A fast shutdown archives what is left: this archive takes its time.
        await using (CliServer server = await CliServer.StartAsync(
            ["serve", data, "--port", "0", "-c", "archive_mode=on", "-c", $"archive_command=echo archiving; touch {directory.Combine("began")}; sleep 300"]))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t (v int); insert into t values (1); select pg_switch_wal()");
            await Wait.UntilAsync(() => File.Exists(directory.Combine("began")), "the archiver works");
            await session.CloseAsync();
            server.Signal(Signals.Terminate);
            await Wait.UntilAsync(() => server.Log.Contains("received fast shutdown request"), "the first signal is understood");
            Task<int> end = server.ExitAsync();
            Assert.NotSame(end, await Task.WhenAny(end, Task.Delay(700))); // also long enough for the second signal not to count as the first

            server.Signal(Signals.Terminate);
            Assert.Equal(0, await Wait.ForAsync(end, "the second signal does not wait for the archive, which takes 300 s"));
            // What a command prints is no business of the program's reader.
            Assert.Equal("", await server.RestOfOutputAsync());
            Assert.True(server.Log.Contains("archiving"), server.Log.Tail);
        }

        await using CliServer again = await CliServer.StartAsync(["serve", data, "--port", "0"]);
        await using NpgsqlConnection check = await again.OpenAsync();
        Assert.Equal(1, await check.ScalarAsync<int>("select v from t"));
    }
}
