using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Functions too big for the JIT are split; the parts together must do what the whole did.</summary>
public class OutliningTests
{
    private const int Cases = 60;

    [Fact]
    public void SplitFunctionBehavesAsTheWhole()
    {
        using var split = new TestInstance(Giant(out int giant));
        using var whole = new TestInstance(Giant(out _), keepWhole: new HashSet<int> { giant });
        var report = Assert.Single(split.Main.Report.Outlined);
        Assert.Equal(giant, report.Index);
        Assert.True(report.OutlinedParts > 10);
        Assert.True(report.Instructions < 16000);
        Assert.Empty(whole.Main.Report.Outlined);
        Assert.True(whole.Main.Report.Largest[0].Instructions > 16000);
        for (int selector = -1; selector <= Cases + 1; selector++)
        {
            foreach (int x in (int[])[0, 1, 2, 3, 7, -5])
            {
                long expected = whole.Call<long>("giant", selector, x, 3.25);
                Assert.Equal(expected, split.Call<long>("giant", selector, x, 3.25));
                Assert.Equal(TestHost.ReadLog(whole), TestHost.ReadLog(split));
                whole.Write(TestHost.Log, 0);
                split.Write(TestHost.Log, 0);
            }
        }
    }

    [Fact]
    public void PatchesApplyInOutlinedParts()
    {
        var builder = Giant(out int giant);
        ModulePatches patches =
        [
            new CallReplacement("trace", giant, 0, "host_negate", Cases),
            new EntryHook("hook", giant, "hook"),
        ];
        using var instance = new TestInstance(builder, patches);
        Assert.Single(instance.Main.Report.Outlined);
        long result = instance.Call<long>("giant", 5, 2, 0.0);
        Assert.Equal([-1], TestHost.ReadLog(instance)); // trace was replaced everywhere
        using var whole = new TestInstance(Giant(out _), patches, keepWhole: new HashSet<int> { giant });
        Assert.Equal(whole.Call<long>("giant", 5, 2, 0.0), result);
    }

    /// <summary>
    /// (selector, x, d) -> i64: a loop around a switch whose cases write locals of every type, return, leave the loop or go round
    /// again, and are long enough to exceed the limits together.
    /// </summary>
    private static WasmBuilder Giant(out int giant)
    {
        var builder = new WasmBuilder();
        int trace = builder.ImportFunction("trace", "ii");
        giant = builder.Function("jiid", c =>
        {
            // Locals: 3 = i64 accumulator, 4 = i32 rounds, 5 = f32, 6 = written in parts, read by later rounds.
            c.Block(Block, 'v', leave => c.Block(Loop, 'v', again =>
            {
                c.Get(4).I32(1).Op(I32Add).Set(4);
                c.Get(3).Get(6).Op(I64ExtendI32S).Op(I64Add).Set(3);
                Switch(c, trace, Cases);
            }));
            c.Get(3).Get(5).Op(I64TruncSatF32S).Op(I64Add).Get(2).Op(I64TruncSatF64S).Op(I64Add);
        }, "giant", "jifi");
        return builder;
    }

    private static void Switch(Code c, int trace, int count)
    {
        void Nest(int depth)
        {
            if (depth == count)
            {
                // Depths 0..count-1 are the cases, count is the loop, count + 1 its exit.
                c.Get(0).BrTable([.. Enumerable.Range(0, count), count + 1]);
                return;
            }

            c.Block(Block, 'v', _ => Nest(depth + 1));
            Case(c, trace, count - 1 - depth, depth);
        }

        Nest(0);
    }

    /// <summary>Code of one case; inside <paramref name="enclosing"/> blocks, then the loop (that depth) and the exit (one more).</summary>
    private static void Case(Code c, int trace, int number, int enclosing)
    {
        c.Get(1).I32(number).Op(I32Add).Call(trace).Set(6);
        for (int i = 0; i < 40; i++)
        {
            c.Get(3).Get(1).I32(i + number).Op(I32Mul).Op(I64ExtendI32S).Op(I64Xor).I64(13).Op(I64Rotl).Set(3);
        }

        c.Get(5).F32(number).Op(F32Add).Set(5);
        c.Get(2).F64(0.5).Op(F64Add).Set(2);
        switch (number % 5)
        {
            case 0: // return from inside
                c.Get(1).I32(3).Op(I32Eq).If('v', t => t.Get(3).I64(1).Op(I64Add).Op(Return));
                break;
            case 1: // leave the loop
                c.Get(1).BrIf(enclosing + 1);
                break;
            case 2: // go round again with another selector, at most 4 times
                c.Get(0).I32(1).Op(I32Add).Set(0);
                c.Get(4).I32(4).Op(I32LtS).BrIf(enclosing);
                break;
            case 3: // end of the case is unreachable
                c.Get(4).I32(3).Op(I32GtS).If('v', t => t.Br(enclosing + 2), e => e.Get(0).I32(2).Op(I32Sub).Set(0).Br(enclosing + 1));
                c.Op(Unreachable);
                break;
            default: // fall into the next case
                break;
        }
    }
}
