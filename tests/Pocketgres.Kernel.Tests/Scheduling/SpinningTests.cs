using System.Diagnostics;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>Waiting for the global lock without sleeping: done where it may be, loses no wake-up, starves nobody who sleeps.</summary>
public sealed class SpinningTests
{
    private static readonly bool s_severalCores = Environment.ProcessorCount > 1;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Somebody_spins_where_threads_may(bool allowed)
    {
        using var kernel = new TestKernel(options: new KernelOptions { StackSize = 1 << 20, BusyWait = allowed });
        var scheduler = kernel.Kernel.Scheduler;
        long begin = Stopwatch.GetTimestamp();
        bool Enough() => allowed && s_severalCores
            ? scheduler.Spins > 100 || Stopwatch.GetElapsedTime(begin) > TestKernel.Patience
            : Stopwatch.GetElapsedTime(begin).TotalMilliseconds > 100;
        kernel.Finish([.. Enumerable.Range(0, 2).Select(_ => kernel.Start(p => TakeTurns(p, Enough, 20)))]);
        Assert.Equal(allowed && s_severalCores, scheduler.Spins > 0);
    }

    [Fact]
    public void Nobody_spins_on_the_one_core_of_a_crowd()
    {
        using var kernel = new TestKernel();
        var scheduler = kernel.Kernel.Scheduler;
        long now = Stopwatch.GetTimestamp();
        CorePackingTests.Pack(scheduler.Cores, ref now);
        long begin = Stopwatch.GetTimestamp();
        kernel.Finish([.. Enumerable.Range(0, 3).Select(_ => kernel.Start(p =>
            TakeTurns(p, () => !scheduler.Cores.Packed || Stopwatch.GetElapsedTime(begin).TotalMilliseconds > 50, 20)))]);
        if (scheduler.Cores.Packed) // until the timer finds otherwise
        {
            Assert.Equal(0, scheduler.Spins);
        }
    }

    [Fact]
    public void Who_sleeps_is_not_starved_by_those_who_spin()
    {
        using var kernel = new TestKernel();
        var scheduler = kernel.Kernel.Scheduler;
        bool end = false;

        // Whenever one lets go the other one spins, so that nobody would ever be woken for it.
        var pair = StartPair(kernel, () => Volatile.Read(ref end), () =>
        {
            for (long begin = Stopwatch.GetTimestamp(); !scheduler.Spinning && Stopwatch.GetElapsedTime(begin).TotalMicroseconds < 80;)
            {
                Thread.SpinWait(1);
            }
        });
        int turns = 0;
        kernel.Run(p =>
        {
            for (long begin = Stopwatch.GetTimestamp(); turns < 20 && Stopwatch.GetElapsedTime(begin) < TestKernel.Patience; turns++)
            {
                Eventually.Holds(() => scheduler.Waiting > 0); // who spun has given up: we compute
                p.Yield(); // and who was preempted does not spin
            }

            Volatile.Write(ref end, true);
        });
        kernel.Finish(pair);
        Assert.Equal(20, turns);
    }

    [Fact]
    public void Who_spins_counts_as_one_who_waits()
    {
        if (!s_severalCores)
        {
            return;
        }

        // Otherwise a process whose client is quick answers it and goes on with the next question, without ever letting go.
        using var kernel = new TestKernel();
        var scheduler = kernel.Kernel.Scheduler;
        int seen = 0, overlooked = 0;
        long begin = Stopwatch.GetTimestamp();
        kernel.Finish(StartPair(kernel, () => seen > 100 || Stopwatch.GetElapsedTime(begin) > TestKernel.Patience, () =>
        {
            for (long from = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(from).TotalMicroseconds < 50;)
            {
                bool before = scheduler.Spinning, othersWait = scheduler.Current!.OthersWait;
                if (before && scheduler.Spinning)
                {
                    seen++;
                    overlooked += othersWait ? 0 : 1;
                }
            }
        }));
        Assert.True(seen > 100);
        Assert.Equal(0, overlooked);
    }

    [Fact]
    public void A_release_for_one_who_gives_up_is_not_lost()
    {
        // Each has the lock for about as long as the other one spins, and does not come back before that one had it.
        using var kernel = new TestKernel();
        var random = new Random(1);
        int turns = 0;
        kernel.Finish(StartPair(kernel, () => turns >= 5000, () =>
        {
            turns++;
            Hold(random.Next(90, 125));
        }));
        Assert.True(turns >= 5000);
        Assert.Equal(0, kernel.Kernel.Scheduler.Waiting);
        Assert.False(kernel.Kernel.Scheduler.Busy);
    }

    // Two processes that have the lock by turns: one asks for it as soon as the other one has it.
    private static Process[] StartPair(TestKernel kernel, Func<bool> end, Action hold)
    {
        int turn = 0;
        bool over = false;
        return [.. Enumerable.Range(0, 2).Select(mine => kernel.Start(p =>
        {
            while (!over)
            {
                p.EnterBlocking();
                var wait = new SpinWait();
                while (Volatile.Read(ref turn) != mine && !Volatile.Read(ref over))
                {
                    wait.SpinOnce(sleep1Threshold: -1);
                }

                p.LeaveBlocking();
                if (end())
                {
                    Volatile.Write(ref over, true);
                }

                Volatile.Write(ref turn, 1 - mine);
                hold();
            }
        }))];
    }

    // Has the lock for some microseconds, again and again, and lets go for a moment in between.
    private static void TakeTurns(Process p, Func<bool> end, int microseconds)
    {
        while (!end())
        {
            Hold(microseconds);
            p.EnterBlocking();
            p.LeaveBlocking();
        }
    }

    private static void Hold(int microseconds)
    {
        long until = Stopwatch.GetTimestamp() + (microseconds * Stopwatch.Frequency / 1_000_000);
        while (Stopwatch.GetTimestamp() < until)
        {
            Thread.SpinWait(1);
        }
    }
}
