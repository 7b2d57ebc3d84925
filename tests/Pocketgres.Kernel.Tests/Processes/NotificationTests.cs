using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Process.Notify: what a latch in shared memory wakes its owner with.</summary>
public sealed unsafe class NotificationTests
{
    [Fact]
    public void A_notification_before_the_wait_ends_it_and_only_that_one()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            p.Notify();
            p.Notify();
            PollEntry wake;
            Assert.True(p.Block(&wake, 0, -1));
            Assert.False(p.Block(&wake, 0, 10_000_000));
        });
    }

    [Fact]
    public void No_notification_is_lost_between_the_look_and_the_sleep()
    {
        // The notifier has no lock that the process has: it may come anywhere in a turn.
        const int turns = 20_000;
        using var kernel = new TestKernel();
        int wanted = 0, seen = 0;
        var sleeper = kernel.Start(p =>
        {
            while (seen < turns)
            {
                if (Volatile.Read(ref wanted) != seen)
                {
                    Volatile.Write(ref seen, seen + 1);
                    continue;
                }

                PollEntry wake;
                p.Block(&wake, 0, -1);
            }
        });
        for (int i = 1; i <= turns; i++)
        {
            Volatile.Write(ref wanted, i);
            sleeper.Notify();
            long end = Environment.TickCount64 + (long)TestKernel.Patience.TotalMilliseconds;
            while (Volatile.Read(ref seen) != i)
            {
                Assert.True(Environment.TickCount64 < end, $"the process sleeps through notification {i}");
                Thread.SpinWait(i % 50);
            }
        }

        kernel.Finish(sleeper);
    }

    [Fact]
    public void The_end_of_its_parent_ends_a_childs_wait()
    {
        using var kernel = new TestKernel();
        Process? child = null;
        bool orphaned = false;
        kernel.Run(p =>
        {
            child = p.Fork("child", new GuestState(), c =>
            {
                while (c.ParentPid != 0)
                {
                    c.Pause();
                }

                orphaned = true;
            });
            while (child.State != ProcessState.Waiting)
            {
                p.Sleep(100_000);
            }
        });
        kernel.Finish(child!);
        Assert.True(orphaned);
    }
}
