using System.Diagnostics;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>One core for a crowd: kept while it is faster, given up when not, and never passed on to others.</summary>
public sealed class CorePackingTests
{
    private static readonly bool s_severalCores = Environment.ProcessorCount > 1;

    private static long Millisecond => Stopwatch.Frequency / 1000;

    [Fact]
    public void A_crowd_that_is_faster_on_one_core_is_kept_there()
    {
        var (packed, changes) = Drive(spreadRate: 5_000, packedRate: 20_000, TimeSpan.FromSeconds(1));
        Assert.Equal(s_severalCores, packed);
        Assert.Equal(s_severalCores ? 3 : 0, changes); // tried, compared with a second window before, kept
    }

    [Fact]
    public void A_crowd_that_is_slower_on_one_core_is_spread_again()
    {
        var (packed, changes) = Drive(spreadRate: 20_000, packedRate: 5_000, TimeSpan.FromSeconds(1));
        Assert.False(packed);
        Assert.Equal(s_severalCores ? 2 : 0, changes);
    }

    [Theory]
    [InlineData(10_000, 5_000, 12_000, true, CrowdMode.PackedWithSender)]
    [InlineData(10_000, 5_000, 11_000, true, CrowdMode.Spread)] // it gains too little for the core that it takes
    [InlineData(5_000, 10_000, 12_000, false, CrowdMode.Packed)] // not allowed
    [InlineData(10_000, 10_500, 20_000, false, CrowdMode.Spread)]
    public void A_sender_is_used_where_it_pays(double spread, double packed, double withSender, bool allowed, object expected)
    {
        var packing = new CorePacking(allowed);
        var mode = MostlyIn(packing, mode => mode switch { CrowdMode.Spread => spread, CrowdMode.Packed => packed, _ => withSender }, clients: 2);
        Assert.Equal(s_severalCores ? (CrowdMode)expected : CrowdMode.Spread, mode);
    }

    [Fact]
    public void The_sender_has_a_thread_while_it_is_used()
    {
        using var kernel = new TestKernel();
        var sender = new OutputSender(kernel.Kernel.Threads);
        var packing = new CorePacking(mayUseSender: true);
        bool used = false;
        int waited = 0;
        Drive(packing, (mode, _) => mode == CrowdMode.PackedWithSender ? 20_000 : 5_000, TimeSpan.FromSeconds(3), () =>
        {
            packing.Follow(sender);
            Assert.True(packing.Mode == CrowdMode.PackedWithSender || !sender.IsActive);
            waited += packing.Mode == CrowdMode.PackedWithSender && !sender.IsActive ? 1 : 0;
            used |= sender.IsActive;
        });
        Assert.Equal(s_severalCores, used);
        Assert.Equal(s_severalCores, waited is > 50 and < 300); // each time, the clients get a moment in which the other cores sleep
        packing.EndCrowd(0);
        packing.Follow(sender);
        Assert.False(sender.IsActive);
    }

    [Fact]
    public void The_sender_leaves_the_core_of_the_processes()
    {
        if (!s_severalCores)
        {
            return;
        }

        using var kernel = new TestKernel();
        var sender = new OutputSender(kernel.Kernel.Threads);
        var allowed = CpuSet.OfHostProcess();
        foreach (int core in HostCores.Allowed.Take(3))
        {
            sender.Start(allowed, core);
            Eventually.Holds(() => CoresOfThreads("pg-send").Any(c => !c.Contains(core) && c.Count == allowed.Count - 1), $"the sender having left core {core}");
        }

        sender.Stop();
    }

    [Fact]
    public void A_crowd_that_grows_meanwhile_is_not_mistaken_for_a_faster_mode()
    {
        // The rate doubles in the middle of the first trial, whatever the mode.
        var packing = new CorePacking(mayUseSender: true);
        TimeSpan? began = null;
        Drive(packing, (mode, now) =>
        {
            began ??= mode == CrowdMode.Spread ? null : now;
            return began is null || now < began + TimeSpan.FromMilliseconds(10) ? 10_000 : 20_000;
        }, TimeSpan.FromSeconds(1));
        Assert.Equal(s_severalCores, began is not null);
        Assert.Equal(CrowdMode.Spread, packing.Mode);
    }

    [Fact]
    public void Another_crowd_is_tried_again_soon()
    {
        // The first is faster when spread, and tried ever less often; then comes one that works at another rate and is faster on one core.
        TimeSpan first = TimeSpan.FromSeconds(40), soon = TimeSpan.FromSeconds(1.5);
        var (packed, _) = Drive(t => t > first ? 1_000 : 20_000, t => t > first ? 4_000 : 5_000, first + soon);
        Assert.Equal(s_severalCores, packed);
    }

    [Theory]
    [InlineData(2, CrowdMode.Spread)]
    [InlineData(3, CrowdMode.PackedWithSender)]
    public void Many_clients_begin_with_a_sender(int clients, object expected)
    {
        var packing = new CorePacking(mayUseSender: true);
        Drive(packing, (_, _) => 10_000, TimeSpan.FromSeconds(0.15), clients: clients);
        Assert.Equal(s_severalCores ? (CrowdMode)expected : CrowdMode.Spread, packing.Mode);
    }

    [Theory]
    [InlineData(10_000, 10_500, CrowdMode.PackedWithSender)] // one of many spins anyway: the sender's core is none more
    [InlineData(11_000, 10_000, CrowdMode.Spread)]
    public void Many_clients_keep_what_is_faster(double spread, double withSender, object expected)
    {
        var packing = new CorePacking(mayUseSender: true);
        var mode = MostlyIn(packing, mode => mode == CrowdMode.Spread ? spread : withSender, clients: 8);
        Assert.Equal(s_severalCores ? (CrowdMode)expected : CrowdMode.Spread, mode);
    }

    [Fact]
    public void Many_clients_have_no_sender_where_threads_may_not_look()
    {
        var packing = new CorePacking(mayUseSender: false);
        Drive(packing, (_, _) => 10_000, TimeSpan.FromSeconds(5), () => Assert.NotEqual(CrowdMode.PackedWithSender, packing.Mode), clients: 8);
    }

    [Fact]
    public void A_crowd_that_comes_back_is_treated_as_before()
    {
        // Faster when spread, against what is thought of many clients.
        var packing = new CorePacking(mayUseSender: true);
        Drive(packing, (mode, _) => mode == CrowdMode.Spread ? 20_000 : 10_000, TimeSpan.FromSeconds(3), clients: 8);
        packing.EndCrowd(3 * Stopwatch.Frequency);
        Drive(packing, (_, _) => 20_000, TimeSpan.FromSeconds(0.2), () => Assert.Equal(CrowdMode.Spread, packing.Mode), clients: 8, begin: TimeSpan.FromSeconds(30));
        packing.EndCrowd(31 * Stopwatch.Frequency);
        Drive(packing, (_, _) => 20_000, TimeSpan.FromSeconds(0.2), clients: 8, begin: TimeSpan.FromSeconds(120)); // long ago
        Assert.Equal(s_severalCores ? CrowdMode.PackedWithSender : CrowdMode.Spread, packing.Mode);
    }

    [Fact]
    public void Processes_leave_a_core_to_the_clients_there()
    {
        if (!s_severalCores)
        {
            return;
        }

        var packing = new CorePacking(mayUseSender: true);
        int clientsCore = CorePacking.AnyCore, met = 0;
        Drive(packing, (_, _) => 10_000, TimeSpan.FromSeconds(2), () =>
        {
            if (clientsCore == CorePacking.AnyCore)
            {
                clientsCore = packing.Core; // they come there when the processes are there already
            }

            if (clientsCore != CorePacking.AnyCore)
            {
                packing.Clients.Count(clientsCore);
                met += packing.Core == clientsCore ? 1 : 0;
            }
        }, clients: 8);
        Assert.NotEqual(clientsCore, packing.Core);
        Assert.InRange(met, 1, 400); // ms: a window, after the changes have settled
    }

    [Fact]
    public void The_sender_pauses_for_clients_that_came_to_the_core_of_the_processes()
    {
        const int most = 14; // cores: with more of them the one of the processes is left for another before it has an eighth of the clients
        if (!s_severalCores || HostCores.Allowed.Count > most)
        {
            return;
        }

        using var kernel = new TestKernel();
        var sender = new OutputSender(kernel.Kernel.Threads);
        var packing = new CorePacking(mayUseSender: true);
        int pauses = 0;
        bool active = false;
        Drive(packing, (mode, _) => mode == CrowdMode.Spread ? 5_000 : 20_000, TimeSpan.FromSeconds(10), () =>
        {
            foreach (int core in HostCores.Allowed)
            {
                packing.Clients.Count(core); // so that no core is quieter
            }

            packing.Clients.Count(packing.Core);
            packing.Follow(sender);
            pauses += active && !sender.IsActive && packing.Mode == CrowdMode.PackedWithSender ? 1 : 0;
            active = sender.IsActive;
        }, clients: 8);
        packing.EndCrowd(0);
        packing.Follow(sender);
        Assert.InRange(pauses, 4, 14); // soon, then once a second
    }

    [Fact]
    public void Processes_with_several_requests_in_a_window_count_as_clients()
    {
        using var kernel = new TestKernel();
        var scheduler = kernel.Kernel.Scheduler;
        var processes = Enumerable.Range(0, 3).Select(_ => kernel.Start(_ => { }, (_, _) => { })).ToList();
        processes.ForEach(p => kernel.Finish(p));
        long before = scheduler.Activity.Clients;
        for (int i = 0; i < 10; i++)
        {
            scheduler.CountRequest(processes[0], -1);
            scheduler.CountRequest(processes[1], -1);
        }

        scheduler.CountRequest(processes[2], -1);
        Assert.Equal(2, scheduler.Activity.Clients - before);
    }

    [Fact]
    public void Without_waiters_nothing_is_tried()
    {
        var packing = new CorePacking(mayUseSender: true);
        for (long tick = 1; tick < 300; tick++)
        {
            packing.Tick(new LockActivity(tick * 100, tick, tick, 0, 0, Held: true, Waited: false), tick * Millisecond);
            Assert.False(packing.Packed);
        }
    }

    [Fact]
    public void One_process_that_has_the_core_to_itself_is_let_go()
    {
        if (!s_severalCores)
        {
            return;
        }

        var packing = new CorePacking(mayUseSender: true);
        long now = 0;
        Pack(packing, ref now);
        for (long end = now + Stopwatch.Frequency; packing.Packed && now < end; now += Millisecond)
        {
            packing.Tick(new LockActivity(now / Millisecond * 100, 0, 0, 0, 0, Held: true, Waited: false), now);
        }

        Assert.False(packing.Packed);
    }

    [Fact]
    public void Blocking_host_calls_and_pooled_threads_may_use_all_cores()
    {
        using var kernel = new TestKernel();
        string all = Allowed(), inLock = "", inCall = "", after = "";
        var packing = kernel.Kernel.Scheduler.Cores;
        int thread = 0;
        long now = Stopwatch.GetTimestamp();
        Pack(packing, ref now);
        kernel.Run(p =>
        {
            thread = Environment.CurrentManagedThreadId;
            inLock = Allowed();
            inCall = p.RunBlocking(Allowed);
            after = Allowed();
        });
        packing.EndCrowd(now);
        Assert.Equal(all, inCall);
        Assert.Equal(inLock, after);
        Assert.Equal(!s_severalCores, inLock == all);

        // The thread is back in the pool a moment after its process has ended; meanwhile the pool may make another one and give that out first.
        bool again = false;
        for (var clock = Stopwatch.StartNew(); !again && clock.Elapsed < TestKernel.Patience;)
        {
            var processes = Enumerable.Range(0, 3).Select(_ => kernel.Start(p =>
            {
                again |= Environment.CurrentManagedThreadId == thread; // under the lock
                Assert.Equal(all, Allowed());
            }, (_, _) => { })).ToList();
            processes.ForEach(p => Assert.Equal(0, kernel.Finish(p)));
        }

        Assert.True(again);
    }

    /// <summary>Drives it until threads are kept on one core, where there are several.</summary>
    internal static void Pack(CorePacking packing, ref long now)
    {
        long begin = now;
        while (!packing.Packed && s_severalCores)
        {
            Assert.True(Since(begin, now) < TestKernel.Patience);
            now += Millisecond;
            packing.Tick(new LockActivity(now / Millisecond * 100, 0, now / Millisecond * 100, 0, 0, Held: true, Waited: true), now);
        }
    }

    private static (bool Packed, int Changes) Drive(double spreadRate, double packedRate, TimeSpan time) => Drive(_ => spreadRate, _ => packedRate, time);

    private static (bool Packed, int Changes) Drive(Func<TimeSpan, double> spreadRate, Func<TimeSpan, double> packedRate, TimeSpan time)
    {
        var packing = new CorePacking(mayUseSender: true);
        bool packed = false;
        int changes = 0;
        Drive(packing, (mode, now) => (mode == CrowdMode.Spread ? spreadRate : packedRate)(now), time, () =>
        {
            changes += packed == packing.Packed ? 0 : 1;
            packed = packing.Packed;
        });
        return (packed, changes);
    }

    // What is in force for most of 8 s: the other modes are tried now and then.
    private static CrowdMode MostlyIn(CorePacking packing, Func<CrowdMode, double> rate, int clients)
    {
        var ticks = new Dictionary<CrowdMode, int>();
        Drive(packing, (mode, _) => rate(mode), TimeSpan.FromSeconds(8), () => ticks[packing.Mode] = ticks.GetValueOrDefault(packing.Mode) + 1, clients);
        return ticks.MaxBy(t => t.Value).Key;
    }

    // In a time of its own: a tick each millisecond.
    private static void Drive(
        CorePacking packing, Func<CrowdMode, TimeSpan, double> rate, TimeSpan time, Action? ticked = null, int clients = 2, TimeSpan begin = default)
    {
        double work = 0;
        long counted = 0, end = (long)((begin + time).TotalSeconds * Stopwatch.Frequency);
        int window = packing.Window;
        for (long now = (long)(begin.TotalSeconds * Stopwatch.Frequency); now < end; now += Millisecond)
        {
            work += rate(packing.Mode, Since(0, now)) / 1000;
            if (packing.Window != window)
            {
                window = packing.Window;
                counted += clients;
            }

            packing.Tick(new LockActivity((long)work, counted, (long)work, 0, 0, Held: true, Waited: !packing.Packed), now);
            ticked?.Invoke();
        }
    }

    private static List<List<int>> CoresOfThreads(string name)
    {
        var found = new List<List<int>>();
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                if (File.ReadAllText(task + "/comm").TrimEnd() == name)
                {
                    string list = File.ReadLines(task + "/status").First(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1];
                    found.Add([.. list.Split(',').Select(r => r.Trim().Split('-').Select(int.Parse).ToArray()).SelectMany(r => Enumerable.Range(r[0], r[^1] - r[0] + 1))]);
                }
            }
            catch (IOException)
            {
                // A thread that has ended meanwhile.
            }
        }

        return found;
    }

    private static TimeSpan Since(long begin, long now) => Stopwatch.GetElapsedTime(begin, now);

    private static string Allowed() => File.ReadLines("/proc/thread-self/status").First(l => l.StartsWith("Cpus_allowed:", StringComparison.Ordinal));
}
