using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Float arithmetic and conversions, where the CLI and WebAssembly could differ: NaN, signed zero, rounding, range.</summary>
public class FloatTests
{
    private const double NaN = double.NaN;
    private const double Inf = double.PositiveInfinity;

    [Theory]
    [InlineData(F64Min, 0.0, -0.0, -0.0)]
    [InlineData(F64Min, -0.0, 0.0, -0.0)]
    [InlineData(F64Max, 0.0, -0.0, 0.0)]
    [InlineData(F64Max, -0.0, 0.0, 0.0)]
    [InlineData(F64Min, NaN, 1.0, NaN)]
    [InlineData(F64Min, 1.0, NaN, NaN)]
    [InlineData(F64Max, NaN, 1.0, NaN)]
    [InlineData(F64Max, 1.0, NaN, NaN)]
    [InlineData(F64Min, -Inf, 1.0, -Inf)]
    [InlineData(F64Copysign, 1.0, -0.0, -1.0)]
    [InlineData(F64Copysign, -1.0, 2.0, 1.0)]
    [InlineData(F64Add, 0.1, 0.2, 0.30000000000000004)]
    [InlineData(F64Sub, 0.0, 0.0, 0.0)]
    [InlineData(F64Mul, 1e308, 10.0, Inf)]
    [InlineData(F64Div, 1.0, 0.0, Inf)]
    [InlineData(F64Div, 0.0, 0.0, NaN)]
    public void DoubleBinary(WasmOpcode op, double a, double b, double expected)
    {
        Same(expected, Evaluate.Op<double>(op, a, b));
        var single = op - F64Add + F32Add;
        if (op != F64Add && op != F64Mul)
        {
            Same((float)expected, Evaluate.Op<float>(single, (float)a, (float)b));
        }
    }

    [Fact]
    public void SingleArithmeticRoundsToSingle()
    {
        Assert.Equal(16777216f, Evaluate.Op<float>(F32Add, 16777216f, 1f));
        Assert.Equal(float.PositiveInfinity, Evaluate.Op<float>(F32Mul, float.MaxValue, 2f));
        Assert.Equal(0.1f * 3f, Evaluate.Op<float>(F32Mul, 0.1f, 3f));

        // (2^24 + 2) - 1 + 1 in double would be exact; each step must round to single.
        Assert.Equal(16777216f, Evaluate.Body<float>("ff", c => c.Get(0).F32(1).Op(F32Add).F32(1).Op(F32Sub).F32(1).Op(F32Add), "", 16777216f));
    }

    [Theory]
    [InlineData(F64Nearest, 0.5, 0.0)]
    [InlineData(F64Nearest, -0.5, -0.0)]
    [InlineData(F64Nearest, 1.5, 2.0)]
    [InlineData(F64Nearest, 2.5, 2.0)]
    [InlineData(F64Nearest, -2.5, -2.0)]
    [InlineData(F64Nearest, 4194304.5, 4194304.0)]
    [InlineData(F64Nearest, NaN, NaN)]
    [InlineData(F64Floor, -0.0, -0.0)]
    [InlineData(F64Floor, -0.5, -1.0)]
    [InlineData(F64Ceil, -0.5, -0.0)]
    [InlineData(F64Ceil, 0.5, 1.0)]
    [InlineData(F64Trunc, -0.9, -0.0)]
    [InlineData(F64Trunc, 2.9, 2.0)]
    [InlineData(F64Sqrt, -1.0, NaN)]
    [InlineData(F64Sqrt, -0.0, -0.0)]
    [InlineData(F64Sqrt, 2.0, 1.4142135623730951)]
    [InlineData(F64Abs, -0.0, 0.0)]
    [InlineData(F64Abs, -Inf, Inf)]
    [InlineData(F64Neg, 0.0, -0.0)]
    [InlineData(F64Neg, Inf, -Inf)]
    public void DoubleUnary(WasmOpcode op, double a, double expected)
    {
        Same(expected, Evaluate.Op<double>(op, a));
        Same((float)expected, Evaluate.Op<float>(op - F64Abs + F32Abs, (float)a));
    }

    [Fact]
    public void NegAbsCopysignWorkOnNaNBits()
    {
        const long Payload = 0x7ff8_0000_0000_1234;
        Assert.Equal(Payload | long.MinValue, Through64(F64Neg, Payload));
        Assert.Equal(Payload, Through64(F64Abs, Payload | long.MinValue));
        Assert.Equal(0x7fc01234 | int.MinValue, Through32(F32Neg, 0x7fc01234));
        Assert.Equal(0x7fc01234, Through32(F32Abs, 0x7fc01234 | int.MinValue));
    }

    [Theory]
    [InlineData(0x7fc00000u)]
    [InlineData(0x7f800001u)] // signalling
    [InlineData(0xffa01234u)] // signalling, negative
    [InlineData(0x80000000u)]
    public void SingleConstantsAndReinterpretKeepBits(uint bits)
    {
        Assert.Equal((int)bits, Evaluate.Body<int>("i", c => c.F32Bits(bits).Op(I32ReinterpretF32)));
        Assert.Equal((int)bits, Evaluate.Body<int>("ii", c => c.Get(0).Ops(F32ReinterpretI32, I32ReinterpretF32), "", (int)bits));

        // Through a local, memory, and a branch.
        Assert.Equal((int)bits, Evaluate.Body<int>("ii", c => c.Get(0).Op(F32ReinterpretI32).Set(1).I32(64).Get(1).Memory(F32Store)
            .I32(64).Memory(F32Load).Set(1).Get(1).Op(I32ReinterpretF32), "f", (int)bits));
    }

    [Fact]
    public void DoubleReinterpretKeepsBits()
    {
        const long Signalling = 0x7ff0_0000_0000_0001;
        Assert.Equal(Signalling, Evaluate.Body<long>("jj", c => c.Get(0).Ops(F64ReinterpretI64, I64ReinterpretF64), "", Signalling));
        Assert.Equal(Signalling, Evaluate.Body<long>("j", c => c.F64(BitConverter.Int64BitsToDouble(Signalling)).Op(I64ReinterpretF64)));
    }

    [Theory]
    [InlineData(I32TruncSatF64S, NaN, 0)]
    [InlineData(I32TruncSatF64S, 1e10, int.MaxValue)]
    [InlineData(I32TruncSatF64S, -1e10, int.MinValue)]
    [InlineData(I32TruncSatF64S, -1.9, -1)]
    [InlineData(I32TruncSatF64U, -1.0, 0)]
    [InlineData(I32TruncSatF64U, -0.9, 0)]
    [InlineData(I32TruncSatF64U, NaN, 0)]
    [InlineData(I32TruncSatF64U, 4294967295.9, -1)]
    [InlineData(I32TruncSatF64U, 1e10, -1)]
    [InlineData(I32TruncSatF64U, 3e9, -1294967296)]
    [InlineData(I32TruncF64S, 2147483647.9, int.MaxValue)]
    [InlineData(I32TruncF64S, -2147483648.9, int.MinValue)]
    [InlineData(I32TruncF64U, 3e9, -1294967296)]
    public void DoubleToInt32(WasmOpcode op, double a, int expected) => Assert.Equal(expected, Evaluate.Op<int>(op, a));

    [Theory]
    [InlineData(I64TruncSatF64S, NaN, 0)]
    [InlineData(I64TruncSatF64S, 1e30, long.MaxValue)]
    [InlineData(I64TruncSatF64S, -1e30, long.MinValue)]
    [InlineData(I64TruncSatF64U, -1.0, 0)]
    [InlineData(I64TruncSatF64U, NaN, 0)]
    [InlineData(I64TruncSatF64U, 1e30, -1)]
    [InlineData(I64TruncSatF64U, 1e19, unchecked((long)10000000000000000000UL))]
    [InlineData(I64TruncF64S, -9007199254740993.0, -9007199254740992)]
    [InlineData(I64TruncF64U, 9223372036854775808.0, long.MinValue)]
    public void DoubleToInt64(WasmOpcode op, double a, long expected) => Assert.Equal(expected, Evaluate.Op<long>(op, a));

    [Theory]
    [InlineData(I32TruncSatF32S, float.NaN, 0)]
    [InlineData(I32TruncSatF32S, 3e9f, int.MaxValue)]
    [InlineData(I32TruncSatF32U, 3e9f, -1294967296)]
    [InlineData(I32TruncSatF32U, -5f, 0)]
    [InlineData(I32TruncF32S, -3.7f, -3)]
    [InlineData(I32TruncF32U, 3e9f, -1294967296)]
    public void SingleToInt32(WasmOpcode op, float a, int expected) => Assert.Equal(expected, Evaluate.Op<int>(op, a));

    [Theory]
    [InlineData(I64TruncSatF32S, float.NegativeInfinity, long.MinValue)]
    [InlineData(I64TruncSatF32U, float.PositiveInfinity, -1)]
    [InlineData(I64TruncF32S, -3.7f, -3)]
    [InlineData(I64TruncF32U, 1e19f, unchecked((long)9999999980506447872UL))]
    public void SingleToInt64(WasmOpcode op, float a, long expected) => Assert.Equal(expected, Evaluate.Op<long>(op, a));

    [Fact]
    public void IntegersToDouble()
    {
        Assert.Equal(-1.0, Evaluate.Op<double>(F64ConvertI32S, -1));
        Assert.Equal(4294967295.0, Evaluate.Op<double>(F64ConvertI32U, -1));
        Assert.Equal(-1.0, Evaluate.Op<double>(F64ConvertI64S, -1L));
        Assert.Equal(18446744073709551616.0, Evaluate.Op<double>(F64ConvertI64U, -1L));
        Assert.Equal(9223372036854775808.0, Evaluate.Op<double>(F64ConvertI64U, long.MinValue));

        // Ties to even at 53 bits, also above 2^63 where hardware needs a detour.
        Assert.Equal(9223372036854777856.0, Evaluate.Op<double>(F64ConvertI64U, unchecked((long)0x8000000000000401)));
        Assert.Equal(9223372036854775808.0, Evaluate.Op<double>(F64ConvertI64U, unchecked((long)0x8000000000000400)));
    }

    [Fact]
    public void IntegersToSingleRoundOnce()
    {
        Assert.Equal(16777216f, Evaluate.Op<float>(F32ConvertI32S, 16777217));
        Assert.Equal(4294967296f, Evaluate.Op<float>(F32ConvertI32U, -1));
        Assert.Equal(-1f, Evaluate.Op<float>(F32ConvertI64S, -1L));

        // Going through double would round to the tie 2^24 + 1 first, then to even.
        long justAboveTie = (1L << 60) + (1L << 36) + 1;
        float up = (1L << 60) + (1L << 37);
        Assert.Equal(up, Evaluate.Op<float>(F32ConvertI64S, justAboveTie));
        Assert.Equal(up, Evaluate.Op<float>(F32ConvertI64U, justAboveTie));
        Assert.Equal(-up, Evaluate.Op<float>(F32ConvertI64S, -justAboveTie));
        Assert.Equal(9223373136366403584f, Evaluate.Op<float>(F32ConvertI64U, unchecked((long)0x8000008000000001)));
        Assert.Equal(18446744073709551616f, Evaluate.Op<float>(F32ConvertI64U, -1L));
    }

    [Fact]
    public void IntegerWidths()
    {
        Assert.Equal(-1, Evaluate.Op<int>(I32WrapI64, 0x5ffffffffL));
        Assert.Equal(-1L, Evaluate.Op<long>(I64ExtendI32S, -1));
        Assert.Equal(0xffffffffL, Evaluate.Op<long>(I64ExtendI32U, -1));
    }

    [Fact]
    public void PromoteAndDemote()
    {
        Same(0.1f, Evaluate.Op<float>(F32DemoteF64, 0.1));
        Same(0.10000000149011612, Evaluate.Op<double>(F64PromoteF32, 0.1f));
        Same(float.PositiveInfinity, Evaluate.Op<float>(F32DemoteF64, 1e300));
        Same(-0f, Evaluate.Op<float>(F32DemoteF64, -1e-300));
    }

    private static long Through64(WasmOpcode op, long bits) =>
        Evaluate.Body<long>("jj", c => c.Get(0).Ops(F64ReinterpretI64, op, I64ReinterpretF64), "", bits);

    private static int Through32(WasmOpcode op, int bits) =>
        Evaluate.Body<int>("ii", c => c.Get(0).Ops(F32ReinterpretI32, op, I32ReinterpretF32), "", bits);

    /// <summary>Equal bits, except that any NaN will do.</summary>
    private static void Same(double expected, double actual) =>
        Assert.True(double.IsNaN(expected) ? double.IsNaN(actual) : Evaluate.Bits(expected) == Evaluate.Bits(actual), $"expected {expected}, got {actual}");

    private static void Same(float expected, float actual) =>
        Assert.True(float.IsNaN(expected) ? float.IsNaN(actual) : Evaluate.Bits(expected) == Evaluate.Bits(actual), $"expected {expected}, got {actual}");
}
