using System.Diagnostics;
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
        var (packed, changes) = Drive(spreadRate: 5_000, packedRate: 20_000, TimeSpan.FromSeconds(0.6));
        Assert.Equal(s_severalCores, packed);
        Assert.Equal(s_severalCores ? 3 : 0, changes); // tried, compared with a second window before, kept
    }

    [Fact]
    public void A_crowd_that_is_slower_on_one_core_is_spread_again()
    {
        var (packed, changes) = Drive(spreadRate: 20_000, packedRate: 5_000, TimeSpan.FromSeconds(0.6));
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
        var ticks = new Dictionary<CrowdMode, int>();
        Drive(packing, (mode, _) => mode switch { CrowdMode.Spread => spread, CrowdMode.Packed => packed, _ => withSender }, TimeSpan.FromSeconds(8),
            () => ticks[packing.Mode] = ticks.GetValueOrDefault(packing.Mode) + 1);
        Assert.Equal(s_severalCores ? (CrowdMode)expected : CrowdMode.Spread, ticks.MaxBy(t => t.Value).Key); // the other one is tried now and then
    }

    [Fact]
    public void The_sender_has_a_thread_while_it_is_used()
    {
        using var kernel = new TestKernel();
        var sender = new OutputSender(kernel.Kernel.Threads);
        var packing = new CorePacking(mayUseSender: true);
        bool used = false;
        Drive(packing, (mode, _) => mode == CrowdMode.PackedWithSender ? 20_000 : 5_000, TimeSpan.FromSeconds(3), () =>
        {
            packing.Follow(sender);
            Assert.Equal(packing.Mode == CrowdMode.PackedWithSender, sender.IsActive);
            used |= sender.IsActive;
        });
        Assert.Equal(s_severalCores, used);
        packing.EndCrowd(0);
        packing.Follow(sender);
        Assert.False(sender.IsActive);
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
        }, TimeSpan.FromSeconds(0.6));
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

    [Fact]
    public void Without_waiters_nothing_is_tried()
    {
        var packing = new CorePacking(mayUseSender: true);
        for (long tick = 1; tick < 300; tick++)
        {
            packing.Tick(new LockActivity(tick * 100, tick, 0, 0, Held: true, Waited: false), tick * Millisecond);
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
            packing.Tick(new LockActivity(now / Millisecond * 100, 0, 0, 0, Held: true, Waited: false), now);
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
            packing.Tick(new LockActivity(now / Millisecond * 100, now / Millisecond * 100, 0, 0, Held: true, Waited: true), now);
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

    // In a time of its own: a tick each millisecond.
    private static void Drive(CorePacking packing, Func<CrowdMode, TimeSpan, double> rate, TimeSpan time, Action? ticked = null)
    {
        double work = 0;
        for (long now = 0; Since(0, now) < time; now += Millisecond)
        {
            work += rate(packing.Mode, Since(0, now)) / 1000;
            packing.Tick(new LockActivity((long)work, (long)work, 0, 0, Held: true, Waited: !packing.Packed), now);
            ticked?.Invoke();
        }
    }

    private static TimeSpan Since(long begin, long now) => Stopwatch.GetElapsedTime(begin, now);

    private static string Allowed() => File.ReadLines("/proc/thread-self/status").First(l => l.StartsWith("Cpus_allowed:", StringComparison.Ordinal));
}
