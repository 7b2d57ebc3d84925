using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Start, fork, exit, waitpid.</summary>
public sealed unsafe class ProcessLifeTests
{
    private const int Echild = -(int)Errno.ECHILD;

    [Fact]
    public void The_result_of_main_is_the_exit_code()
    {
        using var kernel = new TestKernel();
        var state = new GuestState { Main = (_, _, _) => 3 };
        var process = kernel.Kernel.Spawn(TestProgram.Instance, ["test"], [], "/", "test", tag: state);
        Assert.Equal(3 << 8, kernel.Finish(process));
        Assert.Equal(3 << 8, process.ExitStatus);
        Assert.True(process.HasExited);
        Assert.Null(kernel.Kernel.Processes.Find(process.Pid)); // nobody will wait for it
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(7, 7 << 8)]
    [InlineData(300, (300 & 0xFF) << 8)]
    [InlineData(-1, 0xFF << 8)]
    public void Exit_keeps_the_low_eight_bits(int code, int status)
    {
        using var kernel = new TestKernel();
        Assert.Equal(status, kernel.Finish(kernel.Start(p => ProcessCalls.Exit(p.Memory, code))));
        Assert.Equal(status, kernel.Finish(kernel.Start(p => ProcessCalls.ExitNow(p.Memory, code))));
    }

    [Fact]
    public void A_deadly_signal_is_the_status()
    {
        using var kernel = new TestKernel(TestProgram.WithoutHandlers);
        foreach (int signal in new[] { Signal.Kill, Signal.Terminate, Signal.Quit, Signal.Alarm })
        {
            var p = kernel.Start(Loop);
            Assert.Equal(Errno.None, kernel.Kernel.Kill(p.Pid, signal));
            Assert.Equal(signal, kernel.Finish(p));
        }
    }

    [Fact]
    public void Waitpid_reports_each_child_once()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var table = p.Kernel.Processes;
            Assert.Equal(Echild, table.TryWait(p, -1, out _));
            var child = p.Fork("child", new GuestState(), c => throw ExitException.WithCode(5));
            Assert.Equal(0, table.TryWait(p, -1, out _)); // it cannot have run yet
            Assert.Equal(5 << 8, table.Wait(p, child.Pid));
            Assert.Equal(Echild, table.TryWait(p, child.Pid, out _));
            Assert.Equal(Echild, table.Wait(p, child.Pid));
        });
    }

    [Fact]
    public void Waitpid_for_any_child_reaps_all_and_one_pid_only_that_one()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var table = p.Kernel.Processes;
            var children = Enumerable.Range(1, 5).Select(i => p.Fork("child", new GuestState(), _ => throw ExitException.WithCode(i))).ToList();
            Assert.Equal(3 << 8, table.Wait(p, children[2].Pid));
            var seen = new Dictionary<int, int>();
            while (true)
            {
                int pid = table.TryWait(p, -1, out int status);
                if (pid == Echild)
                {
                    break;
                }

                if (pid == 0)
                {
                    p.Pause();
                    p.DeliverSignals();
                    continue;
                }

                seen.Add(pid, status);
            }

            Assert.Equal(children.Where((_, i) => i != 2).Select(c => c.Pid), seen.Keys.Order());
            Assert.All(seen, s => Assert.Equal(children.FindIndex(c => c.Pid == s.Key) + 1, s.Value >> 8));
        });
    }

    [Fact]
    public void Only_the_parent_can_wait()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var table = p.Kernel.Processes;
            int grandchild = 0, answer = 0;
            var child = p.Fork("child", new GuestState(), c =>
            {
                grandchild = c.Fork("grandchild", new GuestState(), _ => throw ExitException.WithCode(9)).Pid;
                answer = table.Wait(c, c.ParentPid);
                Assert.Equal(9 << 8, table.Wait(c, grandchild));
            });
            Assert.Equal(0, table.Wait(p, child.Pid));
            Assert.Equal(Echild, answer);
            Assert.Equal(Echild, table.TryWait(p, grandchild, out _));
        });
    }

    [Fact]
    public void A_zombie_is_known_until_its_parent_waits()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var table = p.Kernel.Processes;
            var child = p.Fork("child", new GuestState(), _ => throw ExitException.WithCode(1));
            while (!child.HasExited)
            {
                p.Sleep(1_000_000);
            }

            Assert.Same(child, table.Find(child.Pid));
            Assert.Contains(child, table.Snapshot());
            Assert.Equal(Errno.None, table.Kill(child.Pid, 0)); // kill(2): "an existing process might be a zombie"
            Assert.Equal(Errno.None, table.Kill(child.Pid, Signal.Terminate));
            Assert.Equal(child.Pid, table.TryWait(p, -1, out int status));
            Assert.Equal(1 << 8, status);
            Assert.Null(table.Find(child.Pid));
            Assert.Equal(Errno.ESRCH, table.Kill(child.Pid, 0));
        });
    }

    [Fact]
    public void Orphans_lose_their_parent_and_vanish_when_they_end()
    {
        using var kernel = new TestKernel();
        Process? orphan = null, zombie = null;
        bool mayEnd = false;
        kernel.Run(p =>
        {
            orphan = p.Fork("orphan", new GuestState(), c =>
            {
                while (!Volatile.Read(ref mayEnd))
                {
                    c.Sleep(1_000_000);
                }
            });
            zombie = p.Fork("zombie", new GuestState(), _ => { });
            Assert.Equal(p.Pid, orphan.ParentPid);
            while (!zombie.HasExited)
            {
                p.Sleep(1_000_000);
            }
        });
        Assert.Null(kernel.Kernel.Processes.Find(zombie!.Pid)); // reaped with its parent
        Assert.Same(orphan, kernel.Kernel.Processes.Find(orphan!.Pid));
        Assert.Equal(0, orphan.ParentPid); // a later process with the old parent's id is a stranger
        Volatile.Write(ref mayEnd, true);
        kernel.Finish(orphan);
        Assert.Empty(kernel.Kernel.Processes.Snapshot());
    }

    [Fact]
    public void The_parent_gets_sigchld()
    {
        using var kernel = new TestKernel();
        int signals = 0;
        kernel.Run(p =>
        {
            var child = p.Fork("child", new GuestState(), _ => { });
            while (Volatile.Read(ref signals) == 0)
            {
                p.Pause();
                p.DeliverSignals();
            }

            Assert.True(child.HasExited);
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
        }, (_, signal) => signals += signal == Signal.Child ? 1 : 100);
        Assert.Equal(1, signals);
    }

    [Fact]
    public void Ids_count_up_from_the_first_and_wrap_without_reuse_of_known_ones()
    {
        using var kernel = new TestKernel(options: new KernelOptions { FirstPid = 500, MaximumPid = 507 });
        kernel.Run(p =>
        {
            Assert.Equal(500, p.Pid);
            var zombie = p.Fork("zombie", new GuestState(), _ => { });
            Assert.Equal(501, zombie.Pid);
            for (int i = 0; i < 20; i++)
            {
                var child = p.Fork("child", new GuestState(), _ => { });
                Assert.Equal(502 + (i % 6), child.Pid);
                Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
            }

            Assert.Equal(0, p.Kernel.Processes.Wait(p, zombie.Pid)); // its thread may only now have come to run
        });
        Assert.Equal(22, kernel.Kernel.Processes.Started);
    }

    [Fact]
    public void Fork_inherits_what_posix_says()
    {
        using var kernel = new TestKernel();
        var parent = kernel.Start((p, _, _) =>
        {
            byte* m = p.Memory;
            p.Umask = 0x3F;
            p.WorkingDirectory = "/somewhere";
            *(int*)(m + TestProgram.Scratch) = 123;
            Assert.Equal(Errno.None, Pipe.Create(0, out var readEnd, out var writeEnd));
            int r = p.Files.Add(readEnd!), w = p.Files.Add(writeEnd!);
            p.Post(Signal.User1); // pending signals are not inherited
            p.SetAlarm(50); // nor is the alarm
            var child = p.Fork("child", new GuestState { Handler = (_, s) => Assert.Fail($"signal {s} in the child") }, c =>
            {
                Assert.Equal(("child", p.Pid, 0x3F, "/somewhere"), (c.Title, c.ParentPid, c.Umask, c.WorkingDirectory));
                Assert.Equal(p.Environment, c.Environment);
                Assert.Equal(123, *(int*)(c.Memory + TestProgram.Scratch));
                Assert.Same(c, Process.From(c.Memory));
                Assert.NotSame(p.Files, c.Files);
                Assert.True(c.Files.TryGet(w, out var file));
                byte one = 1;
                Assert.Equal(1, file!.Write(&one, 1));
                c.DeliverSignals();
                long until = Environment.TickCount64 + 200;
                while (Environment.TickCount64 < until)
                {
                    c.Sleep(10_000_000);
                    c.DeliverSignals();
                }

                *(int*)(c.Memory + TestProgram.Scratch) = 456;
                c.Files.Close(r);
            });
            while (!p.Kernel.Processes.Find(child.Pid)!.HasExited)
            {
                p.Pause();
                p.DeliverSignals();
            }

            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
            Assert.Equal(123, *(int*)(p.Memory + TestProgram.Scratch));
            Assert.True(p.Files.TryGet(r, out var mine));
            byte b;
            Assert.Equal((1, (byte)1), (mine!.Read(&b, 1), b));
        }, (_, _) => { }, environment: ["A=1", "B="]);
        Assert.Equal(0, kernel.Finish(parent));
    }

    [Fact]
    public void The_end_of_a_process_closes_its_descriptors()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            Assert.Equal(Errno.None, Pipe.Create(OpenFlags.NonBlocking, out var readEnd, out var writeEnd));
            int r = p.Files.Add(readEnd!), w = p.Files.Add(writeEnd!);
            var child = p.Fork("child", new GuestState(), c => c.SemaphoreWait());
            p.Files.Close(w);
            byte b;
            Assert.True(p.Files.TryGet(r, out var file));
            Assert.Equal(-(int)Errno.EAGAIN, file!.Read(&b, 1)); // the child holds the other end
            p.Kernel.Kill(child.Pid, Signal.Kill);
            Assert.Equal(Signal.Kill, p.Kernel.Processes.Wait(p, child.Pid));
            Assert.Equal(0, file.Read(&b, 1));
        });
    }

    [Fact]
    public void A_forked_process_forks()
    {
        using var kernel = new TestKernel();
        kernel.Run(p => Descend(p, 6));

        static void Descend(Process p, int depth)
        {
            int* here = (int*)(p.Memory + TestProgram.Scratch);
            Assert.Equal(depth == 6 ? 0 : depth + 1, *here);
            *here = depth;
            if (depth == 0)
            {
                throw ExitException.WithCode(17);
            }

            var child = p.Fork("child", new GuestState(), c => Descend(c, depth - 1));
            int status = p.Kernel.Processes.Wait(p, child.Pid);
            Assert.Equal(17 << 8, status);
            Assert.Equal(depth, *here);
            if (depth < 6)
            {
                throw new ExitException(status);
            }
        }
    }

    [Fact]
    public void A_crash_is_reported_and_leaves_the_others_alone()
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        int rounds = 0;
        var other = kernel.Start(p =>
        {
            while (true)
            {
                Interlocked.Increment(ref rounds);
                p.Sleep(100_000);
                p.DeliverSignals();
            }
        }, (_, s) => throw new ExitException(s));
        var crashes = new (string What, Action<Process> Body, Type Exception)[]
        {
            ("unreachable", p => ((delegate*<byte*, void>)p.Export("trap"))(p.Memory), typeof(TrapException)),
            ("empty table slot", p => ((delegate*<byte*, int, int>)p.Export("call_slot"))(p.Memory, 3), typeof(TrapException)),
            ("slot beyond the table", p => ((delegate*<byte*, int, int>)p.Export("call_slot"))(p.Memory, 60_000), typeof(TrapException)),
            ("division by zero", p => ((delegate*<byte*, int, int, int>)p.Export("divide"))(p.Memory, 1, 0), typeof(DivideByZeroException)),
            ("division overflow", p => ((delegate*<byte*, int, int, int>)p.Export("divide"))(p.Memory, int.MinValue, -1), typeof(OverflowException)),
            ("abort", p => ProcessCalls.Abort(p.Memory), typeof(TrapException)),
            ("longjmp without setjmp", p => ProcessCalls.ThrowLongjmp(p.Memory), typeof(LongjmpException)),
            ("C++ exception that nobody catches", p => ExceptionCalls.Throw(p.Memory, 0, 0, 0), typeof(CppException)),
            ("host function", _ => throw new InvalidOperationException("mine"), typeof(InvalidOperationException)),
        };
        foreach (var (what, body, exception) in crashes)
        {
            var p = kernel.Start(body);
            Assert.True(kernel.Finish(p) == Signal.Abort, what);
            Assert.True(kernel.Crashes.TryDequeue(out var crash), what);
            Assert.Same(p, crash.Process);
            Assert.IsType(exception, crash.Exception);
        }

        int before = Volatile.Read(ref rounds);
        Eventually.Holds(() => Volatile.Read(ref rounds) > before, "the other process going on");
        kernel.Kernel.Kill(other.Pid, Signal.Terminate);
        Assert.Equal(Signal.Terminate, kernel.Finish(other));
        Assert.Empty(kernel.Crashes); // an end by signal is none
    }

    [Fact]
    public void An_injected_crash_takes_effect_at_the_next_preemption_point_or_wait()
    {
        using var kernel = new TestKernel();
        var computing = kernel.Start(Loop);
        var waiting = kernel.Start(p =>
        {
            p.Pause();
            p.DeliverSignals();
        });
        foreach (var p in new[] { computing, waiting })
        {
            p.InjectCrash();
            Assert.Equal(Signal.Abort, kernel.Finish(p));
        }
    }

    private static void Loop(Process p)
    {
        while (true)
        {
            TestKernel.CheckInterrupts(p);
        }
    }

    [Fact]
    public void The_memory_size_is_known_to_the_program()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            Assert.Equal(TestProgram.Pages, *(int*)(p.Memory + InstanceLayout.MemoryPages));
            Assert.Equal(TestProgram.Pages, MemoryCalls.Grow(p.Memory, 3));
            Assert.Equal(TestProgram.Pages + 3, MemoryCalls.Grow(p.Memory, 0));
            Assert.Equal(-1, MemoryCalls.Grow(p.Memory, 40_000));
            Assert.Equal(1, MemoryCalls.ResizeHeap(p.Memory, 8 << 20));
            Assert.True(p.AddressSpace.Size >= 8 << 20);
            Assert.Equal(0, MemoryCalls.ResizeHeap(p.Memory, unchecked((int)0x80000001)));
            Assert.Equal(1, MemoryCalls.ResizeHeap(p.Memory, MemoryCalls.HeapMaximum(p.Memory)));
            Assert.Equal(2L << 30, p.AddressSpace.Size);
        });
    }
}
