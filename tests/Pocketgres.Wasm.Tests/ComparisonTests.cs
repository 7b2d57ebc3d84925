using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Each comparison as a value, negated, and fused into if, br_if and select: five code paths that must agree.</summary>
public class ComparisonTests
{
    private static readonly int[] Ints = [0, 1, -1, int.MinValue, int.MaxValue];
    private static readonly long[] Longs = [0, 1, -1, long.MinValue, long.MaxValue, 1L << 32];
    private static readonly double[] Doubles = [0, -0.0, 1, -1, double.NaN, double.PositiveInfinity, double.NegativeInfinity];

    public static TheoryData<WasmOpcode, Func<int, int, bool>> Int32Comparisons => new()
    {
        { I32Eq, (a, b) => a == b }, { I32Ne, (a, b) => a != b },
        { I32LtS, (a, b) => a < b }, { I32LtU, (a, b) => (uint)a < (uint)b },
        { I32GtS, (a, b) => a > b }, { I32GtU, (a, b) => (uint)a > (uint)b },
        { I32LeS, (a, b) => a <= b }, { I32LeU, (a, b) => (uint)a <= (uint)b },
        { I32GeS, (a, b) => a >= b }, { I32GeU, (a, b) => (uint)a >= (uint)b },
    };

    public static TheoryData<WasmOpcode, Func<long, long, bool>> Int64Comparisons => new()
    {
        { I64Eq, (a, b) => a == b }, { I64Ne, (a, b) => a != b },
        { I64LtS, (a, b) => a < b }, { I64LtU, (a, b) => (ulong)a < (ulong)b },
        { I64GtS, (a, b) => a > b }, { I64GtU, (a, b) => (ulong)a > (ulong)b },
        { I64LeS, (a, b) => a <= b }, { I64LeU, (a, b) => (ulong)a <= (ulong)b },
        { I64GeS, (a, b) => a >= b }, { I64GeU, (a, b) => (ulong)a >= (ulong)b },
    };

    // C#'s operators have IEEE semantics: everything but != is false when an operand is NaN.
    public static TheoryData<WasmOpcode, WasmOpcode, Func<double, double, bool>> FloatComparisons => new()
    {
        { F64Eq, F32Eq, (a, b) => a == b }, { F64Ne, F32Ne, (a, b) => a != b },
        { F64Lt, F32Lt, (a, b) => a < b }, { F64Gt, F32Gt, (a, b) => a > b },
        { F64Le, F32Le, (a, b) => a <= b }, { F64Ge, F32Ge, (a, b) => a >= b },
    };

    [Theory]
    [MemberData(nameof(Int32Comparisons))]
    public void Int32(WasmOpcode op, Func<int, int, bool> expected) => Check(op, 'i', Ints, expected);

    [Theory]
    [MemberData(nameof(Int64Comparisons))]
    public void Int64(WasmOpcode op, Func<long, long, bool> expected) => Check(op, 'j', Longs, expected);

    [Theory]
    [MemberData(nameof(FloatComparisons))]
    public void Floats(WasmOpcode op64, WasmOpcode op32, Func<double, double, bool> expected)
    {
        Check(op64, 'd', Doubles, expected);
        Check(op32, 'f', [.. Doubles.Select(d => (float)d)], (a, b) => expected(a, b));
    }

    private static void Check<T>(WasmOpcode op, char letter, T[] values, Func<T, T, bool> expected)
        where T : notnull
    {
        var builder = new WasmBuilder();
        string signature = $"i{letter}{letter}";
        void Compare(Code c) => c.Get(0).Get(1).Op(op);
        builder.Function(signature, Compare, "value");
        builder.Function(signature, c => { Compare(c); c.Op(I32Eqz); }, "negated");
        builder.Function(signature, c => { Compare(c); c.If('i', t => t.I32(1), e => e.I32(0)); }, "if");
        builder.Function(signature, c => { Compare(c); c.Ops(I32Eqz, I32Eqz, I32Eqz).If('i', t => t.I32(1), e => e.I32(0)); }, "ifnot");
        builder.Function(signature, c => c.Block(Block, 'v', b => { Compare(b); b.BrIf(0).I32(0).Op(Return); }).I32(1), "br_if");
        builder.Function(signature, c => c.Block(Block, 'i', b => { b.I32(7); Compare(b); b.BrIf(0).Op(Drop).I32(0); }), "br_if_value");
        builder.Function(signature, c => { c.I32(1).I32(0); Compare(c); c.Op(Select); }, "select");
        using var instance = new TestInstance(builder);
        foreach (var a in values)
        {
            foreach (var b in values)
            {
                int truth = expected(a, b) ? 1 : 0;
                Assert.Equal(truth, instance.Call("value", a, b));
                Assert.Equal(1 - truth, instance.Call("negated", a, b));
                Assert.Equal(truth, instance.Call("if", a, b));
                Assert.Equal(1 - truth, instance.Call("ifnot", a, b));
                Assert.Equal(truth, instance.Call("br_if", a, b));
                Assert.Equal(truth * 7, instance.Call("br_if_value", a, b));
                Assert.Equal(truth, instance.Call("select", a, b));
            }
        }
    }
}
