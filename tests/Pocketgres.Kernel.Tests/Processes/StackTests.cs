using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>
/// Programs that recurse without end on the stack of their thread. Each collection of the .NET process looks at all of their frames, 640,000 in one of
/// these tests, for 0.2 s: beside tests that allocate, neither these nor those come on.
/// </summary>
[Collection("Whole process")]
public sealed unsafe class StackTests
{
    private const int Endless = int.MaxValue;

    [Fact]
    public void A_program_that_cannot_report_it_crashes_alone()
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        var neighbour = kernel.Start(p => Assert.Equal(1000, Dive(p, 1000)));
        Assert.Equal(Signal.SegmentationFault, kernel.Finish(kernel.Start(p => Dive(p, Endless))));
        Assert.Equal(0, kernel.Finish(neighbour));
        Assert.IsType<StackLimitException>(Assert.Single(kernel.Crashes).Exception);
    }

    [Fact]
    public void A_program_that_reports_it_goes_on()
    {
        long reportedAt = 0;
        using var kernel = new TestKernel(TestProgram.WithStackLimit(p =>
        {
            reportedAt = p.StackDepth;
            Assert.Equal(500, Dive(p, 500)); // there is some stack left to report with
            throw p.NewLongjmp();
        }));
        kernel.Run(p =>
        {
            for (int i = 0; i < 3; i++)
            {
                Assert.Throws<LongjmpException>(() => Dive(p, Endless));
                Assert.InRange(reportedAt, 500_000, 700_000); // half of the thread's
                Assert.Equal(1000, Dive(p, 1000));
            }
        });
    }

    [Fact]
    public void Reporting_that_recurses_without_end_is_a_crash()
    {
        using var kernel = new TestKernel(TestProgram.WithStackLimit(p => Dive(p, Endless))) { CrashesAreExpected = true };
        Assert.Equal(Signal.SegmentationFault, kernel.Finish(kernel.Start(p => Dive(p, Endless))));
    }

    [Fact]
    public void A_deep_stack_goes_back_to_the_host_when_the_process_waits()
    {
        using var kernel = new TestKernel(TestProgram.WithStackLimit(p => throw p.NewLongjmp()), new KernelOptions());
        kernel.Run(p =>
        {
            Assert.Throws<LongjmpException>(() => Dive(p, Endless));
            long deep = StackPages();
            p.Sleep(1);
            Assert.True(deep > 60_000, $"{deep} kB"); // 64 MiB
            Assert.InRange(StackPages(), 0, 8_000);
        });

        // In kB, of the mapping around a local variable.
        static long StackPages()
        {
            byte here;
            return long.Parse(Smaps.Field(&here, "Rss")[..^2], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public void A_request_to_look_that_comes_while_one_is_answered_is_not_taken_for_a_deep_stack()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            bool done = false;
            var other = new Thread(() =>
            {
                while (!Volatile.Read(ref done))
                {
                    p.Interrupt();
                }
            });
            other.Start();
            try
            {
                for (int i = 0; i < 200_000; i++)
                {
                    p.LookForInterrupts();
                    Assert.Equal(2, Dive(p, 2));
                }
            }
            finally
            {
                Volatile.Write(ref done, true);
                other.Join();
            }
        });
    }

    private static int Dive(Process p, int depth) => ((delegate*<byte*, int, int>)p.Export("dive"))(p.Memory, depth);
}
