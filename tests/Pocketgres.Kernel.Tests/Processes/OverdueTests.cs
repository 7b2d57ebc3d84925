using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Programs that compute without ever looking for signals or for others that want to run.</summary>
public sealed unsafe class OverdueTests
{
    private const int Flag = TestProgram.Scratch; // what the program's loops wait for

    [Theory]
    [InlineData("await")]
    [InlineData("await_allocating")]
    [InlineData("await_in_library")]
    [InlineData("await_computing")]
    [InlineData("await_computing_in_library")]
    public void SignalsAreHandledInLoops(string loop)
    {
        using var kernel = new TestKernel();
        var toiler = kernel.Start(p => Call(p, loop), (p, signal) => *(int*)(p.Memory + Flag) = signal);
        toiler.Post(Signal.User1);
        Assert.Equal(0, kernel.Finish(toiler));
    }

    [Fact]
    public void SignalsAreHandledAtBoundedFunctions()
    {
        using var kernel = new TestKernel();
        var toiler = kernel.Start(ToilWithBoundedFunctions, (p, signal) => *(int*)(p.Memory + Flag) = signal);
        toiler.Post(Signal.User1);
        Assert.Equal(0, kernel.Finish(toiler));
    }

    [Theory]
    [InlineData("await")]
    [InlineData("await_allocating")]
    [InlineData("await_in_library")]
    [InlineData("await_computing")]
    [InlineData("await_computing_in_library")]
    public void SigkillEndsLoops(string loop)
    {
        using var kernel = new TestKernel();
        var toiler = kernel.Start(p => Call(p, loop), (_, _) => { });
        toiler.Post(Signal.Kill);
        Assert.Equal(Signal.Kill, kernel.Finish(toiler));
    }

    [Fact]
    public void SigkillEndsAProgramAtBoundedFunctions()
    {
        using var kernel = new TestKernel();
        var toiler = kernel.Start(ToilWithBoundedFunctions);
        toiler.Post(Signal.Kill);
        Assert.Equal(Signal.Kill, kernel.Finish(toiler));
    }

    [Theory]
    [InlineData("await_allocating", 30)] // where it may fail
    [InlineData("await", 10)] // where it may when it has not answered for a while
    [InlineData("await_in_library", 0)] // where it never may
    [InlineData("await_computing", 10)] // the same of loops that call nothing
    [InlineData("await_computing_in_library", 0)]
    public void AProgramIsAskedToFailWhereItMay(string loop, int expected)
    {
        int asked = 0;
        using var kernel = new TestKernel(TestProgram.WithInterrupts(_ => asked++));
        kernel.Run(p =>
        {
            *(int*)(p.Memory + Flag) = 1; // one turn each
            for (int i = 0; i < 30; i++)
            {
                p.Interrupt();
                Call(p, loop);
            }

            Assert.Equal(expected, asked);
            p.PreemptionPoint();
            for (int i = 0; i < 20; i++)
            {
                p.Interrupt();
                Call(p, "await");
            }

            Assert.Equal(expected, asked);
        });
    }

    [Fact]
    public void AProgramThatDoesNotFailIsAskedAgain()
    {
        int asked = 0;
        using var kernel = new TestKernel(TestProgram.WithInterrupts(p => *(int*)(p.Memory + Flag) = ++asked == 3 ? 1 : 0));
        var toiler = kernel.Start(p => Call(p, "await_allocating"), (_, _) => { });
        toiler.Post(Signal.User1);
        Assert.Equal(0, kernel.Finish(toiler));
        Assert.Equal(3, asked);
    }

    [Fact]
    public void AHandlerIsNotInterruptedByOtherHandlers()
    {
        int asked = 0, inside = 0;
        using var kernel = new TestKernel(TestProgram.WithInterrupts(_ => asked++));
        var toiler = kernel.Start(p => Call(p, "await_allocating"), (p, _) =>
        {
            Assert.Equal(0, inside++);
            if (*(int*)(p.Memory + Flag) == 0)
            {
                *(int*)(p.Memory + Flag) = 1;
                p.Post(Signal.User2);
                p.Interrupt();
                Call(p, "await_allocating");
                Assert.Equal(0, asked);
            }

            inside--;
        });
        toiler.Post(Signal.User1);
        Assert.Equal(0, kernel.Finish(toiler));
    }

    [Fact]
    public void AHandlerLeavesWhatALoopKeepsBelowTheStackPointer()
    {
        using var kernel = new TestKernel();
        int before = 0, inside = 0, after = 0;
        var toiler = kernel.Start(
            p =>
            {
                before = p.StackPointer;
                Call(p, "await_computing");
                after = p.StackPointer;
            },
            (p, signal) =>
            {
                inside = p.StackPointer;
                *(int*)(p.Memory + Flag) = signal;
            });
        toiler.Post(Signal.User1);
        Assert.Equal(0, kernel.Finish(toiler));
        Assert.InRange(inside, 1, before - 128);
        Assert.Equal(before, after);
    }

    [Fact]
    public void AnInterruptIsNoEndOfTheStack()
    {
        using var kernel = new TestKernel(TestProgram.WithStackLimit(_ => Assert.Fail("the stack is not full")));
        kernel.Run(p =>
        {
            for (int i = 0; i < 1000; i++)
            {
                p.Interrupt();
                CallBounded(p);
            }
        });
    }

    private static void ToilWithBoundedFunctions(Process p)
    {
        while (Volatile.Read(ref *(int*)(p.Memory + Flag)) == 0)
        {
            CallBounded(p);
        }
    }

    private static void Call(Process p, string loop) => ((delegate*<byte*, int, void>)p.Export(loop))(p.Memory, Flag);

    // It calls through the table.
    private static void CallBounded(Process p) =>
        Assert.Equal(42, ((delegate*<byte*, int, int>)p.Export("call_slot"))(p.Memory, TestProgram.AnswerSlot));
}
