using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Threads of a process.</summary>
public sealed unsafe class ThreadTests
{
    [Fact]
    public void One_runs_at_a_time_and_each_finds_its_own_below_linear_memory()
    {
        const int count = 3, rounds = 50;
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            int inside = 0, ended = 0, stack = p.StackPointer;
            p.EnterKernel(); // as the system call does
            for (int i = 1; i <= count; i++)
            {
                int own = TestProgram.Scratch + (i * 4096);
                p.StartThread(own, thread =>
                {
                    for (int round = 0; round < rounds; round++)
                    {
                        Assert.Equal(1, Interlocked.Increment(ref inside));
                        Assert.Equal((thread.Pid, own), (Process.From(thread.Memory).Pid, thread.StackPointer));
                        Thread.Yield();
                        Assert.Equal(0, Interlocked.Decrement(ref inside));
                        Assert.True(thread.Sleep(50_000));
                    }

                    ended++;
                });
            }

            p.LeaveKernel();
            while (ended < count)
            {
                p.Sleep(100_000);
                Assert.Equal((p.Pid, stack, 0), (Process.From(p.Memory).Pid, p.StackPointer, inside));
            }
        });
    }

    [Fact]
    public void The_end_of_the_process_ends_its_threads()
    {
        using var kernel = new TestKernel();
        int started = 0;
        kernel.Run(p =>
        {
            p.EnterKernel();
            p.StartThread(TestProgram.Scratch, thread =>
            {
                started++;
                while (true)
                {
                    thread.Pause();
                    thread.DeliverSignals();
                }
            });
            p.LeaveKernel();
            while (started == 0)
            {
                p.Sleep(100_000);
            }
        });
        Assert.Equal(1, started);
    }
}
