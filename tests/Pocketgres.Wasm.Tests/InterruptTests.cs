using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Functions that look for interrupts because they may fail.</summary>
public unsafe class InterruptTests
{
    [Fact]
    public void AFunctionThatMayFailCallsTheKernelWhenAnInterruptIsWanted()
    {
        var b = new WasmBuilder();
        int allocates = b.Function("ii", c => c.Get(0).I32(1).Op(I32Add), "allocates");
        b.Function("ii", c => c.Get(0).I32(2).Op(I32Add), "computes");
        using var instance = new TestInstance(b, interrupts: InterruptFacts.None with { ErrorPoints = new HashSet<int> { allocates } });
        Assert.Equal(8, instance.Call("allocates", 7));
        *(int*)(instance.M + InstanceLayout.InterruptWanted) = 1;
        Assert.Equal(9, instance.Call("computes", 7));

        // There is no process here that could be told.
        Assert.Throws<InvalidOperationException>(() => instance.Call("allocates", 7));
    }

    [Theory]
    [InlineData("innermost", false)] // ends with its data
    [InlineData("straight", false)] // so does one that calls what does not loop
    [InlineData("nested", true)]
    [InlineData("calling", true)]
    [InlineData("through_table", true)]
    [InlineData("answering", false)] // looks itself
    public void ALoopLooksThatMayTakeLong(string function, bool looks)
    {
        var b = new WasmBuilder { TableSize = 1 };
        int next = b.Function("ii", c => c.Get(0).I32(1).Op(I32Sub), "next");
        int answers = b.Function("ii", c => c.Block(Loop, 'v', l => l.I32(0).BrIf(0)).Get(0).I32(1).Op(I32Sub), "answers");
        int innermost = b.Function("ii", c => c.Block(Loop, 'v', l => l.Get(0).I32(1).Op(I32Sub).Tee(0).BrIf(0)).Get(0), "innermost");
        b.Elements(0, [next]);
        Calling("straight", c => c.Call(next));
        Calling("calling", c => c.I32(1).Op(I32Sub).Call(innermost).Get(0).Op(I32Add).I32(1).Op(I32Sub));
        Calling("through_table", c => c.I32(0).CallIndirect(b.Type("ii")));
        Calling("answering", c => c.Call(answers));
        b.Function("ii", c => c.Block(Loop, 'v', o => o.I32(3).Set(1).Block(Loop, 'v', l => l.Get(1).I32(1).Op(I32Sub).Tee(1).BrIf(0)).Get(0).I32(1).Op(I32Sub).Tee(0).BrIf(0)).Get(0), "nested", "i");
        using var instance = new TestInstance(b, interrupts: InterruptFacts.None with { Answers = new HashSet<int> { answers }, FailingLoops = [0..int.MaxValue] });
        Assert.Equal(0, instance.Call(function, 2));
        *(int*)(instance.M + InstanceLayout.InterruptWanted) = 1;
        if (looks)
        {
            // There is no process here that could be told.
            Assert.Throws<InvalidOperationException>(() => instance.Call(function, 2));
        }
        else
        {
            Assert.Equal(0, instance.Call(function, 2));
        }

        void Calling(string name, Action<Code> turn) => b.Function("ii", c => c.Block(Loop, 'v', l =>
        {
            l.Get(0);
            turn(l);
            l.Tee(0).BrIf(0);
        }).Get(0), name);
    }
}
