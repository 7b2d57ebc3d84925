using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Side effects happen in program order although operands are computed late.</summary>
public class OrderTests
{
    [Fact]
    public void ArgumentsLeftToRight() => Check([1, 2, 3], 1 - (2 * 3), (c, trace) => c
        .I32(1).Call(trace).I32(2).Call(trace).I32(3).Call(trace).Op(I32Mul).Op(I32Sub));

    [Fact]
    public void CallBeforeStore() => Check([7, 100], 100, (c, trace) => c
        .I32(7).Call(trace).I32(64).I32(100).Memory(I32Store).I32(64).Memory(I32Load).Call(trace).Set(0).Op(Drop).Get(0));

    [Fact]
    public void LoadBeforeStoreSeesTheOldValue() => Check([], 5, (c, _) => c
        .I32(64).I32(5).Memory(I32Store).I32(64).Memory(I32Load).I32(64).I32(6).Memory(I32Store));

    [Fact]
    public void LoadBeforeCallSeesTheOldValue()
    {
        // trace writes the log's count: the load pushed before the call must not see it.
        Check([9], 0, (c, trace) => c.I32(TestHost.Log).Memory(I32Load).I32(9).Call(trace).Op(Drop));
    }

    [Fact]
    public void LoadInTheSameExpressionAsACall() =>
        Check([9], 1000 + 9, (c, trace) => c.I32(TestHost.Log).Memory(I32Load).I32(1000).Op(I32Add).I32(9).Call(trace).Op(I32Add));

    [Fact]
    public void LocalReadBeforeItIsSet() => Check([], 3, (c, _) => c.I32(3).Set(0).Get(0).I32(4).Set(0));

    [Fact]
    public void LocalReadBeforeTeeInTheSameExpression() => Check([], 3 - 4, (c, _) => c.I32(3).Set(0).Get(0).I32(4).Tee(0).Op(I32Sub));

    [Fact]
    public void TeeThenRead() => Check([], 4 + 4, (c, _) => c.I32(3).Set(0).I32(4).Tee(0).Get(0).Op(I32Add));

    [Fact]
    public void LocalsThatShareAnEffectBit()
    {
        int result = Evaluate.Body<int>("i", c => c.I32(1).Set(0).I32(2).Set(64).Get(0).I32(9).Set(64).Get(64).Op(I32Add), new string('i', 65));
        Assert.Equal(10, result);
    }

    [Fact]
    public void GlobalReadBeforeItIsSet()
    {
        var builder = new WasmBuilder();
        builder.Global('i', true, 10);
        builder.Function("i", c => c.Op(GlobalGet, 0).I32(20).Op(GlobalSet, 0).Op(GlobalGet, 0).Op(I32Sub), "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(-10, instance.Call("run"));
    }

    [Fact]
    public void SelectEvaluatesBothThenTheCondition() => Check([1, 2, 0], 2, (c, trace) => c
        .I32(1).Call(trace).I32(2).Call(trace).I32(0).Call(trace).Op(Select));

    [Fact]
    public void SelectConditionThatChangesWhatTheValuesRead()
    {
        Check([], 3, (c, _) => c.I32(3).Set(0).Get(0).I32(8).I32(4).Tee(0).Op(Select));
        Check([5], 0, (c, trace) => c.I32(TestHost.Log).Memory(I32Load).I32(8).I32(5).Call(trace).Op(Select));
    }

    [Fact]
    public void SelectDoesNotSkipATrap() => Assert.Throws<DivideByZeroException>(() =>
        Evaluate.Body<int>("ii", c => c.I32(1).Get(0).Op(I32DivS).I32(7).I32(0).Op(Select), "", 0));

    [Fact]
    public void IndirectCallIndexIsEvaluatedLast()
    {
        var builder = new WasmBuilder { TableSize = 2 };
        int trace = builder.ImportFunction("trace", "ii");
        int callee = builder.Function("iii", c => c.Get(0).Get(1).Op(I32Sub));
        builder.Elements(1, [callee]);
        builder.Function("i", c => c.I32(10).Call(trace).I32(4).Call(trace).I32(1).Call(trace).CallIndirect(builder.Type("iii")), "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(6, instance.Call("run"));
        Assert.Equal([10, 4, 1], TestHost.ReadLog(instance));
    }

    [Fact]
    public void DroppedCallStillRuns() => Check([3, 4], 1, (c, trace) => c.I32(3).Call(trace).I32(4).Call(trace).Ops(Drop, Drop).I32(1));

    [Fact]
    public void DroppedTeeStillWrites() => Check([], 6, (c, _) => c.I32(6).Tee(0).Op(Drop).Get(0));

    [Fact]
    public void EffectsPendingAtABranchHappen() => Check([1, 2], 2, (c, trace) => c
        .Block(Block, 'i', b => b.I32(1).Call(trace).I32(2).Call(trace).Br(0)));

    [Fact]
    public void EffectsPendingAtAConditionalBranchHappen() => Check([1, 2, 3], 5, (c, trace) => c
        .Block(Block, 'v', b => b.I32(1).Call(trace).I32(2).Call(trace).BrIf(0).Op(Drop)).I32(3).Call(trace).Set(0).I32(5));

    [Fact]
    public void EffectsPendingAtABranchTableHappen() => Check([1, 0], 5, (c, trace) => c
        .Block(Block, 'v', b => b.I32(1).Call(trace).I32(0).Call(trace).BrTable(0, 0)).I32(5));

    [Fact]
    public void EffectsPendingAtAReturnHappen() => Check([1], 5, (c, trace) => c.I32(1).Call(trace).I32(5).Op(Return));

    [Fact]
    public void OperandsBelowABlockAreComputedBeforeIt() => Check([1, 2], 3, (c, trace) => c
        .I32(1).Call(trace).Block(Block, 'i', b => b.I32(2).Call(trace)).Op(I32Add));

    [Fact]
    public void StoreAddressBeforeValue() => Check([64, 5], 5, (c, trace) => c
        .I32(64).Call(trace).I32(5).Call(trace).Memory(I32Store).I32(64).Memory(I32Load));

    private static void Check(int[] log, int expected, Action<Code, int> body)
    {
        var builder = new WasmBuilder();
        int trace = builder.ImportFunction("trace", "ii");
        builder.Function("i", c => body(c, trace), "run", "ii");
        using var instance = new TestInstance(builder);
        Assert.Equal(expected, instance.Call("run"));
        Assert.Equal(log, TestHost.ReadLog(instance));
    }
}
