using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>A kernel's end, what it gives back, and several kernels in one .NET process.</summary>
[Collection("Whole process")]
public sealed unsafe class KernelLifeTests
{
    [Fact]
    public void Dispose_ends_every_process_and_gives_everything_back()
    {
        using (var warm = new TestKernel())
        {
            warm.Run(_ => { }); // loads the program: that stays
        }

        var before = Held.Now();
        using var release = new ManualResetEventSlim();
        var kernel = new TestKernel();
        int started = 0;
        Process Start(Action<Process> body) => kernel.Start(p =>
        {
            Interlocked.Increment(ref started);
            body(p);
            Assert.Fail("survived");
        }, (_, _) => { });
        Process[] processes =
        [
            Start(p => p.SemaphoreWait()),
            Start(p => Forever(() => Sleeping(p))),
            Start(p => Forever(() => Pausing(p))),
            Start(p => Forever(() => TestKernel.CheckInterrupts(p))),
            Start(p => Forever(() => TestKernel.CheckInterrupts(p))),
            Start(p => ((delegate*<byte*, long, void>)p.Export("spin"))(p.Memory, long.MaxValue)),
            Start(p => Polling(p)),
            Start(p =>
            {
                p.SetAlarm(10_000);
                p.RunBlocking(() => release.Wait(TestKernel.Patience));
                p.DeliverSignals();
            }),
            Start(p =>
            {
                p.MapSharedMemory("ktest-life", TestProgram.Scratch, 65536);
                for (int i = 0; i < 10; i++)
                {
                    p.Fork("child", new GuestState { Handler = (_, _) => { } }, c => Forever(() => Sleeping(c)));
                }

                Forever(() => Pausing(p));
            }),
        ];
        Eventually.Holds(() => Volatile.Read(ref started) == processes.Length, "all processes running");
        var zombieParent = kernel.Start(p =>
        {
            p.Fork("zombie", new GuestState(), _ => { });
            Forever(() => Pausing(p));
        }, (_, _) => { });
        Eventually.Holds(() => kernel.Kernel.Processes.Snapshot().Any(p => p.Title == "zombie" && p.HasExited), "a zombie");
        Assert.True(HostResources.Reservations() >= before.Reservations + processes.Length + 10);
        var dispose = new Thread(kernel.Kernel.Dispose);
        dispose.Start();
        Eventually.Holds(() => processes.All(p => p.HasExited || p.HasPendingSignals), "everybody being told");
        release.Set();
        Assert.True(dispose.Join(TestKernel.Patience));
        kernel.Dispose(); // a second time is no error
        Assert.All(processes, p => Assert.Equal(Signal.Kill, p.ExitStatus));
        Assert.Equal(Signal.Kill, zombieParent.ExitStatus);
        Assert.Equal(before with { Threads = 0 }, Held.Now() with { Threads = 0 });
        Eventually.Holds(() => Held.Now() == before, "the threads' end"); // a process's end is told by its thread, which then ends
    }

    [Fact]
    public void Dispose_waits_for_a_process_that_never_looks_for_signals()
    {
        // A thread cannot be ended from outside: this is the limit.
        bool release = false, running = false;
        var kernel = new TestKernel();
        var p = kernel.Start(_ =>
        {
            Volatile.Write(ref running, true);
            while (!Volatile.Read(ref release))
            {
                Thread.SpinWait(10);
            }
        });
        Eventually.Holds(() => Volatile.Read(ref running));
        var dispose = new Thread(kernel.Dispose);
        dispose.Start();
        Eventually.Holds(() => p.HasPendingSignals, "SIGKILL pending");
        Assert.True(dispose.IsAlive);
        Assert.False(p.HasExited);
        Volatile.Write(ref release, true);
        Assert.True(dispose.Join(TestKernel.Patience));
        Assert.True(p.HasExited);
    }

    [Fact]
    public void Dispose_waits_for_processes_that_nobody_can_find_any_more()
    {
        int reservations = HostResources.Reservations();
        for (int i = 0; i < 10; i++)
        {
            using var kernel = new TestKernel();
            var p = kernel.Start(p =>
            {
                Assert.True(p.AddressSpace.Grow(96 << 20));
                new Span<byte>(p.Memory + TestProgram.HeapStart, 80 << 20).Fill(1); // takes its time to unmap
            });
            Eventually.Holds(() => kernel.Kernel.Processes.Find(p.Pid) is null, "the process's end");
            kernel.Dispose();
            Assert.Equal(reservations, HostResources.Reservations());
            Assert.True(p.Exited.IsCompletedSuccessfully);
        }
    }

    [Fact]
    public void Processes_that_come_and_go_leave_nothing()
    {
        using var kernel = new TestKernel();
        kernel.Run(_ => { });
        Eventually.Holds(() => HostResources.ProcessThreads() == 0, "the end of idle threads"); // kept for the next process for a while
        var before = Held.Now();
        kernel.Run(p =>
        {
            for (int i = 0; i < 150; i++)
            {
                *(int*)(p.Memory + TestProgram.Scratch) = i;
                var child = p.Fork("child", new GuestState(), c => throw ExitException.WithCode(*(int*)(c.Memory + TestProgram.Scratch)));
                Assert.Equal((i & 0xFF) << 8, p.Kernel.Processes.Wait(p, child.Pid));
            }

            Assert.Equal(1, p.ForkStatistics.TemplateBuilds);
        });

        // A child that was waited for may still be unmapping; Dispose waits for it, here nothing does.
        Eventually.Holds(() => Held.Now() == before, $"what is held being {before}");
    }

    [Fact]
    public void A_process_that_cannot_be_started_leaves_nothing()
    {
        using (var warm = new TestKernel())
        {
            warm.Run(_ => { });
        }

        var before = Held.Now();
        using var kernel = new TestKernel(options: new KernelOptions { StackSize = -1 }); // refused by the thread's constructor
        Assert.ThrowsAny<ArgumentException>(() => kernel.Start(_ => { }));
        Assert.Empty(kernel.Kernel.Processes.Snapshot());
        Assert.Equal(0, kernel.Kernel.Processes.Started);
        Assert.Equal(before, Held.Now());
    }

    [Fact]
    public void Kernels_are_independent()
    {
        using var one = new TestKernel();
        using var two = new TestKernel { CrashesAreExpected = true };

        // The same ids, each kernel with its own lock: both hold theirs at the same time.
        using var bothRun = new Barrier(2);
        void Meet(Process p)
        {
            Assert.True(bothRun.SignalAndWait(TestKernel.Patience), "both kernels run at the same time");
            while (true)
            {
                TestKernel.CheckInterrupts(p);
            }
        }

        var a = one.Start(Meet);
        var b = two.Start(Meet);
        Assert.Equal(a.Pid, b.Pid);
        Assert.Equal(Errno.None, two.Kernel.Kill(b.Pid, Signal.Kill));
        Assert.Equal(Signal.Kill, two.Finish(b));
        Assert.False(a.HasExited);
        two.Finish(two.Start(_ => throw new InvalidOperationException("crash in two")));
        Assert.Empty(one.Crashes);
        two.Dispose();
        one.Run(p => Assert.Equal(a.Pid + 1, p.Pid)); // the first goes on
        one.Kernel.Kill(a.Pid, Signal.Kill);
        Assert.Equal(Signal.Kill, one.Finish(a));
    }

    [Fact]
    public void Many_kernels_run_and_end_at_the_same_time()
    {
        var before = Held.Now();
        Parallel.For(0, 8, i =>
        {
            using var kernel = new TestKernel();
            for (int round = 0; round < 3; round++)
            {
                kernel.Run(p =>
                {
                    *(int*)(p.Memory + TestProgram.Scratch) = i;
                    var child = p.Fork("child", new GuestState(), c => throw ExitException.WithCode(*(int*)(c.Memory + TestProgram.Scratch)));
                    Assert.Equal(i << 8, p.Kernel.Processes.Wait(p, child.Pid));
                });
            }
        });
        Eventually.Holds(() => Held.Now() == before, $"what is held being {before}");
    }

    private static void Forever(Action action)
    {
        while (true)
        {
            action();
        }
    }

    private static void Sleeping(Process p)
    {
        p.Sleep(3_600_000_000_000);
        p.DeliverSignals();
    }

    private static void Pausing(Process p)
    {
        p.Pause();
        p.DeliverSignals();
    }

    private static void Polling(Process p)
    {
        var calls = new Calls(p);
        int listener = calls.Listen("127.0.0.1", 0, out _);
        var (r, _) = calls.Pipe();
        calls.Poll(-1, (listener, Kernel.Net.PollEvents.In), (r, Kernel.Net.PollEvents.In));
    }

    private sealed record Held(int Reservations, int MemoryFiles, int EventFds, int Sockets, int Pipes, int PageMaps, int Threads)
    {
        public static Held Now() => new(HostResources.Reservations(), HostResources.Descriptors("memfd:"), HostResources.Descriptors("eventfd"),
            HostResources.Descriptors("socket:"), HostResources.Descriptors("pipe:"), HostResources.Descriptors("/pagemap"), HostResources.ProcessThreads());
    }
}
