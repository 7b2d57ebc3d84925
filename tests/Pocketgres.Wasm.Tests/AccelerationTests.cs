using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

public class AccelerationTests
{
    // Parameters: index, end. Locals: 2 the number of turns.
    private const int Index = 0, End = 1, Turns = 2;

    /// <summary>The host's "steps" takes three turns of this loop at once as long as there are more than three.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(4, 1)]
    [InlineData(10, 4)]
    [InlineData(3001, 751)]
    public void TheHostTakesTurns(int count, int turns)
    {
        Assert.Equal(count, Run(Counter(out _), count));
        Assert.Equal(turns, Run(Counter(out int f), count, new LoopAcceleration("steps", f, 0, "steps", [Index, End], [Index])));
    }

    [Fact]
    public void EachAdvancedLocalIsMovedOn() =>
        Assert.Equal(10, Run(Counter(out int f), 10, new LoopAcceleration("steps", f, 0, "steps", [Index, End], [Index, Turns])));

    [Fact]
    public void AnInnerLoopIsCountedInCodeOrder()
    {
        var builder = new WasmBuilder();
        int f = builder.Function(
            "iii",
            c => c.Block(Loop, 'v', outer => outer
                .I32(0).Set(3)
                .Block(Loop, 'v', l => Turn(l.Get(3).I32(1).Op(I32Add).Set(3)).BrIf(0))
                .Get(Index).I32(100).Op(I32LtS).BrIf(0)).Get(Turns),
            "f",
            "ii");
        Assert.Equal(25, Run(builder, 100, new LoopAcceleration("inner", f, 1, "steps", [Index, End], [Index])));
    }

    [Fact]
    public void ALoopThatDoesNotExistIsNamed() =>
        Fails(Counter(out int f), "the loop", new LoopAcceleration("the loop", f, 1, "steps", [Index, End], [Index]));

    [Fact]
    public void AMissingLocalIsNamed() =>
        Fails(Counter(out int f), "17", new LoopAcceleration("bad local", f, 0, "steps", [Index, 17], [Index]));

    [Fact]
    public void OnlyIntegersAreAdvanced() =>
        Fails(Counter(out int f, "ij"), "local 3", new LoopAcceleration("wide", f, 0, "steps", [Index, End], [3]));

    [Fact]
    public void TheHostFunctionMustFit() =>
        Fails(Counter(out int f), "signature", new LoopAcceleration("unfit", f, 0, "steps", [Index], [Index]));

    [Fact]
    public void OneLoopOfAFunction() => Fails(
        Counter(out int f),
        "two",
        new LoopAcceleration("one", f, 0, "steps", [Index, End], [Index]),
        new LoopAcceleration("two", f, 0, "steps", [Index, End], [Index]));

    private static WasmBuilder Counter(out int function, string locals = "i")
    {
        var builder = new WasmBuilder();
        function = builder.Function("iii", c => c.Block(Loop, 'v', l => Turn(l).BrIf(0)).Get(Turns), "f", locals);
        return builder;
    }

    /// <summary>turns++; index++; is index still below end?</summary>
    private static Code Turn(Code c) =>
        c.Get(Turns).I32(1).Op(I32Add).Set(Turns).Get(Index).I32(1).Op(I32Add).Tee(Index).Get(End).Op(I32LtS);

    private static int Run(WasmBuilder builder, int count, params LoopAcceleration[] patches)
    {
        using var instance = new TestInstance(builder, [.. patches]);
        return instance.Call("f", 0, count);
    }

    private static void Fails(WasmBuilder builder, string part, params LoopAcceleration[] patches) =>
        Assert.Contains(part, Assert.Throws<PatchException>(() => new TestInstance(builder, [.. patches])).Message, StringComparison.Ordinal);
}
