using System.Diagnostics;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>One core for a crowd: kept while it is faster, given up when not, and never passed on to others.</summary>
public sealed class CorePackingTests
{
    private static readonly bool s_severalCores = Environment.ProcessorCount > 1;

    [Fact]
    public void A_crowd_that_is_faster_on_one_core_is_kept_there()
    {
        var (packed, changes) = Drive(spreadRate: 5_000, packedRate: 20_000, TimeSpan.FromSeconds(0.6));
        Assert.Equal(s_severalCores, packed);
        Assert.Equal(s_severalCores ? 1 : 0, changes);
    }

    [Fact]
    public void A_crowd_that_is_slower_on_one_core_is_spread_again()
    {
        var (packed, changes) = Drive(spreadRate: 20_000, packedRate: 5_000, TimeSpan.FromSeconds(0.6));
        Assert.False(packed);
        Assert.Equal(s_severalCores ? 2 : 0, changes);
    }

    [Fact]
    public void Without_waiters_nothing_is_tried()
    {
        var packing = new CorePacking();
        var clock = Stopwatch.StartNew();
        while (clock.ElapsedMilliseconds < 300)
        {
            packing.Tick(new LockActivity(clock.ElapsedMilliseconds * 100, clock.ElapsedMilliseconds, 0, 0, Held: true, Waited: false));
            Assert.False(packing.Packed);
            Thread.Sleep(1);
        }
    }

    [Fact]
    public void One_process_that_has_the_core_to_itself_is_let_go()
    {
        if (!s_severalCores)
        {
            return;
        }

        var packing = new CorePacking();
        var clock = Stopwatch.StartNew();
        Pack(packing, clock);
        while (packing.Packed && clock.Elapsed < TestKernel.Patience)
        {
            packing.Tick(new LockActivity(clock.ElapsedMilliseconds * 100, 0, 0, 0, Held: true, Waited: false));
            Thread.Sleep(1);
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
        Pack(packing, Stopwatch.StartNew());
        kernel.Run(p =>
        {
            thread = Environment.CurrentManagedThreadId;
            inLock = Allowed();
            inCall = p.RunBlocking(Allowed);
            after = Allowed();
        });
        packing.EndCrowd();
        Assert.Equal(all, inCall);
        Assert.Equal(inLock, after);
        Assert.Equal(!s_severalCores, inLock == all);

        // The thread is back in the pool a moment after its process has ended.
        bool again = false;
        for (var clock = Stopwatch.StartNew(); !again && clock.Elapsed < TestKernel.Patience;)
        {
            kernel.Run(_ =>
            {
                again = Environment.CurrentManagedThreadId == thread;
                Assert.Equal(all, Allowed());
            });
        }

        Assert.True(again);
    }

    private static void Pack(CorePacking packing, Stopwatch clock)
    {
        while (!packing.Packed && s_severalCores)
        {
            Assert.True(clock.Elapsed < TestKernel.Patience);
            packing.Tick(new LockActivity(clock.ElapsedMilliseconds * 100, clock.ElapsedMilliseconds * 100, 0, 0, Held: true, Waited: true));
            Thread.Sleep(1);
        }
    }

    private static (bool Packed, int Changes) Drive(double spreadRate, double packedRate, TimeSpan time)
    {
        var packing = new CorePacking();
        double work = 0;
        int changes = 0;
        long start = Stopwatch.GetTimestamp(), last = start;
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            Thread.Sleep(1);
            long now = Stopwatch.GetTimestamp();
            bool packed = packing.Packed;
            work += (packed ? packedRate : spreadRate) * Stopwatch.GetElapsedTime(last, now).TotalSeconds;
            last = now;
            packing.Tick(new LockActivity((long)work, (long)work, 0, 0, Held: true, Waited: !packed));
            changes += packed == packing.Packed ? 0 : 1;
        }

        return (packing.Packed, changes);
    }

    private static string Allowed() => File.ReadLines("/proc/thread-self/status").First(l => l.StartsWith("Cpus_allowed:", StringComparison.Ordinal));
}
