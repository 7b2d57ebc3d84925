using System.Diagnostics;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>kill(2), delivery, and that no signal is ever lost.</summary>
public sealed unsafe class SignalTests
{
    private static readonly TimeSpan HammerTime = TimeSpan.FromSeconds(1.5);

    [Fact]
    public void Kill_checks_its_arguments()
    {
        using var kernel = new TestKernel();
        var p = kernel.Start(p => p.Pause());
        Assert.Equal(Errno.None, kernel.Kernel.Kill(p.Pid, 0));
        Assert.Equal(Errno.ESRCH, kernel.Kernel.Kill(p.Pid + 1, 0));
        Assert.Equal(Errno.ESRCH, kernel.Kernel.Kill(p.Pid + 1, Signal.Terminate));
        Assert.Equal(Errno.EINVAL, kernel.Kernel.Kill(p.Pid, 65));
        Assert.Equal(Errno.EINVAL, kernel.Kernel.Kill(p.Pid, -1));
        Assert.False(p.HasPendingSignals);
    }

    [Fact]
    public void Pending_signals_are_a_set_delivered_in_order_of_number()
    {
        using var kernel = new TestKernel();
        var seen = new List<int>();
        kernel.Run(p =>
        {
            foreach (int signal in new[] { 64, Signal.User2, Signal.User1, Signal.User1, Signal.Terminate, 1, Signal.User1 })
            {
                Assert.Equal(Errno.None, p.Kernel.Kill(p.Pid, signal));
            }

            Assert.Empty(seen); // nothing is delivered outside of a delivery point
            p.Yield();
            Assert.Empty(seen);
            TestKernel.PreemptionPoint(p);
            Assert.Equal([1, Signal.User1, Signal.User2, Signal.Terminate, 64], seen);
            TestKernel.PreemptionPoint(p);
            Assert.Equal(5, seen.Count);
            Assert.False(p.HasPendingSignals);
        }, (_, signal) => seen.Add(signal));
    }

    [Fact]
    public void Every_signal_number_is_its_own()
    {
        using var kernel = new TestKernel();
        var seen = new List<int>();
        var all = Enumerable.Range(1, 64).Where(s => s != Signal.Kill).ToList();
        kernel.Run(p =>
        {
            foreach (int signal in all)
            {
                p.Post(signal);
                p.DeliverSignals();
            }
        }, (_, signal) => seen.Add(signal));
        Assert.Equal(all, seen);
    }

    [Fact]
    public void A_signal_asks_a_computing_program_to_look()
    {
        using var kernel = new TestKernel();
        int seen = 0;
        var p = kernel.Start(p =>
        {
            while (seen == 0)
            {
                TestKernel.CheckInterrupts(p);
            }
        }, (_, signal) => seen = signal);
        kernel.Kernel.Kill(p.Pid, Signal.User2);
        Assert.Equal(0, kernel.Finish(p));
        Assert.Equal(Signal.User2, seen);
    }

    [Fact]
    public void A_handler_that_sends_signals_gets_them_in_the_same_delivery()
    {
        using var kernel = new TestKernel();
        var seen = new List<int>();
        kernel.Run(p =>
        {
            p.Post(Signal.User2);
            p.DeliverSignals();
            Assert.Equal([Signal.User2, Signal.User1, Signal.HangUp], seen);
        }, (p, signal) =>
        {
            seen.Add(signal);
            if (signal != Signal.HangUp)
            {
                p.Post(signal == Signal.User2 ? Signal.User1 : Signal.HangUp);
            }
        });
    }

    [Fact]
    public void A_longjmp_out_of_a_handler_keeps_the_others_pending()
    {
        using var kernel = new TestKernel();
        var seen = new List<int>();
        kernel.Run(p =>
        {
            int* flag = (int*)(p.Memory + TestProgram.RescheduleFlag);
            p.Post(Signal.HangUp);
            p.Post(Signal.Interrupt);
            p.Post(Signal.User1);
            p.Post(Signal.User2);
            *flag = 0;
            Assert.Throws<LongjmpException>(p.DeliverSignals);
            Assert.Equal([Signal.HangUp, Signal.Interrupt], seen);
            Assert.True(p.HasPendingSignals);
            Assert.Equal(1, *flag); // and the program is asked to look again
            Assert.Throws<LongjmpException>(p.DeliverSignals);
            p.DeliverSignals();
            Assert.Equal([Signal.HangUp, Signal.Interrupt, Signal.User1, Signal.User2], seen);
        }, (p, signal) =>
        {
            seen.Add(signal);
            if (signal is Signal.Interrupt or Signal.User1)
            {
                ProcessCalls.ThrowLongjmp(p.Memory);
            }
        });
    }

    [Fact]
    public void A_program_that_blocks_a_signal_in_its_own_raise_keeps_running()
    {
        using var kernel = new TestKernel();
        long blocked = 0, mask = 1 << Signal.User1;
        int handled = 0;
        kernel.Run(p =>
        {
            p.Post(Signal.User1);
            p.DeliverSignals(); // the C library's raise() keeps it pending itself
            Assert.Equal((0, 1L << Signal.User1), (handled, blocked));
            Assert.False(p.HasPendingSignals);
            mask = 0;
            p.Raise(Signal.User1); // what sigprocmask does when it unblocks
            Assert.Equal(1, handled);
        }, (_, signal) =>
        {
            if ((mask & (1L << signal)) != 0)
            {
                blocked |= 1L << signal;
            }
            else
            {
                handled++;
            }
        });
    }

    [Fact]
    public void The_default_action_of_most_signals_ends_the_process()
    {
        using var kernel = new TestKernel(TestProgram.WithoutHandlers);
        foreach (int signal in new[] { Signal.HangUp, Signal.Interrupt, Signal.User1, Signal.User2, Signal.Alarm, Signal.Terminate })
        {
            var p = kernel.Start(p =>
            {
                p.Post(Signal.Child); // ignored
                p.Post(Signal.Urgent);
                p.DeliverSignals();
                p.Post(signal);
                p.DeliverSignals();
                Assert.Fail("survived");
            });
            Assert.Equal(signal, kernel.Finish(p));
        }
    }

    public static TheoryData<string> Waits => ["Pause", "Sleep", "SemaphoreWait", "poll", "read", "waitpid", "connect"];

    [Theory]
    [MemberData(nameof(Waits))]
    public void Sigkill_ends_every_wait(string wait)
    {
        using var kernel = new TestKernel();
        int entered = 0;
        var p = kernel.Start(p =>
        {
            Volatile.Write(ref entered, 1);
            Waiting(p, wait);
            Assert.Fail("survived");
        }, (_, _) => { });

        // Once another thread has the kernel's lock, the process waits (or has not begun: that is tested too).
        Eventually.Holds(() => Volatile.Read(ref entered) == 1);
        kernel.Kernel.RunLocked(() => 0);
        kernel.Kernel.Kill(p.Pid, Signal.Kill);
        Assert.Equal(Signal.Kill, kernel.Finish(p));
    }

    [Theory]
    [InlineData("Pause")]
    [InlineData("Sleep")]
    [InlineData("poll")]
    [InlineData("read")]
    [InlineData("waitpid")]
    public void A_handled_signal_interrupts_a_wait(string wait)
    {
        using var kernel = new TestKernel();
        int entered = 0;
        var seen = new List<int>();
        var p = kernel.Start(p =>
        {
            Volatile.Write(ref entered, 1);
            Waiting(p, wait);
        }, (_, signal) =>
        {
            seen.Add(signal);
            if (signal == Signal.User1 && wait is "read" or "waitpid")
            {
                throw new ExitException(0); // these two restart, as with SA_RESTART
            }
        });
        Eventually.Holds(() => Volatile.Read(ref entered) == 1);
        kernel.Kernel.RunLocked(() => 0);
        kernel.Kernel.Kill(p.Pid, Signal.User1);
        Assert.Equal(0, kernel.Finish(p));
        Assert.Equal(Signal.User1, Assert.Single(seen, s => s != Signal.Child));
    }

    [Fact]
    public void A_host_call_runs_to_its_end_before_sigkill_takes_effect()
    {
        using var kernel = new TestKernel();
        using var release = new ManualResetEventSlim();
        bool returned = false;
        int entered = 0;
        var p = kernel.Start(p =>
        {
            p.RunBlocking(() =>
            {
                Volatile.Write(ref entered, 1);
                return release.Wait(TestKernel.Patience);
            });
            returned = true; // the call is not torn: its caller may finish what belongs to it
            p.DeliverSignals();
            Assert.Fail("survived");
        });
        Eventually.Holds(() => Volatile.Read(ref entered) == 1);
        kernel.Run(_ => { }); // the lock is free meanwhile
        kernel.Kernel.Kill(p.Pid, Signal.Kill);
        Assert.False(p.HasExited);
        release.Set();
        Assert.Equal(Signal.Kill, kernel.Finish(p));
        Assert.True(returned);
    }

    [Fact]
    public void Between_processes_no_signal_is_lost()
    {
        using var kernel = new TestKernel();
        long start = Stopwatch.GetTimestamp();
        int pings = 0, pongs = 0;
        var a = kernel.Start(p => WaitUntil(p, () => pings < 0), (p, signal) =>
        {
            if (signal == Signal.User1)
            {
                pings++;
                p.Kernel.Kill(p.Kernel.Processes.Snapshot().First(o => o.Pid != p.Pid).Pid, Signal.User1);
            }
            else
            {
                pings = -1;
            }
        });
        var b = kernel.Start(p =>
        {
            for (int i = 1; i <= 101 || (i <= 50_000 && Stopwatch.GetElapsedTime(start) < HammerTime); i++)
            {
                p.Kernel.Kill(a.Pid, Signal.User1);
                WaitUntil(p, () => pongs == i);
            }

            p.Kernel.Kill(a.Pid, Signal.Terminate);
        }, (_, _) => pongs++);
        kernel.Finish(a, b);
        Assert.True(pongs > 100, $"only {pongs} rounds");
    }

    [Fact]
    public void From_a_host_thread_no_signal_is_lost()
    {
        using var kernel = new TestKernel();
        int received = 0, end = 0;
        var p = kernel.Start(p =>
        {
            // All kinds of waits in turn, so that the signal falls between check and wait of each.
            PollEntry* nothing = stackalloc PollEntry[1];
            for (int i = 0; end == 0; i++)
            {
                switch (i & 3)
                {
                    case 0:
                        p.Pause();
                        break;
                    case 1:
                        p.Sleep(3_600_000_000_000);
                        break;
                    case 2:
                        p.Block(nothing, 0, -1);
                        break;
                    default:
                        PollCalls.Poll(p.Memory, TestProgram.Scratch, 0, -1);
                        break;
                }

                p.DeliverSignals();
            }
        }, (_, signal) =>
        {
            end = signal == Signal.User2 ? 1 : 0;
            Volatile.Write(ref received, received + 1);
        });
        long start = Stopwatch.GetTimestamp();
        int sent = 0;
        while (sent <= 100 || (sent < 100_000 && Stopwatch.GetElapsedTime(start) < HammerTime))
        {
            p.Post(Signal.User1);
            sent++;
            long posted = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref received) != sent)
            {
                Assert.True(Stopwatch.GetElapsedTime(posted) < TestKernel.Patience, $"signal {sent} was lost");
                Thread.SpinWait(20);
                if (Stopwatch.GetElapsedTime(posted).TotalMilliseconds > 1)
                {
                    Thread.Yield();
                }
            }
        }

        p.Post(Signal.User2);
        kernel.Finish(p);
        Assert.True(sent > 100, $"only {sent} rounds");
    }

    private static void WaitUntil(Process p, Func<bool> condition)
    {
        while (!condition())
        {
            p.Pause();
            p.DeliverSignals();
        }
    }

    private static void Waiting(Process p, string wait)
    {
        byte* m = p.Memory;
        var calls = new Calls(p);
        switch (wait)
        {
            case "Pause":
                p.Pause();
                break;
            case "Sleep":
                Assert.False(p.Sleep(3_600_000_000_000));
                break;
            case "SemaphoreWait":
                p.SemaphoreWait();
                break;
            case "poll":
                Assert.Equal(-(int)Errno.EINTR, PollCalls.Poll(m, TestProgram.Scratch, 0, -1));
                break;
            case "read":
                var (r, _) = calls.Pipe();
                calls.Read(r, 10, out _);
                break;
            case "waitpid":
                var child = p.Fork("child", new GuestState { Handler = (_, _) => { } }, c => c.SemaphoreWait());
                p.Kernel.Processes.Wait(p, child.Pid);
                break;
            case "connect":
                // A listener with a full backlog that nobody accepts from.
                int listener = calls.Listen("127.0.0.1", 0, out int port, backlog: 0);
                while (true)
                {
                    int fd = calls.Socket();
                    calls.Connect(fd, "127.0.0.1", port);
                }
        }

        p.DeliverSignals();
    }
}
