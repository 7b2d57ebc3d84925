using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>
/// Code that .NET 10's optimising JIT got wrong in straightforward translations (found by random modules). The project turns tiered
/// compilation off, so that these methods are optimised on their first call.
/// </summary>
public class OptimiserTests
{
    [Theory]
    [InlineData(I64Rotl, I64Eqz)]
    [InlineData(I64Rotr, I64Eqz)]
    [InlineData(I32Rotl, I32Eqz)]
    [InlineData(I32Rotr, I32Eqz)]
    public void RotationComparedWithZero(WasmOpcode rotate, WasmOpcode eqz)
    {
        bool wide = rotate is I64Rotl or I64Rotr;
        char letter = wide ? 'j' : 'i';
        object Value(long v) => wide ? v : (object)(int)v;
        void Count(Code c) => _ = wide ? c.I64(3) : c.I32(3);
        var builder = new WasmBuilder();
        builder.Function($"i{letter}", c => { c.Get(0); Count(c); c.Ops(rotate, eqz); }, "value");
        builder.Function($"i{letter}", c => { c.Get(0); Count(c); c.Ops(rotate, eqz).If('i', t => t.I32(1), e => e.I32(0)); }, "branch");
        builder.Function($"i{letter}", c => { c.Get(0); Count(c); c.Op(rotate).Set(1).Get(1).Op(eqz).If('i', t => t.I32(1), e => e.I32(0)); }, "local", $"{letter}");
        builder.Function($"i{letter}", c => { Count(c); c.Set(1).Get(0).Get(1).Ops(rotate, eqz); }, "count", $"{letter}");
        builder.Function($"i{letter}", c =>
        {
            _ = wide ? c.I64(0) : c.I32(0);
            c.Get(0);
            Count(c);
            c.Ops(rotate, wide ? I64GtS : I32GtS);
        }, "negative");
        using var instance = new TestInstance(builder);
        foreach (string name in (string[])["value", "branch", "local", "count"])
        {
            Assert.Equal(1, instance.Call(name, Value(0)));
            Assert.Equal(0, instance.Call(name, Value(1)));
            Assert.Equal(0, instance.Call(name, Value(8)));
        }

        long becomesNegative = rotate switch
        {
            I64Rotl => 1L << 60,
            I64Rotr => 4L,
            I32Rotl => 1 << 28,
            _ => 4,
        };
        Assert.Equal(1, instance.Call("negative", Value(becomesNegative)));
        Assert.Equal(0, instance.Call("negative", Value(0)));
    }

    [Theory]
    [InlineData(I32Load8U, 0x01)]
    [InlineData(I32Load8S, 0x01)]
    [InlineData(I32Load16U, 0xff01)]
    [InlineData(I32Load16S, unchecked((int)0xffffff01))]
    public void NarrowLoadReinterpretedAsFloat(WasmOpcode load, int expected)
    {
        int actual = Evaluate.Body<int>("ii", c => c.I32(64).I32(unchecked((int)0xc0a0ff01)).Memory(I32Store)
            .Get(0).Memory(load).Op(F32ReinterpretI32).Set(1).Get(1).Op(I32ReinterpretF32), "f", 64);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void LoadAfterMemoryFillSeesTheFill()
    {
        // before = mem8[p]; fill(p, 8, n); before * 10 + mem8[p]
        int actual = Evaluate.Body<int>("iii", c => c.Get(0).Memory(I32Load8U).Set(2).Get(0).I32(8).Get(1).Op(MemoryFill, 0)
            .Get(2).I32(10).Op(I32Mul).Get(0).Memory(I32Load8U).Op(I32Add), "i", 64, 5);
        Assert.Equal(8, actual);
    }

    [Fact]
    public void LoadsAreNotMovedOutOfALoopWithMemoryFill()
    {
        // sum = 0; for (i = 1; i <= 3; i++) { sum = sum * 10 + mem8[p]; fill(p, i, n); }
        int actual = Evaluate.Body<int>("iii", c => c.Block(Block, 'v', o => o.Block(Loop, 'v', l => l
            .Get(2).I32(1).Op(I32Add).Tee(2).I32(3).Op(I32GtS).BrIf(1)
            .Get(3).I32(10).Op(I32Mul).Get(0).Memory(I32Load8U).Op(I32Add).Set(3)
            .Get(0).Get(2).Get(1).Op(MemoryFill, 0).Br(0))).Get(3), "ii", 64, 5);
        Assert.Equal(12, actual);
    }

    [Fact]
    public void LoadsAreNotMovedAcrossMemoryCopy()
    {
        int actual = Evaluate.Body<int>("ii", c => c.Block(Loop, 'v', l =>
        {
            l.Get(2).I32(10).Op(I32Mul).I32(64).Memory(I32Load8U).Op(I32Add).Set(2);
            l.I32(128).Get(1).I32(1).Op(I32Add).Memory(I32Store8);
            l.I32(64).I32(128).Get(0).Op(MemoryCopy, 0);
            l.U32(0u);
            l.Get(1).I32(1).Op(I32Add).Tee(1).I32(3).Op(I32LtS).BrIf(0);
        }).Get(2), "ii", 4);
        Assert.Equal(12, actual);
    }

    [Theory]
    [InlineData(0.0, -0.0)]
    [InlineData(-0.0, 0.0)]
    public void MinimumOfZeros(double constant, double variable) =>
        Assert.True(double.IsNegative(Evaluate.Body<double>("dd", c => c.F64(constant).Get(0).Op(F64Min), "", variable)));
}
