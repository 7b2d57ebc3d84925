using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Durability.Tests.Faults;

/// <summary>
/// One call of a short scripted run fails, or all from one on; then the power goes. What was acknowledged must be on the disk, and the server must
/// start from it, or have said why not.
/// </summary>
public class FailingCallTests(ITestOutputHelper output)
{
    const int Steps = 4;

    [Fact]
    public async Task Whichever_call_fails_nothing_acknowledged_is_lost()
    {
        int seed = Scale.Seed;
        var random = new Random(seed);
        using MemoryFileSystem prepared = await PrepareAsync();
        long started = Stopwatch.GetTimestamp();
        List<FileCall> calls = await ListCallsAsync(prepared);
        Assert.True(calls.Count > 1000, $"only {calls.Count} calls");
        output.WriteLine($"POCKETGRES_SEED={seed} POCKETGRES_FAULTS={Scale.Faults}, {calls.Count} calls: "
            + string.Join(", ", calls.GroupBy(c => c.Operation).Select(g => $"{g.Key} {g.Count()}")));
        Kind[] kinds =
        [
            // But for two that Postgres does not survive (docs/limits.md).
            new("EIO, once", new FaultRule
            {
                Error = Errno.EIO,
                Except = call => (call.Operation == FileOperations.Read && call.Path is ("/postgresql.conf" or "/postgresql.auto.conf" or "/pocketgres.conf"))
                    || (call.Operation == FileOperations.Look && call.Path.StartsWith("/pg_wal/0", StringComparison.Ordinal)),
            }),
            new("ENOSPC, once", new FaultRule { Error = Errno.ENOSPC, Operations = FileOperations.Write | FileOperations.Resize | FileOperations.Create | FileOperations.Open }),
            new("EIO of changes, for ever", new FaultRule { Error = Errno.EIO, Count = long.MaxValue, Operations = FileOperations.Changes }),
            new("short transfers, for ever", new FaultRule { Partial = true, Count = long.MaxValue, Operations = FileOperations.Read | FileOperations.Write }),
            new("fsync, once", new FaultRule { Operations = FileOperations.Sync }),
            new("fsync of the log, once", new FaultRule { Operations = FileOperations.Sync, Path = path => path.StartsWith("/pg_wal", StringComparison.Ordinal) }),
        ];
        if (Scale.Fault is var (which, at))
        {
            output.WriteLine($"{kinds[which].Name} from call {at}: {await RunAsync(prepared, kinds[which], at, seed, output.WriteLine)}");
            return;
        }

        // Kind after kind, each evenly over the calls it can meet.
        var plan = new List<(int Kind, long Call, int Seed)>();
        for (int k = 0; k < kinds.Length; k++)
        {
            if (Scale.FaultKind is { } only && only != k)
            {
                continue;
            }

            long met = calls.LongCount(kinds[k].Meets);
            long runs = Math.Min(Scale.Faults, met);
            for (long run = 0; run < runs; run++)
            {
                plan.Add((k, 1 + (long)((run + (runs == met ? 0 : random.NextDouble())) * met / runs), random.Next()));
            }
        }

        plan.RemoveAll(r => r.Call < Scale.FaultFrom);
        var summary = new SortedDictionary<string, (int Count, double Longest, long At)>(StringComparer.Ordinal);
        var failures = new List<string>();
        int done = 0;
        await Parallel.ForEachAsync(plan, new ParallelOptions { MaxDegreeOfParallelism = Scale.Parallel }, async (run, _) =>
        {
            long began = Stopwatch.GetTimestamp();
            string outcome;
            var trace = new ConcurrentQueue<string>();
            try
            {
                outcome = await RunAsync(prepared, kinds[run.Kind], run.Call, run.Seed, trace.Enqueue);
            }
            catch (Exception e)
            {
                // The others are still worth knowing.
                outcome = "FAILED";
                lock (failures)
                {
                    failures.Add($"POCKETGRES_FAULT={run.Kind}:{run.Call} POCKETGRES_SEED={run.Seed}: {e}\nthe run:\n{string.Join('\n', trace)}");
                    Scale.Progress(failures[^1]);
                }
            }

            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            string key = $"{kinds[run.Kind].Name}: {outcome}";
            lock (summary)
            {
                (int count, double longest, long at) = summary.GetValueOrDefault(key);
                summary[key] = seconds > longest ? (count + 1, seconds, run.Call) : (count + 1, longest, at);
                if (seconds > 4)
                {
                    string slow = $"slow: POCKETGRES_FAULT={run.Kind}:{run.Call} POCKETGRES_SEED={run.Seed} ({key}), {seconds:0.0} s\n{string.Join('\n', trace)}";
                    output.WriteLine(slow);
                    Scale.Progress(slow);
                }

                if (++done % 100 == 0 || done == plan.Count)
                {
                    Scale.Progress($"{done} of {plan.Count}\n" + Table());
                }
            }
        });
        output.WriteLine($"{plan.Count} runs in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s\n{Table()}");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));

        string Table() => string.Join('\n', summary.Select(p => $"{p.Value.Count,5} {p.Key}; the longest {p.Value.Longest:0.0} s, call {p.Value.At}"));
    }

    [Fact]
    public async Task An_fsync_that_fails_is_a_panic_and_is_not_tried_again_as_if_nothing_had_happened()
    {
        using MemoryFileSystem prepared = await PrepareAsync();
        var power = new PowerLossFileSystem(prepared.Clone());
        var files = new FaultFileSystem(power);
        await using EmbeddedServer server = await EmbeddedServer.StartAsync(files);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create table t (v int); insert into t values (1)");
            files.Add(new FaultRule
            {
                Operations = FileOperations.Sync,
                Path = path => path.StartsWith("/pg_wal/0", StringComparison.Ordinal),
                Happened = call => power.LoseUnsynced(call.Path),
            });
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("insert into t values (2)"));
        }

        await server.RecoveredAsync("sync file");
        Assert.Contains(server.Log, e => e.Severity == "PANIC" && e.Message.Contains("sync file", StringComparison.Ordinal));
        await using (NpgsqlConnection session = await ReconnectAsync(server))
        {
            Assert.Equal(1, await session.ScalarAsync<int>("select min(v) from t"));
            await session.ExecuteAsync("insert into t values (3)");
        }

        // The log has a hole on the disk where that fsync failed. What was acknowledged since must not lie behind it.
        using MemoryFileSystem disk = power.CutPower();
        await server.KillAsync();
        await using EmbeddedServer restarted = await EmbeddedServer.StartAsync(new FaultFileSystem(disk));
        await using NpgsqlConnection check = await restarted.OpenAsync();
        List<int> values = await check.ColumnAsync<int>("select v from t order by v");
        Assert.Contains(1, values);
        Assert.Contains(3, values);
        power.Free();
    }

    static async Task<string> RunAsync(MemoryFileSystem prepared, Kind kind, long n, int seed, Action<string>? trace = null)
    {
        long began = Stopwatch.GetTimestamp();
        string what = string.Create(CultureInfo.InvariantCulture, $"{kind.Name}, from call {n}, seed {seed}");
        MemoryFileSystem clone;
        lock (prepared)
        {
            clone = prepared.Clone();
        }

        var power = new PowerLossFileSystem(clone, new PowerLossOptions { Seed = seed, WriteBack = seed % 3 / 4.0, NameWriteBack = seed % 2 / 2.0 });
        FaultFileSystem? files = new(power, seed);
        files.Add(kind.Rule with
        {
            First = n,
            Happened = call =>
            {
                if (files!.Injected < 5)
                {
                    Phase($"{call.Operation} {call.Path}");
                }

                if (call.Operation == FileOperations.Sync)
                {
                    power.LoseUnsynced(call.Path);
                }
            },
        });
        var acknowledged = new HashSet<int>();
        string outcome = "not met";
        EmbeddedServer? server = null;
        try
        {
            server = await EmbeddedServer.StartAsync(files, ("restart_after_crash", "on"));
            Phase("started");
            await ScriptAsync(server, acknowledged, goesOn: kind.Rule.Count == 1);
            string when = files.Injected == 0 ? " in the stop" : "";
            Phase("script has ended");
            if (kind.Rule.Count == 1)
            {
                await server.StopSomehowAsync();
                Phase("stopped");
            }

            outcome = files.Injected == 0 ? "not met"
                : (server.Log.Any(e => e.Severity == "PANIC") ? "panic"
                    : server.Log.Any(e => e.Severity == "ERROR" || (e.Severity == "FATAL" && e.SqlState != "57P01")) ? "error" : "no harm") + when;
        }
        catch (ClusterException e)
        {
            Assert.True(files.Injected > 0, $"{what}: {e}");
            Assert.True(e.Message.Length > 20, e.Message);
            outcome = "start refused";
            trace?.Invoke(e.Message);
        }
        finally
        {
            if (server is not null)
            {
                await server.KillAsync();
            }
        }

        Phase("ended");
        MemoryFileSystem disk = power.CutPower();
        power.Free();
        try
        {
            await using EmbeddedServer restarted = await EmbeddedServer.StartAsync(new FaultFileSystem(disk));
            await using NpgsqlConnection session = await restarted.OpenAsync();
            await VerifyAsync(session, acknowledged, what);
        }
        catch (Exception e) when (e is ClusterException or NpgsqlException)
        {
            Assert.Fail($"{what}: it does not start again after the repair: {e}\nthe run's log:\n{server?.LogTail}");
        }

        disk.Dispose();
        Phase("verified");
        if (trace is not null && server is not null)
        {
            trace(server.LogTail);
        }

        return outcome;

        void Phase(string name) => trace?.Invoke($"{Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s: {name}");
    }

    /// <summary>Every step leaves a mark in its own transaction; a step that fails is left out, or the last one.</summary>
    static async Task ScriptAsync(EmbeddedServer server, HashSet<int> acknowledged, bool goesOn)
    {
        NpgsqlConnection? session = null;
        for (int step = 0; step < Steps; step++)
        {
            try
            {
                session ??= await ReconnectAsync(server);
                await session.ExecuteAsync($"""
                    begin;
                    create table step_{step} as select i, repeat('x', 300) v from generate_series(1, 200) i;
                    create index on step_{step} (i);
                    insert into marks values ({step});
                    update shared set v = v + 1, filler = repeat(v::text, 50);
                    commit
                    """);
                acknowledged.Add(step);
                await session.ExecuteAsync((step % 4) switch { 0 => "checkpoint", 1 => "vacuum shared", 2 => "select pg_switch_wal()", _ => "select count(*) from shared" });
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                if (session is not null)
                {
                    await session.DisposeAsync();
                    session = null;
                }

                if (!goesOn || server.Cluster.Completion.IsCompleted)
                {
                    break;
                }
            }
        }

        if (session is not null)
        {
            await session.DisposeAsync();
        }
    }

    static async Task VerifyAsync(NpgsqlConnection session, HashSet<int> acknowledged, string what)
    {
        List<int> marks = await session.ColumnAsync<int>("select n from marks order by n");
        Assert.True(acknowledged.IsSubsetOf(marks), $"{what}: acknowledged {string.Join(',', acknowledged)}, found {string.Join(',', marks)}");
        Assert.Equal(marks.Count * 100L, await session.ScalarAsync<long>("select sum(v) from shared"));
        Assert.Equal(marks, await session.ColumnAsync<int>("select substr(relname, 6)::int from pg_class where relname ~ '^step_[0-9]+$' and relkind = 'r' order by 1"));
        foreach (int step in marks)
        {
            Assert.Equal(200, await session.ScalarAsync<long>($"select count(*) from step_{step} where v = repeat('x', 300)"));
        }
    }

    /// <summary>A session once the server, which may be recovering, lets one in.</summary>
    static async Task<NpgsqlConnection> ReconnectAsync(EmbeddedServer server)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await server.OpenAsync();
            }
            catch (NpgsqlException e) when (attempt < (e is PostgresException { SqlState: not "57P03" } ? 5 : 400) && !server.Cluster.Completion.IsCompleted)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>A stopped cluster with the script's tables.</summary>
    static async Task<MemoryFileSystem> PrepareAsync()
    {
        var files = new MemoryFileSystem();
        await using EmbeddedServer server = await EmbeddedServer.StartAsync(new FaultFileSystem(files));
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create table marks (n int primary key); create table shared (v int, filler text); insert into shared select 0, '' from generate_series(1, 100)");
        }

        await server.Cluster.StopAsync();
        return files;
    }

    /// <summary>What the run calls when nothing fails: how far to go with each kind of failure.</summary>
    static async Task<List<FileCall>> ListCallsAsync(MemoryFileSystem prepared)
    {
        using MemoryFileSystem clone = prepared.Clone();
        var calls = new List<FileCall>();
        var files = new FaultFileSystem(clone)
        {
            Observer = (call, _) =>
            {
                lock (calls)
                {
                    calls.Add(call);
                }
            },
        };
        await using EmbeddedServer server = await EmbeddedServer.StartAsync(files);
        var acknowledged = new HashSet<int>();
        await ScriptAsync(server, acknowledged, goesOn: true);
        Assert.Equal(Steps, acknowledged.Count);
        await server.Cluster.StopAsync();
        return calls;
    }

    sealed record Kind(string Name, FaultRule Rule)
    {
        public bool Meets(FileCall call) => (Rule.Operations & call.Operation) != 0 && (Rule.Path?.Invoke(call.Path) ?? true) && Rule.Except?.Invoke(call) != true;
    }
}
