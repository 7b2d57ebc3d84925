using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Integer arithmetic. Expected values are the specification's.</summary>
public class IntegerTests
{
    [Theory]
    [InlineData(I32Add, int.MaxValue, 1, int.MinValue)]
    [InlineData(I32Sub, int.MinValue, 1, int.MaxValue)]
    [InlineData(I32Mul, 0x12345678, 0x9abcdef, -498937336)]
    [InlineData(I32DivS, -7, 2, -3)]
    [InlineData(I32DivU, -7, 2, 0x7ffffffc)]
    [InlineData(I32RemS, -7, 2, -1)]
    [InlineData(I32RemS, 7, -2, 1)]
    [InlineData(I32RemS, int.MinValue, -1, 0)]
    [InlineData(I32RemS, 5, -1, 0)]
    [InlineData(I32RemU, -7, 10, 9)]
    [InlineData(I32And, 0b1100, 0b1010, 0b1000)]
    [InlineData(I32Or, 0b1100, 0b1010, 0b1110)]
    [InlineData(I32Xor, 0b1100, 0b1010, 0b0110)]
    [InlineData(I32Shl, 1, 31, int.MinValue)]
    [InlineData(I32Shl, 1, 32, 1)]
    [InlineData(I32Shl, 1, 33, 2)]
    [InlineData(I32Shl, 1, -1, int.MinValue)]
    [InlineData(I32ShrS, int.MinValue, 31, -1)]
    [InlineData(I32ShrS, -8, 33, -4)]
    [InlineData(I32ShrU, int.MinValue, 31, 1)]
    [InlineData(I32ShrU, -1, 36, 0x0fffffff)]
    [InlineData(I32Rotl, unchecked((int)0x80000001), 1, 3)]
    [InlineData(I32Rotl, 0x12345678, 36, 0x23456781)]
    [InlineData(I32Rotr, 1, 1, int.MinValue)]
    [InlineData(I32Rotr, 0x12345678, 100, unchecked((int)0x81234567))]
    public void Int32Binary(WasmOpcode op, int a, int b, int expected) => Assert.Equal(expected, Evaluate.Op<int>(op, a, b));

    [Theory]
    [InlineData(I64Add, long.MaxValue, 1, long.MinValue)]
    [InlineData(I64Sub, long.MinValue, 1, long.MaxValue)]
    [InlineData(I64Mul, 0x100000001, 0x100000001, 0x200000001)]
    [InlineData(I64DivS, -7, 2, -3)]
    [InlineData(I64DivU, -7, 2, 0x7ffffffffffffffc)]
    [InlineData(I64RemS, long.MinValue, -1, 0)]
    [InlineData(I64RemS, -7, 2, -1)]
    [InlineData(I64RemU, -7, 10, 9)]
    [InlineData(I64And, 0xff00ff00ff, 0x0ff00ff00f, 0x0f000f000f)]
    [InlineData(I64Or, 1L << 40, 1, (1L << 40) + 1)]
    [InlineData(I64Xor, -1, 1, -2)]
    [InlineData(I64Shl, 1, 63, long.MinValue)]
    [InlineData(I64Shl, 1, 64, 1)]
    [InlineData(I64Shl, 1, 0x100000001, 2)]
    [InlineData(I64ShrS, long.MinValue, 63, -1)]
    [InlineData(I64ShrS, -8, 65, -4)]
    [InlineData(I64ShrU, -1, 60, 15)]
    [InlineData(I64ShrU, -1, -4, 15)]
    [InlineData(I64Rotl, unchecked((long)0x8000000000000001), 1, 3)]
    [InlineData(I64Rotl, 1, 0x100000004, 16)]
    [InlineData(I64Rotr, 1, 65, long.MinValue)]
    public void Int64Binary(WasmOpcode op, long a, long b, long expected) => Assert.Equal(expected, Evaluate.Op<long>(op, a, b));

    [Theory]
    [InlineData(I32Clz, 0, 32)]
    [InlineData(I32Clz, 1, 31)]
    [InlineData(I32Clz, -1, 0)]
    [InlineData(I32Ctz, 0, 32)]
    [InlineData(I32Ctz, int.MinValue, 31)]
    [InlineData(I32Popcnt, -1, 32)]
    [InlineData(I32Popcnt, 0x10101, 3)]
    [InlineData(I32Eqz, 0, 1)]
    [InlineData(I32Eqz, int.MinValue, 0)]
    [InlineData(I32Extend8S, 0x1ff, -1)]
    [InlineData(I32Extend8S, 0x17f, 0x7f)]
    [InlineData(I32Extend16S, 0x18000, -32768)]
    public void Int32Unary(WasmOpcode op, int a, int expected) => Assert.Equal(expected, Evaluate.Op<int>(op, a));

    [Theory]
    [InlineData(I64Clz, 0, 64)]
    [InlineData(I64Clz, 1, 63)]
    [InlineData(I64Ctz, 0, 64)]
    [InlineData(I64Ctz, long.MinValue, 63)]
    [InlineData(I64Popcnt, -1, 64)]
    [InlineData(I64Extend8S, 0x1ff, -1)]
    [InlineData(I64Extend16S, 0x18000, -32768)]
    [InlineData(I64Extend32S, 0x180000000, int.MinValue)]
    public void Int64Unary(WasmOpcode op, long a, long expected) => Assert.Equal(expected, Evaluate.Op<long>(op, a));

    [Theory]
    [InlineData(0L, 1)]
    [InlineData(1L << 32, 0)]
    [InlineData(-1L, 0)]
    public void Int64Eqz(long a, int expected) => Assert.Equal(expected, Evaluate.Op<int>(I64Eqz, a));

    [Theory]
    [InlineData(I32DivS)]
    [InlineData(I32DivU)]
    [InlineData(I32RemS)]
    [InlineData(I32RemU)]
    public void Int32DivisionByZeroTraps(WasmOpcode op) => Assert.Throws<DivideByZeroException>(() => Evaluate.Op<int>(op, 1, 0));

    [Theory]
    [InlineData(I64DivS)]
    [InlineData(I64DivU)]
    [InlineData(I64RemS)]
    [InlineData(I64RemU)]
    public void Int64DivisionByZeroTraps(WasmOpcode op) => Assert.Throws<DivideByZeroException>(() => Evaluate.Op<long>(op, 1L, 0L));

    [Fact]
    public void OverflowingDivisionTraps()
    {
        Assert.Throws<OverflowException>(() => Evaluate.Op<int>(I32DivS, int.MinValue, -1));
        Assert.Throws<OverflowException>(() => Evaluate.Op<long>(I64DivS, long.MinValue, -1L));
    }

    [Fact]
    public void DroppedDivisionStillTraps() =>
        Assert.Throws<DivideByZeroException>(() => Evaluate.Body<int>("ii", c => c.I32(1).Get(0).Ops(I32DivU, Drop).I32(7), "", 0));

    [Fact]
    public void TrapHappensBeforeLaterEffects()
    {
        var builder = new WasmBuilder();
        int log = builder.ImportFunction("log", "vi");
        builder.Function("ii", c => c.I32(1).Get(0).Op(I32DivS).I32(5).Call(log), "run");
        using var instance = new TestInstance(builder);
        Assert.Throws<DivideByZeroException>(() => instance.Call("run", 0));
        Assert.Empty(TestHost.ReadLog(instance));
    }
}
