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
        using var instance = new TestInstance(b, interrupts: new InterruptFacts(new HashSet<int> { allocates }, 0));
        Assert.Equal(8, instance.Call("allocates", 7));
        *(int*)(instance.M + InstanceLayout.InterruptWanted) = 1;
        Assert.Equal(9, instance.Call("computes", 7));

        // There is no process here that could be told.
        Assert.Throws<InvalidOperationException>(() => instance.Call("allocates", 7));
    }
}
