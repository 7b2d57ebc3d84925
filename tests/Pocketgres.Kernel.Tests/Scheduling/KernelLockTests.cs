using System.Diagnostics;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>
/// The kernel's lock: exclusion, no lost wake-up, and that nobody starves; and that code of the program runs without it. Bodies of processes run in a host function, so they
/// have it.
/// </summary>
public sealed unsafe class KernelLockTests
{
    private static readonly TimeSpan HammerTime = TimeSpan.FromSeconds(1.5);

    [Fact]
    public void One_process_runs_at_a_time()
    {
        const int processes = 6, perProcess = 20_000;
        using var kernel = new TestKernel();
        long counter = 0; // plain additions: two at a time would lose some
        int inside = 0;
        long start = Stopwatch.GetTimestamp();
        void Add()
        {
            Assert.Equal(0, inside);
            inside = 1;
            long value = counter;
            Thread.SpinWait((int)(value & 31));
            counter = value + 1;
            inside = 0;
        }

        long done = 0;
        var all = Enumerable.Range(0, processes).Select(seed => kernel.Start(p =>
        {
            var random = new Random(seed);
            int i = 0;
            for (; i < perProcess && (i < 200 || Stopwatch.GetElapsedTime(start) < HammerTime); i++)
            {
                Add();
                switch (random.Next(8))
                {
                    case 0:
                        p.Yield();
                        break;
                    case 1:
                        p.RunBlocking(() => 0);
                        break;
                    case 2:
                        p.Sleep(random.Next(3));
                        break;
                    case 3:
                        TestKernel.PreemptionPoint(p);
                        break;
                    default:
                        TestKernel.CheckInterrupts(p);
                        break;
                }
            }

            done += i;
        })).ToArray();
        int hostRounds = 0;
        var host = new Thread(() =>
        {
            while (hostRounds < 20 || (Stopwatch.GetElapsedTime(start) < HammerTime && !all.All(p => p.HasExited)))
            {
                kernel.Kernel.RunLocked(() =>
                {
                    Add();
                    return hostRounds++;
                });
            }
        });
        host.Start();
        kernel.Finish(all);
        Assert.True(host.Join(TestKernel.Patience));
        Assert.Equal(done + hostRounds, counter);
        Assert.True(done > 1000 && hostRounds > 10, $"{done} and {hostRounds} rounds");
        Assert.Null(kernel.Kernel.Lock.Holder);
        Assert.False(kernel.Kernel.Lock.IsWanted);
    }

    [Fact]
    public void A_process_that_ends_hands_the_lock_on()
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        for (int i = 0; i < 30; i++)
        {
            int kind = i;
            bool others = false, holds = false;
            var first = kernel.Start(p =>
            {
                Volatile.Write(ref holds, true);
                Eventually.Holds(() => p.OthersWait);
                throw (kind % 3) switch
                {
                    0 => ExitException.WithCode(0),
                    1 => new ExitException(Signal.Kill),
                    _ => new InvalidOperationException("crash"),
                };
            });
            Eventually.Holds(() => Volatile.Read(ref holds)); // started later, a thread may still run earlier
            var waiting = Enumerable.Range(0, 3).Select(_ => kernel.Start(_ => others = true)).ToArray();
            kernel.Finish(waiting);
            kernel.Finish(first);
            Assert.True(others);
        }
    }

    [Fact]
    public void The_host_gets_the_lock_gives_results_and_exceptions_and_lets_go()
    {
        using var kernel = new TestKernel();
        var p = kernel.Start(Compute);
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(i, kernel.Kernel.RunLocked(() =>
            {
                Assert.Null(kernel.Kernel.Lock.Holder);
                return i;
            }));
            Assert.Throws<InvalidOperationException>(() => kernel.Kernel.RunLocked<int>(() => throw new InvalidOperationException()));
        }

        kernel.Kernel.Kill(p.Pid, Signal.Kill);
        Assert.Equal(Signal.Kill, kernel.Finish(p));
    }

    [Fact]
    public void A_computing_process_lets_short_ones_run()
    {
        using var kernel = new TestKernel();
        int thread = 0;
        var hog = kernel.Start(p =>
        {
            Volatile.Write(ref thread, HostResources.CurrentThread);
            ((delegate*<byte*, long, void>)p.Export("spin"))(p.Memory, long.MaxValue);
        });
        Eventually.Holds(() => Volatile.Read(ref thread) != 0, "the computing process begins");
        var waits = new List<long>();
        kernel.Run(p =>
        {
            while (waits.Count < 200 || kernel.Kernel.Preemptions <= 20)
            {
                p.Sleep(100_000); // the other one computes
                long before = HostResources.ProcessorTime(thread);
                p.RunBlocking(() => 0);
                waits.Add(HostResources.ProcessorTime(thread) - before);
            }
        });
        int spins = kernel.Kernel.RunLocked(() => *(int*)(hog.Memory + TestProgram.SpinCounter));
        Eventually.Holds(() => kernel.Kernel.RunLocked(() => *(int*)(hog.Memory + TestProgram.SpinCounter)) != spins, "the computing process going on");
        kernel.Kernel.Kill(hog.Pid, Signal.Kill);
        Assert.Equal(Signal.Kill, kernel.Finish(hog));

        // It is asked after a millisecond; half of the waits beyond 50 ms of its processor time would be no preemption at all.
        waits.Sort();
        Assert.True(waits[waits.Count / 2] < 50_000_000, $"median {waits[waits.Count / 2]} ns");
    }

    [Fact]
    public void Computing_processes_take_turns()
    {
        using var kernel = new TestKernel();
        int[] turns = new int[4];
        int last = -1;
        var hogs = Enumerable.Range(0, turns.Length).Select(i => kernel.Start(p =>
        {
            while (true)
            {
                if (last != i)
                {
                    last = i;
                    Volatile.Write(ref turns[i], turns[i] + 1);
                }

                TestKernel.CheckInterrupts(p);
            }
        })).ToArray();
        Eventually.Holds(() => turns.All(t => t > 0), "everybody has begun");
        int[] first = [.. turns];
        int[] taken = [];
        Eventually.Holds(() => (taken = [.. turns.Zip(first, (t, f) => t - f)]).All(t => t >= 25), "everybody's twenty-fifth turn");
        Assert.True(taken.Max() < 10 * taken.Min(), $"turns: {string.Join(", ", taken)}");

        // A yield hands the lock over: the yielding thread does not win it back.
        Assert.True(kernel.Kernel.Preemptions < 2 * turns.Sum(), $"{kernel.Kernel.Preemptions} preemptions for {turns.Sum()} turns");
        foreach (var p in hogs)
        {
            kernel.Kernel.Kill(p.Pid, Signal.Kill);
        }

        Assert.Equal(Signal.Kill, kernel.Finish(hogs));
    }

    [Fact]
    public void A_preempted_process_is_not_starved_by_woken_ones()
    {
        using var kernel = new TestKernel();
        bool end = false;
        long rounds = 0;
        var busy = Enumerable.Range(0, 5).Select(seed => kernel.Start(p =>
        {
            while (!Volatile.Read(ref end))
            {
                Work(50);
                rounds++;
                p.RunBlocking(() => 0);
            }
        })).ToArray();
        long worst = 0;
        int resumed = 0;
        kernel.Run(p =>
        {
            long start = Stopwatch.GetTimestamp();
            while (resumed < 40 && Stopwatch.GetElapsedTime(start) < TestKernel.Patience)
            {
                if (p.OthersWait)
                {
                    long before = rounds;
                    p.Yield();
                    worst = Math.Max(worst, rounds - before);
                    resumed++;
                }
            }

            Volatile.Write(ref end, true);
        });
        kernel.Finish(busy);
        Assert.True(resumed == 40 && worst < 2000, $"{resumed} turns, {worst} rounds of others between two of them");
    }

    [Fact]
    public void A_woken_process_is_not_starved_by_one_that_lets_go_only_for_moments()
    {
        using var kernel = new TestKernel();
        bool end = false;
        long rounds = 0;
        var greedy = kernel.Start(p =>
        {
            while (!Volatile.Read(ref end))
            {
                Work(150); // and never looks whether it is asked to yield
                rounds++;
                p.RunBlocking(() => 0);
            }
        });
        long worst = 0;
        kernel.Run(p =>
        {
            for (int i = 0; i < 60; i++)
            {
                long before = rounds;
                p.Sleep(100_000);
                worst = Math.Max(worst, rounds - before);
            }

            Volatile.Write(ref end, true);
        });
        kernel.Finish(greedy);
        Assert.True(worst < 2000, $"{worst} rounds of the other one in a wait");
    }

    [Fact]
    public void A_process_alone_is_never_asked_to_yield()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            int* flag = (int*)(p.Memory + TestProgram.RescheduleFlag);
            long start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < 30)
            {
                Assert.Equal(0, Volatile.Read(ref *flag));
            }

            p.Yield();
            p.PreemptionPoint();
        });
        Assert.Equal(0, kernel.Kernel.Preemptions);
    }

    [Fact]
    public void A_process_is_asked_to_yield_when_others_have_waited_for_a_while()
    {
        for (int i = 0; i < 20; i++)
        {
            using var kernel = new TestKernel();
            bool running = false;
            long begin = 0;
            var p = kernel.Start(p =>
            {
                int* flag = (int*)(p.Memory + TestProgram.RescheduleFlag);
                Volatile.Write(ref begin, Stopwatch.GetTimestamp());
                Volatile.Write(ref running, true);
                while (Volatile.Read(ref *flag) == 0)
                {
                    Assert.True(Stopwatch.GetElapsedTime(begin) < TestKernel.Patience, "never asked to yield");
                }

                Assert.True(Stopwatch.GetTimestamp() - begin >= KernelLock.Patience);
                Assert.True(p.OthersWait);
            });
            Eventually.Holds(() => Volatile.Read(ref running));
            var waiter = kernel.Start(_ => { });
            kernel.Finish(p, waiter);
        }
    }

    [Fact]
    public void Code_of_the_program_runs_beside_a_process_that_has_the_lock()
    {
        using var kernel = new TestKernel();
        Process? spinner = null;
        kernel.Run(p =>
        {
            spinner = Spinner(p);
            Eventually.Holds(() =>
            {
                p.Yield(); // it begins under the lock
                return SpinsOf(spinner) > 0;
            });
            for (int i = 0; i < 10; i++)
            {
                int spins = SpinsOf(spinner);
                Eventually.Holds(() => SpinsOf(spinner) != spins, "the other process computing");
                Assert.Equal(p, kernel.Kernel.Lock.Holder);
            }

            kernel.Kernel.Kill(spinner.Pid, Signal.Kill);
            Assert.Equal(Signal.Kill, kernel.Kernel.Processes.Wait(p, spinner.Pid));
        });
    }

    [Fact]
    public void One_at_a_time_is_what_can_be_asked_for()
    {
        using var kernel = new TestKernel(options: new KernelOptions { StackSize = 1 << 20, OneAtATime = true });
        kernel.Run(p =>
        {
            var spinner = Spinner(p);
            for (int i = 0; i < 10; i++)
            {
                int spins = SpinsOf(spinner);
                Thread.Sleep(3); // this one has the lock, in whatever it is
                Assert.Equal(spins, SpinsOf(spinner));
                p.Sleep(1_000_000); // the other one has it
                Eventually.Holds(() =>
                {
                    p.Yield();
                    return SpinsOf(spinner) != spins;
                });
            }

            kernel.Kernel.Kill(spinner.Pid, Signal.Kill);
            Assert.Equal(Signal.Kill, kernel.Kernel.Processes.Wait(p, spinner.Pid));
        });
        Assert.True(kernel.Kernel.Preemptions > 0);
    }

    [Fact]
    public void The_lock_is_given_back_however_a_host_function_ends()
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        foreach (Exception end in (Exception[])[new ExitException(3 << 8), new InvalidOperationException("crash"), new LongjmpException()])
        {
            kernel.Finish(kernel.Start(p => throw end));
            var host = new Thread(() => kernel.Kernel.RunLocked(() => 0));
            host.Start();
            Assert.True(host.Join(TestKernel.Patience));
        }
    }

    [Fact]
    public void A_handler_runs_without_the_lock_of_what_it_interrupts()
    {
        using var kernel = new TestKernel();
        bool? before = null, after = null, within = null;
        kernel.Run(p =>
        {
            before = p.IsLocked;
            p.Post(Signal.User1);
            p.DeliverSignals();
            after = p.IsLocked;
        }, (p, _) => within = p.Kernel.Lock.Holder == p && p.IsLocked); // the handler is a host function again, and has it of its own
        Assert.Equal((true, true, true), (before, within, after));
    }

    // A child, whose body is no host function: it calls code of the program, which counts until it is asked to stop.
    private static Process Spinner(Process parent) =>
        parent.Fork("spinner", parent.Tag, c => ((delegate*<byte*, long, void>)c.Export("spin"))(c.Memory, long.MaxValue));

    private static int SpinsOf(Process process) => process.HasExited ? -1 : Volatile.Read(ref *(int*)(process.Memory + TestProgram.SpinCounter));

    private static void Compute(Process p)
    {
        while (true)
        {
            TestKernel.CheckInterrupts(p);
        }
    }

    private static void Work(int microseconds)
    {
        long end = Stopwatch.GetTimestamp() + (microseconds * Stopwatch.Frequency / 1_000_000);
        while (Stopwatch.GetTimestamp() < end)
        {
            Thread.SpinWait(5);
        }
    }
}
