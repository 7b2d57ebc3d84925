using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>A resumable loop goes on, in another instance, with the locals and the stack pointer it had at its head.</summary>
public unsafe class ResumeTests
{
    private const int FrameBytes = InstanceLayout.ResumeLocals - InstanceLayout.ResumeRequest + (8 * InstanceLayout.MaxResumeLocals);

    [Fact]
    public void GoesOnAtTheHeadWithAllLocals()
    {
        var builder = Counter(out int counter, out int loop);
        ModulePatches patches = [new ResumableLoop("counter", counter, loop)];
        using var first = new TestInstance(builder, patches);
        first.StackPointer = 0x7000;
        first.Write(Pause, 3); // leaves in the third round
        Assert.Equal(-3L, first.Call<long>("counter", 10, 1.5f, 2.5));

        using var second = new TestInstance(Counter(out _, out _), patches);
        CopyFrame(first, second);
        second.StackPointer = 0x10;
        *(int*)(second.M + InstanceLayout.ResumeRequest) = counter + 1;

        // The third round again, then rounds 4 to 10: the arguments of this call are not used, nor what comes before the loop.
        using var whole = new TestInstance(Counter(out _, out _));
        whole.StackPointer = 0x7000;
        Assert.Equal(whole.Call<long>("counter", 10, 1.5f, 2.5), second.Call<long>("counter", -1, 0f, 0.0));
        Assert.Equal(0x7000, second.StackPointer);
        Assert.Equal(0, *(int*)(second.M + InstanceLayout.ResumeRequest));

        // The request is used up: the next call starts at the beginning.
        second.StackPointer = 0x7000;
        Assert.Equal(whole.Call<long>("counter", 4, 1.5f, 2.5), second.Call<long>("counter", 4, 1.5f, 2.5));
    }

    [Fact]
    public void ARequestForAnotherFunctionIsNotTaken()
    {
        using var instance = new TestInstance(Counter(out int counter, out int loop), [new ResumableLoop("counter", counter, loop)]);
        instance.StackPointer = 0x7000;
        *(int*)(instance.M + InstanceLayout.ResumeRequest) = counter + 2;
        using var whole = new TestInstance(Counter(out _, out _));
        whole.StackPointer = 0x7000;
        Assert.Equal(whole.Call<long>("counter", 6, 1.5f, 2.5), instance.Call<long>("counter", 6, 1.5f, 2.5));
        Assert.Equal(counter + 2, *(int*)(instance.M + InstanceLayout.ResumeRequest));
        Assert.Equal(counter + 1, *(int*)(instance.M + InstanceLayout.ResumeFunction));
    }

    [Fact]
    public void ALoopThatDoesNotExistIsNamed()
    {
        var builder = Counter(out int counter, out _);
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder, [new ResumableLoop("the loop", counter, 9)]));
        Assert.Contains("the loop", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OneLoopOfAFunction()
    {
        var builder = Counter(out int counter, out _);
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder, [new ResumableLoop("one", counter, 0), new ResumableLoop("two", counter, 1)]));
        Assert.Contains("two", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValuesOnTheOperandStackAreRefused()
    {
        var builder = new WasmBuilder();
        int f = builder.Function("ii", c => c.Get(0).I32(3).Op(I32Mul).Block(Loop, 'v', l => l.Get(0).I32(1).Op(I32Sub).Tee(0).BrIf(0)), "f");
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder, [new ResumableLoop("deep", f, 0)]));
        Assert.Contains("deep", e.Message, StringComparison.Ordinal);
        Assert.Contains("operand stack", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheLoopOfASplitFunctionStaysInIt()
    {
        var builder = SplitCounter(out int counter);
        ModulePatches patches = [new ResumableLoop("counter", counter, 0)];
        using var first = new TestInstance(builder, patches);
        Assert.Single(first.Main.Report.Outlined);
        first.Write(Pause, 2);
        long paused = first.Call<long>("split", 5);
        Assert.Equal(-2L, paused);
        using var second = new TestInstance(SplitCounter(out _), patches);
        CopyFrame(first, second);
        *(int*)(second.M + InstanceLayout.ResumeRequest) = counter + 1;
        using var whole = new TestInstance(SplitCounter(out _), keepWhole: new HashSet<int> { counter });
        Assert.Equal(whole.Call<long>("split", 5), second.Call<long>("split", 0));
    }

    private const int Pause = 0x4000;

    private static void CopyFrame(TestInstance from, TestInstance to) =>
        Buffer.MemoryCopy(from.M + InstanceLayout.ResumeRequest, to.M + InstanceLayout.ResumeRequest, FrameBytes, FrameBytes);

    /// <summary>
    /// (n, f, d): takes 16 bytes of stack, runs a loop that is not meant, then a loop around the loop that is: sum over rounds 1..n of locals of all types.
    /// Returns minus the round if memory says to stop there.
    /// </summary>
    private static WasmBuilder Counter(out int counter, out int loop)
    {
        var builder = new WasmBuilder();
        builder.Global('i', true, 0x7000); // the stack pointer
        counter = builder.Function("jifd", c =>
        {
            // 3 = i32 round, 4 = i64 sum, 5 = f32, 6 = f64, 7 = i32 from the first loop
            c.Op(GlobalGet, 0).I32(16).Op(I32Sub).Op(GlobalSet, 0);
            c.Get(1).Set(5).Get(2).Set(6);
            c.Block(Loop, 'v', l => l.Get(7).I32(1).Op(I32Add).Tee(7).I32(5).Op(I32LtS).BrIf(0));
            c.Block(Loop, 'v', outer => outer.Block(Block, 'v', leave => leave.Block(Loop, 'v', again =>
            {
                again.Get(3).I32(1).Op(I32Add).I32(Pause).Memory(I32Load).Op(I32Eq).If('v', t =>
                    t.I64(0).Get(3).I32(1).Op(I32Add).Op(I64ExtendI32S).Op(I64Sub).Op(Return));
                again.Get(3).I32(1).Op(I32Add).Set(3);
                again.Get(5).F32(0.25f).Op(F32Add).Set(5);
                again.Get(6).F64(1.0).Op(F64Add).Set(6);
                again.Get(4).Get(3).Get(7).Op(I32Mul).Op(I64ExtendI32S).Op(I64Add).Get(5).Op(I64TruncSatF32S).Op(I64Add).Get(6).Op(I64TruncSatF64S).Op(I64Add).Set(4);
                again.Get(3).Get(0).Op(I32LtS).BrIf(0);
            })));
            c.Op(GlobalGet, 0).I32(16).Op(I32Add).Op(GlobalSet, 0);
            c.Get(4);
        }, "counter", "ijfdi");
        loop = 2;
        return builder;
    }

    /// <summary>As above, so big that parts of the loop's body are outlined.</summary>
    private static WasmBuilder SplitCounter(out int counter)
    {
        var builder = new WasmBuilder();
        counter = builder.Function("ji", c =>
        {
            // 1 = round, 2 = sum
            c.Block(Block, 'v', leave => leave.Block(Loop, 'v', again =>
            {
                again.Get(1).I32(1).Op(I32Add).I32(Pause).Memory(I32Load).Op(I32Eq).If('v', t =>
                    t.I64(0).Get(1).I32(1).Op(I32Add).Op(I64ExtendI32S).Op(I64Sub).Op(Return));
                again.Get(1).I32(1).Op(I32Add).Set(1);
                for (int part = 0; part < 30; part++)
                {
                    int number = part;
                    again.Block(Block, 'v', b =>
                    {
                        for (int i = 0; i < 60; i++)
                        {
                            b.Get(2).Get(1).I32(i + number).Op(I32Mul).Op(I64ExtendI32S).Op(I64Xor).I64(13).Op(I64Rotl).Set(2);
                        }
                    });
                }

                again.Get(1).Get(0).Op(I32LtS).BrIf(0);
            }));
            c.Get(2);
        }, "split", "ij");
        return builder;
    }
}
