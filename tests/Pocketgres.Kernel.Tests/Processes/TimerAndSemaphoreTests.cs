using System.Diagnostics;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>setitimer, sleeping, and the semaphore of each process.</summary>
public sealed unsafe class TimerAndSemaphoreTests
{
    [Fact]
    public void An_alarm_fires_once_and_not_early()
    {
        using var kernel = new TestKernel();
        var fired = new List<long>();
        kernel.Run(p =>
        {
            foreach (double milliseconds in new[] { 0.3, 1, 7.5, 20, 33 })
            {
                fired.Clear();
                long start = Stopwatch.GetTimestamp();
                Assert.Equal(0, TimeCalls.SetIntervalTimer(p.Memory, 0, milliseconds));
                while (fired.Count == 0)
                {
                    p.Pause();
                    p.DeliverSignals();
                }

                Assert.True(Stopwatch.GetElapsedTime(start, fired[0]).TotalMilliseconds >= milliseconds, $"{milliseconds} ms came early");
                p.Sleep(5_000_000);
                p.DeliverSignals();
                Assert.Single(fired);
            }
        }, (_, signal) =>
        {
            Assert.Equal(Signal.Alarm, signal);
            fired.Add(Stopwatch.GetTimestamp());
        });
    }

    [Fact]
    public void An_alarm_interrupts_computing()
    {
        using var kernel = new TestKernel();
        bool fired = false;
        kernel.Run(p =>
        {
            p.SetAlarm(5);
            while (!fired)
            {
                TestKernel.CheckInterrupts(p);
            }
        }, (_, _) => fired = true);
    }

    [Fact]
    public void An_alarm_can_be_armed_anew_and_disarmed()
    {
        using var kernel = new TestKernel();
        int fired = 0;
        kernel.Run(p =>
        {
            p.SetAlarm(0); // never armed
            for (int i = 0; i < 200; i++)
            {
                // Expiries on their way when a timer is set anew must not count for the new time.
                p.SetAlarm(1);
                p.Sleep(i * 10_000);
                p.DeliverSignals();
                int before = fired;
                p.SetAlarm(i % 2 == 0 ? 0 : 3_600_000);
                Assert.True(p.HasPendingSignals || before == fired);
                p.DeliverSignals(); // one that expired before it was disarmed stays pending, as in POSIX
                before = fired;
                p.Sleep(20_000);
                p.DeliverSignals();
                Assert.Equal(before, fired);
            }

            p.SetAlarm(30);
            long start = Stopwatch.GetTimestamp();
            p.SetAlarm(2);
            fired = 0;
            while (fired == 0)
            {
                p.Pause();
                p.DeliverSignals();
            }

            Assert.Equal(1, fired);
            p.SetAlarm(1e18); // far beyond what the host's timers take
            p.SetAlarm(0);
        }, (_, _) => fired++);
    }

    [Fact]
    public void Only_the_real_time_timer_exists()
    {
        using var kernel = new TestKernel();
        kernel.Run(p => Assert.Equal(-(int)Errno.EINVAL, TimeCalls.SetIntervalTimer(p.Memory, 1, 10)));
    }

    [Fact]
    public void Alarms_die_with_their_process()
    {
        using var kernel = new TestKernel();
        for (int i = 0; i < 50; i++)
        {
            kernel.Finish(kernel.Start(p =>
            {
                p.SetAlarm(1);
                p.Sleep(i * 40_000); // ends around the expiry
            }));
        }

        Assert.Empty(kernel.Crashes);
    }

    [Fact]
    public void A_sleep_lasts_its_time_whatever_wakes_the_process()
    {
        using var kernel = new TestKernel();
        int sleeping = 1;
        var sleeper = kernel.Start(p =>
        {
            foreach (int milliseconds in new[] { 1, 10, 40 })
            {
                long start = Stopwatch.GetTimestamp();
                Assert.True(p.Sleep(milliseconds * 1_000_000L));
                Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= milliseconds);
            }

            Assert.True(p.Sleep(0));
            Volatile.Write(ref sleeping, 0);
        });
        var poster = kernel.Start(p =>
        {
            while (Volatile.Read(ref sleeping) == 1)
            {
                sleeper.SemaphorePost(); // wakes, but is no signal
                p.Sleep(200_000);
            }
        });
        kernel.Finish(sleeper, poster);
    }

    [Fact]
    public void A_semaphore_counts()
    {
        using var kernel = new TestKernel();
        int passed = 0;
        var waiter = kernel.Start(p =>
        {
            for (int i = 0; i < 3; i++)
            {
                p.SemaphorePost(); // before the wait: does not block
            }

            for (int i = 0; i < 3; i++)
            {
                p.SemaphoreWait();
            }

            while (true)
            {
                p.SemaphoreWait();
                passed++;
                p.DeliverSignals();
            }
        }, (_, s) => throw new ExitException(s));
        kernel.Run(p =>
        {
            for (int i = 0; i < 20; i++)
            {
                p.Sleep(10_000);
                Assert.Equal(i, passed); // the fourth wait blocks
                waiter.SemaphorePost();
                while (passed <= i)
                {
                    p.Sleep(10_000);
                }
            }

            p.Kernel.Kill(waiter.Pid, Signal.Terminate);
        });
        Assert.Equal(Signal.Terminate, kernel.Finish(waiter));
    }

    [Fact]
    public void Handlers_run_while_a_process_waits_for_its_semaphore_and_the_wait_goes_on()
    {
        using var kernel = new TestKernel();
        var events = new List<string>();
        var waiter = kernel.Start(p =>
        {
            p.Post(Signal.User1);
            p.SemaphoreWait();
            events.Add("semaphore");
        }, (_, s) => events.Add($"signal {s}"));
        kernel.Run(p =>
        {
            for (int i = 0; i < 50; i++)
            {
                int before = events.Count;
                waiter.Post(Signal.User2);
                while (events.Count == before)
                {
                    p.Sleep(20_000);
                }
            }

            waiter.SemaphorePost();
        });
        kernel.Finish(waiter);
        Assert.Equal($"signal {Signal.User1}", events[0]);
        Assert.All(events[1..^1], e => Assert.Equal($"signal {Signal.User2}", e));
        Assert.Equal("semaphore", events[^1]);
    }

    [Fact]
    public void A_handler_that_exits_ends_the_wait_for_a_semaphore_nobody_will_post()
    {
        using var kernel = new TestKernel();
        int entered = 0;
        var waiter = kernel.Start(p =>
        {
            Volatile.Write(ref entered, 1);
            p.SemaphoreWait();
        }, (_, s) => throw new ExitException(s));
        Eventually.Holds(() => Volatile.Read(ref entered) == 1);
        kernel.Kernel.RunLocked(() => 0);
        kernel.Kernel.Kill(waiter.Pid, Signal.Quit);
        Assert.Equal(Signal.Quit, kernel.Finish(waiter));
    }

    [Fact]
    public void A_token_passed_through_semaphores_never_gets_lost()
    {
        const int processes = 5;
        using var kernel = new TestKernel();
        var ring = new Process[processes];
        long start = Stopwatch.GetTimestamp();
        int hops = 0, holder = -1;
        bool ended = false;
        int started = 0;
        for (int i = 0; i < processes; i++)
        {
            int me = i;
            ring[i] = kernel.Start(p =>
            {
                Interlocked.Increment(ref started);
                while (true)
                {
                    p.SemaphoreWait();
                    Assert.Equal(-1, holder);
                    holder = me;
                    if (ended)
                    {
                        holder = -1;
                        ring[(me + 1) % processes].SemaphorePost();
                        return;
                    }

                    hops++;
                    if (hops % 3 == me % 3)
                    {
                        p.Post(Signal.User1); // a signal must not disturb the count
                    }

                    if (hops % 7 == 0)
                    {
                        p.Sleep(1);
                    }

                    p.Yield();
                    Assert.Equal(me, holder);
                    holder = -1;
                    ended = hops >= 100_000 || (hops > 100 && Stopwatch.GetElapsedTime(start).TotalSeconds > 1.5);
                    ring[(me + 1) % processes].SemaphorePost();
                }
            }, (_, _) => { });
        }

        kernel.Kernel.RunLocked(() =>
        {
            ring[0].SemaphorePost();
            return 0;
        });
        kernel.Finish(ring);
        Assert.True(hops > 100, $"only {hops} hops");
    }
}
