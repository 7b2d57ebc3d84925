using Pocketgres.Durability.Tests.Ledgers;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Xunit.Abstractions;

namespace Pocketgres.Durability.Tests.Crashes;

/// <summary>
/// The power goes at the n-th change of the disk: what was not fsynced is gone, or has arrived in part. The same seed cuts at the same calls; which
/// session makes which call is the scheduler's, so that a replay is exact only as far as scheduling is.
/// </summary>
public class PowerCutTests(ITestOutputHelper output)
{
    static readonly string[] s_methods = ["fdatasync", "fdatasync", "fsync", "open_datasync", "open_sync"];

    [Fact]
    public async Task Cut_off_at_any_moment_it_keeps_every_acknowledged_transaction()
    {
        int seed = Scale.Seed;
        output.WriteLine($"POCKETGRES_SEED={seed} POCKETGRES_POWER_CUTS={Scale.PowerCuts}");
        var random = new Random(seed);
        int cuts = 0, duringStart = 0, duringStop = 0;
        long transactions = 0;
        while (cuts < Scale.PowerCuts)
        {
            var ledger = new Ledger(random.Next(), diskFails: true);
            var disk = new MemoryFileSystem();
            for (int rounds = random.Next(3, 10); rounds > 0 && cuts < Scale.PowerCuts; rounds--, cuts++)
            {
                // Some cuts in the first start or recovery, most under load.
                long at = random.Next(3) == 0 ? random.Next(1, 1500) : random.Next(1500, 12_000);
                var options = new PowerLossOptions
                {
                    Seed = random.Next(),
                    WriteBack = (random.Next(4) / 3.0) * random.NextDouble(),
                    NameWriteBack = random.Next(3) / 4.0,
                    SectorSize = random.Next(2) == 0 ? 512 : 4096,
                };
                string method = s_methods[random.Next(s_methods.Length)];
                (disk, bool started, bool stopping) = await RunUntilCutAsync(disk, options, at, ledger, random, ("wal_sync_method", method));
                duringStart += started ? 0 : 1;
                duringStop += stopping ? 1 : 0;
                Scale.Progress($"cut {cuts + 1} at change {at} {(started ? stopping ? "while stopping" : "under load" : "in a start or recovery")}, {ledger.Acknowledged} transactions");
            }

            await using (EmbeddedServer last = await EmbeddedServer.StartAsync(new FaultFileSystem(disk)))
            {
                await using NpgsqlConnection session = await last.OpenAsync();
                await ledger.CreateAsync(session);
                await ledger.VerifyAsync(session);
                await session.CloseAsync();
                await last.StopSomehowAsync();
            }

            transactions += ledger.Acknowledged;
            disk.Dispose();
        }

        output.WriteLine($"{cuts} power cuts: {duringStart} in a start or recovery, {duringStop} while stopping; {transactions} transactions kept");
    }

    /// <summary>That the test above can fail: without fsync the same cuts lose what was acknowledged.</summary>
    [Fact]
    public async Task With_fsync_off_the_cuts_are_noticed()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var ledger = new Ledger(seed, diskFails: true);
            (MemoryFileSystem disk, bool started, _) = await RunUntilCutAsync(
                new MemoryFileSystem(), new PowerLossOptions { Seed = seed }, 4000, ledger, new Random(seed), ("fsync", "off"));
            Assert.True(started);
            Exception? lost = await Record.ExceptionAsync(async () =>
            {
                await using EmbeddedServer server = await EmbeddedServer.StartAsync(new FaultFileSystem(disk));
                await using NpgsqlConnection session = await server.OpenAsync();
                await ledger.VerifyAsync(session);
            });
            disk.Dispose();
            if (lost is not null)
            {
                return;
            }
        }

        Assert.Fail("ten power cuts without fsync, and nothing was lost");
    }

    /// <summary>Runs a server until its disk loses power at the given change; returns the disk a reboot finds.</summary>
    static async Task<(MemoryFileSystem Disk, bool Started, bool Stopping)> RunUntilCutAsync(
        MemoryFileSystem disk, PowerLossOptions options, long at, Ledger ledger, Random random, params (string, string)[] settings)
    {
        var power = new PowerLossFileSystem(disk, options);
        var off = new TaskCompletionSource<MemoryFileSystem>(TaskCreationOptions.RunContinuationsAsynchronously);
        long changes = 0;
        var files = new FaultFileSystem(power)
        {
            Observer = (call, _) =>
            {
                if ((call.Operation & FileOperations.Changes) != 0 && Interlocked.Increment(ref changes) == at)
                {
                    off.SetResult(power.CutPower());
                }
            },
        };

        bool started = false, stopping = false;
        EmbeddedServer? server = null;
        try
        {
            server = await EmbeddedServer.StartAsync(files, settings);
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await ledger.CreateAsync(session);
                await ledger.VerifyAsync(session);
            }

            started = true;
            using var stop = new CancellationTokenSource();
            Task load = ledger.RunAsync(server.OpenAsync, stop.Token);
            await Task.WhenAny(off.Task, load, Task.Delay(random.Next(3) == 0 ? random.Next(2000) : 20_000));
            if (!off.Task.IsCompleted)
            {
                stopping = true;
                await Task.WhenAny(server.Cluster.StopAsync(), off.Task, Task.Delay(20_000));
            }

            await server.KillAsync();
            await stop.CancelAsync();
            await load;
        }
        catch (Exception e) when (power.IsOff && e is ClusterException or NpgsqlException)
        {
            // It could not start, or not answer, without power.
        }
        finally
        {
            if (server is not null)
            {
                await server.KillAsync();
            }
        }

        // Stopped before it got that far: cut now.
        MemoryFileSystem image = power.IsOff ? await off.Task : power.CutPower();
        power.Free();
        return (image, started, stopping);
    }
}
