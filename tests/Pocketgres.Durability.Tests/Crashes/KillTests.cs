using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Durability.Tests.Crashes;

/// <summary>SIGKILL of the whole server process at random moments of its life.</summary>
public class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Killed_at_any_moment_it_keeps_every_acknowledged_transaction()
    {
        int seed = Scale.Seed;
        output.WriteLine($"POCKETGRES_SEED={seed} POCKETGRES_KILLS={Scale.Kills}");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        int kills = 0, firstStarts = 0, starts = 0, loads = 0, stops = 0, recoveries = 0, checkpoints = 0;
        long transactions = 0, began = Stopwatch.GetTimestamp();
        for (int cluster = 0; kills < Scale.Kills; cluster++)
        {
            string data = directory.Combine($"data{cluster}");
            var ledger = new Ledger(random.Next());
            // The first start, killed a few times before it gets through.
            for (int i = random.Next(3); i > 0 && kills < Scale.Kills; i--, kills++, firstStarts++)
            {
                await KillDuringStartAsync(data, random.Next(900));
            }

            bool created = false;
            for (int rounds = random.Next(4, 12); rounds > 0 && kills < Scale.Kills; rounds--, kills++)
            {
                if (created && random.Next(4) == 0)
                {
                    starts++;
                    // Half of them when recovery has begun, which is short.
                    IReadOnlyList<string> log = random.Next(2) == 0
                        ? await KillDuringStartAsync(data, random.Next(100), "automatic recovery in progress")
                        : await KillDuringStartAsync(data, random.Next(2500));
                    recoveries += Count(log, "database system was not properly shut down") > 0 && Count(log, "ready to accept connections") == 0 ? 1 : 0;
                    continue;
                }

                await using CliServer server = await StartAsync(data);
                await using (NpgsqlConnection session = await server.OpenAsync())
                {
                    await ledger.CreateAsync(session);
                    created = true;
                    await ledger.VerifyAsync(session);
                }

                using var stop = new CancellationTokenSource();
                Task load = ledger.RunAsync(() => server.OpenAsync(), stop.Token);
                await Task.Delay(random.Next(50, 1500));
                if (random.Next(4) == 0)
                {
                    stops++;
                    server.Signal(Signals.Terminate);
                    await Task.Delay(random.Next(150));
                }
                else
                {
                    loads++;
                }

                await server.KillAsync();
                checkpoints += Count(server.Log.Lines, "checkpoint starting") > Count(server.Log.Lines, "checkpoint complete") ? 1 : 0;
                await Wait.ForAsync(load, "the sessions have seen the end");
                Scale.Progress(string.Create(CultureInfo.InvariantCulture,
                    $"cluster {cluster}, kill {kills + 1}: {ledger.Acknowledged} transactions, {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s"));
            }

            await using (CliServer last = await StartAsync(data))
            {
                await using NpgsqlConnection session = await last.OpenAsync();
                await ledger.CreateAsync(session);
                await ledger.VerifyAsync(session);
                await session.CloseAsync();
                Assert.Equal(0, await last.StopAsync());
            }

            transactions += ledger.Acknowledged;
            ToolResult checksums = (await Tool.RunAsync(Workspace.Pg18("pg_checksums"), ["--check", "-D", data])).Succeeded();
            output.WriteLine($"cluster {cluster}: {ledger.Acknowledged} transactions, {checksums.Output.Split('\n').FirstOrDefault(l => l.Contains("Bad"))}");
            Directory.Delete(data, recursive: true);
        }

        output.WriteLine($"{kills} kills: {firstStarts} in a first start, {starts} in a start or recovery, {loads} under load, {stops} while stopping; "
            + $"of these {recoveries} for certain in a recovery and {checkpoints} in a checkpoint; {transactions} transactions kept");
    }

    static int Count(IEnumerable<string> log, string words) => log.Count(line => line.Contains(words, StringComparison.Ordinal));

    static Task<CliServer> StartAsync(string data) => CliServer.StartAsync(
        [
            "serve", "file:" + data, "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
            "-c", "max_wal_size=48MB", "-c", "min_wal_size=32MB", "-c", "shared_buffers=2MB", "-c", "autovacuum_naptime=1s",
        ]);

    /// <summary>Starts a server and kills it soon, or soon after it has logged something (or has started without); what it has logged.</summary>
    static async Task<IReadOnlyList<string>> KillDuringStartAsync(string data, int milliseconds, string? after = null)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var log = new ConcurrentQueue<string>();
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, e) => log.Enqueue(e.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (after is not null)
        {
            await Wait.UntilAsync(() => process.HasExited || Count(log, after) + Count(log, "ready to accept connections") > 0, after);
        }

        await Task.Delay(milliseconds);
        Assert.False(process.HasExited, "the server ended by itself during its start:\n" + string.Join('\n', log));
        process.Kill();
        await process.WaitForExitAsync();
        return [.. log];
    }
}
