using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Locals that serve as addresses are kept as 64 bits with an upper half of 0; as numbers they stay 32 bits, with a sign.</summary>
public class WideLocalTests
{
    // Makes local n an address, where it is not read: mem8[n] is loaded only if local 0 is 123456789.
    private static Code AsAddress(Code c, int local) => c.Get(0).I32(123456789).Op(I32Eq)
        .Block(If, 'v', i => i.Get(local).Memory(I32Load8U).Op(Drop).Get(local).I32(1).Memory(I32Store8));

    [Theory]
    [InlineData(-5)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    public void NumberKeepsItsSign(int x)
    {
        Assert.Equal((long)x, Evaluate.Body<long>("ji", c => AsAddress(c, 0).Get(0).Op(I64ExtendI32S), "", x));
        Assert.Equal((long)(uint)x, Evaluate.Body<long>("ji", c => AsAddress(c, 0).Get(0).Op(I64ExtendI32U), "", x));
        Assert.Equal(x / 3, Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(3).Op(I32DivS), "", x));
        Assert.Equal((int)((uint)x / 3), Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(3).Op(I32DivU), "", x));
        Assert.Equal(x >> 2, Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(2).Op(I32ShrS), "", x));
        Assert.Equal((int)((uint)x >> 2), Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(2).Op(I32ShrU), "", x));
        Assert.Equal(x < 7 ? 1 : 0, Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(7).Op(I32LtS), "", x));
        Assert.Equal((uint)x < 7 ? 1 : 0, Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).I32(7).Op(I32LtU), "", x));
        Assert.Equal((double)x, Evaluate.Body<double>("di", c => AsAddress(c, 0).Get(0).Op(F64ConvertI32S), "", x));
        Assert.Equal(unchecked(x * x), Evaluate.Body<int>("ii", c => AsAddress(c, 0).Get(0).Get(0).Op(I32Mul), "", x));
    }

    [Theory]
    [InlineData(-16, 80)] // wraps around at 2^32
    [InlineData(100, -36)]
    [InlineData(int.MinValue, int.MinValue + 64)]
    public void AddressThatWasComputedWraps(int x, int y)
    {
        // mem32[64] = 77; p = x + y; mem32[p] + mem32[p = x + y], both 77, and p is 64 as a number as well
        Assert.Equal(154 + 64, Evaluate.Body<int>("iii", c => c.I32(64).I32(77).Memory(I32Store)
            .Get(0).Get(1).Op(I32Add).Set(2).Get(2).Memory(I32Load)
            .Get(0).Get(1).Op(I32Add).Tee(3).Memory(I32Load).Op(I32Add).Get(3).Op(I32Add), "ii", x, y));
    }

    [Fact]
    public void WideLocalsAreCopiedAndAdvanced()
    {
        // for (p = 64, end = p + 12, sum = 0; (q = p) != end; p += 4) { mem32[p] = 5; sum += mem32[q]; }
        Assert.Equal(15, Evaluate.Body<int>("i", c => c.I32(64).Tee(0).I32(12).Op(I32Add).Set(1).Block(Block, 'v', o => o.Block(Loop, 'v', l => l
            .Get(0).Tee(2).Get(1).Op(I32Eq).BrIf(1)
            .Get(0).I32(5).Memory(I32Store).Get(2).Memory(I32Load).Get(3).Op(I32Add).Set(3)
            .Get(0).I32(4).Op(I32Add).Set(0).Br(0))).Get(1).Memory(I32Load).Get(3).Op(I32Add), "iiii"));
    }

    [Fact]
    public void ValueIsTakenBeforeTheLocalChanges()
    {
        // mem32[64] = 3; mem32[128] = 4; p = 64; mem32[p] * 10 + mem32[p = 128]: the first load is pending when p is set
        Assert.Equal(34, Evaluate.Body<int>("i", c => c.I32(64).I32(3).Memory(I32Store).I32(128).I32(4).Memory(I32Store)
            .I32(64).Set(0).Get(0).Memory(I32Load).I32(10).Op(I32Mul).I32(128).Tee(0).Memory(I32Load).Op(I32Add), "i"));
        // the same with the address itself pending
        Assert.Equal(64, Evaluate.Body<int>("i", c => c.I32(64).Set(0).Get(0).I32(128).Set(0).Get(0).Memory(I32Load).Op(I32Add), "i"));
    }

    [Fact]
    public void CodeThatCannotBeReachedMayMissOperands()
    {
        Assert.Equal(9, Evaluate.Body<int>("ii", c => c.Block(Block, 'v', b => b.Br(0).Memory(I32Load).Op(I32Add).Op(Drop).Get(0).Memory(I32Load).Op(Drop))
            .I32(64).I32(9).Memory(I32Store).Get(0).Memory(I32Load), "", 64));
    }
}
