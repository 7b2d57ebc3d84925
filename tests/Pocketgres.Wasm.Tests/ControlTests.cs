using Pocketgres.Kernel;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

public class ControlTests
{
    [Theory]
    [InlineData(1, 10)]
    [InlineData(0, 20)]
    public void IfWithResult(int condition, int expected) =>
        Assert.Equal(expected, Evaluate.Body<int>("ii", c => c.Get(0).If('i', t => t.I32(10), e => e.I32(20)), "", condition));

    [Fact]
    public void IfWithoutElse()
    {
        void Body(Code c) => c.I32(5).Set(1).Get(0).If('v', t => t.I32(6).Set(1)).Get(1);
        Assert.Equal(6, Evaluate.Body<int>("ii", Body, "i", 1));
        Assert.Equal(5, Evaluate.Body<int>("ii", Body, "i", 0));
    }

    [Fact]
    public void NestedLoopsComputeFactorialSums()
    {
        // for (i = n; i != 0; i--) { p = 1; for (k = i; k != 0; k--) p *= k; s += p; }
        long sum = Evaluate.Body<long>("jj", c => c.Block(Block, 'v', o => o
            .Get(0).Ops(I64Eqz).BrIf(0)
            .Block(Loop, 'v', outer =>
            {
                outer.I64(1).Set(2).Get(0).Set(1);
                outer.Block(Loop, 'v', inner => inner.Get(2).Get(1).Op(I64Mul).Set(2).Get(1).I64(1).Op(I64Sub).Tee(1).Op(I64Eqz).Op(I32Eqz).BrIf(0));
                outer.Get(3).Get(2).Op(I64Add).Set(3);
                outer.Get(0).I64(1).Op(I64Sub).Tee(0).I64(0).Op(I64Ne).BrIf(0);
            })).Get(3), "jjj", 5L);
        Assert.Equal(1 + 2 + 6 + 24 + 120L, sum);
    }

    [Fact]
    public void LoopWithResult() => Assert.Equal(10, Evaluate.Body<int>("i", c => c
        .Block(Loop, 'i', l => l.Get(0).I32(1).Op(I32Add).Tee(0).I32(10).Op(I32LtS).BrIf(0).Get(0)), "i"));

    [Fact]
    public void BlockResultsKeepPendingOperands() => Assert.Equal(100 - 7, Evaluate.Body<int>("ii", c => c
        .Get(0).Block(Block, 'i', b => b.I32(200).Set(0).I32(7)).Op(I32Sub), "", 100));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 2)]
    public void BranchIfWithValue(int condition, int expected) => Assert.Equal(expected, Evaluate.Body<int>("ii", c => c
        .Block(Block, 'i', b => b.I32(2).Get(0).BrIf(0).Op(Drop).I32(1)), "", condition));

    [Theory]
    [InlineData(0, 8)]
    [InlineData(1, 3)]
    public void BranchIfOutOfTheFunction(int condition, int expected) => Assert.Equal(expected, Evaluate.Body<int>("ii", c => c
        .I32(3).Get(0).BrIf(0).I32(5).Op(I32Add), "", condition));

    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 210)]
    [InlineData(2, 321)]
    [InlineData(3, 999)]
    [InlineData(-1, 999)]
    public void BranchTable(int index, int expected) => Assert.Equal(expected, Evaluate.Body<int>("ii", c => c
        .Block(Block, 'v', a => a
            .Block(Block, 'v', b => b
                .Block(Block, 'v', d => d
                    .Block(Block, 'v', e => e.Get(0).BrTable(0, 1, 2, 3))
                    .I32(100).Op(Return))
                .I32(210).Op(Return))
            .I32(321).Op(Return))
        .I32(999), "", index));

    [Theory]
    [InlineData(0, 51)]
    [InlineData(1, 52)]
    [InlineData(2, 50)]
    [InlineData(77, 50)]
    public void BranchTableWithValues(int index, int expected) => Assert.Equal(expected, Evaluate.Body<int>("ii", c =>
    {
        // Depth 0 and 1 are blocks with a result, depth 2 is the function itself.
        c.Block(Block, 'i', outer =>
        {
            outer.Block(Block, 'i', inner => inner.I32(50).Get(0).BrTable(0, 1, 2));
            outer.I32(1).Op(I32Add).Op(Return);
        });
        c.I32(2).Op(I32Add);
    }, "", index));

    [Fact]
    public void BranchTableToALoop() => Assert.Equal(3, Evaluate.Body<int>("i", c => c
        .Block(Block, 'v', o => o.Block(Loop, 'v', l => l
            .Get(0).I32(1).Op(I32Add).Tee(0).I32(3).Op(I32Eq).BrTable(0, 1)))
        .Get(0), "i"));

    [Fact]
    public void DeadCodeIsSkipped()
    {
        Assert.Equal(4, Evaluate.Body<int>("i", c => c.Block(Block, 'i', b =>
        {
            b.I32(4).Br(0);
            b.Op(I32Add).Block(Block, 'i', d => d.Ops(Unreachable, F64Add).If('i', t => t.Op(I64Add), e => e.F32(1))).Ops(Drop, Select);
            b.Get(0).BrTable(0, 0);
        }), "i"));
        Assert.Equal(6, Evaluate.Body<int>("i", c => c.I32(6).Op(Return).I32(7).Op(I32Add)));
        Assert.Equal(2, Evaluate.Body<int>("ii", c => c.Get(0).If('v', t => t.I32(1).Op(Return).Block(Loop, 'v', l => l.Br(0)), e => e.Op(Nop)).I32(2), "", 0));
    }

    [Fact]
    public void BlockIsReachableAfterABranchToItsEnd() => Assert.Equal(9, Evaluate.Body<int>("ii", c => c
        .Block(Block, 'v', b => b.Get(0).BrIf(0).Op(Unreachable)).I32(9), "", 1));

    [Fact]
    public void BothBranchesDead() => Assert.Equal(1, Evaluate.Body<int>("ii", c => c
        .Get(0).If('i', t => t.I32(1).Op(Return), e => e.I32(0).Op(Return)), "", 1));

    [Fact]
    public void UnreachableTraps()
    {
        var e = Assert.Throws<TrapException>(() => Evaluate.Body<int>("i", c => c.Op(Unreachable)));
        Assert.Contains("unreachable", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EffectsBeforeUnreachableHappen()
    {
        var builder = new WasmBuilder();
        int trace = builder.ImportFunction("trace", "ii");
        builder.Function("i", c => c.I32(1).Call(trace).I32(2).Call(trace).Op(Unreachable), "run");
        using var instance = new TestInstance(builder);
        Assert.Throws<TrapException>(() => instance.Call("run"));
        Assert.Equal([1, 2], TestHost.ReadLog(instance));
    }

    [Fact]
    public void SelectOnEveryType()
    {
        Assert.Equal(1, Evaluate.Op<int>(Select, 1, 2, 3));
        Assert.Equal(2, Evaluate.Op<int>(Select, 1, 2, 0));
        Assert.Equal(1L, Evaluate.Op<long>(Select, 1L, 2L, -1));
        Assert.Equal(2f, Evaluate.Op<float>(Select, 1f, 2f, 0));
        Assert.Equal(1.0, Evaluate.Op<double>(Select, 1.0, 2.0, 1));
    }

    [Fact]
    public void TypedSelect() => Assert.Equal(2L, Evaluate.Body<long>("jji", c =>
    {
        c.Get(0).I64(2).Get(1).Op(SelectTyped, 1);
        c.Raw(0x7e);
    }, "", 1L, 0));

    [Fact]
    public void LocalsStartAsZeroEveryTime()
    {
        var builder = new WasmBuilder();
        builder.Function("ji", c => c.Get(1).Op(I64ExtendI32S).Get(2).Op(I64Add).Get(3).Op(I64TruncF32S).Op(I64Add).Get(4).Op(I64TruncF64S).Op(I64Add)
            .Get(0).Set(1).I64(5).Set(2).F32(6).Set(3).F64(7).Set(4), "run", "ijfd");
        using var instance = new TestInstance(builder);
        Assert.Equal(0L, instance.Call<long>("run", 3));
        Assert.Equal(0L, instance.Call<long>("run", 4));
    }

    [Fact]
    public void ManyLocals()
    {
        // Sum of local[i] = i over 700 locals: all three encodings of local indexes, and shared effect bits (index mod 64).
        const int Count = 700;
        int sum = Evaluate.Body<int>("i", c =>
        {
            for (int i = 0; i < Count; i++)
            {
                c.I32(i).Set(i);
            }

            c.I32(0);
            for (int i = 0; i < Count; i++)
            {
                c.Get(i).Op(I32Add);
            }
        }, new string('i', Count));
        Assert.Equal(Count * (Count - 1) / 2, sum);
    }

    [Fact]
    public void ManyParameters()
    {
        const int Count = 300;
        var builder = new WasmBuilder();
        string signature = "j" + string.Concat(Enumerable.Range(0, Count).Select(i => i % 2 == 0 ? 'i' : 'j'));
        int callee = builder.Function(signature, c =>
        {
            c.Get(Count - 2).I32(1).Op(I32Add).Set(Count - 2); // a parameter beyond 255 that is written
            c.I64(0);
            for (int i = 0; i < Count; i++)
            {
                c.Get(i);
                _ = i % 2 == 0 ? c.Op(I64ExtendI32S) : c;
                c.Op(I64Add);
            }
        });
        builder.Function("j", c =>
        {
            for (int i = 0; i < Count; i++)
            {
                _ = i % 2 == 0 ? c.I32(i) : c.I64(i);
            }

            c.Call(callee);
        }, "run");
        using var instance = new TestInstance(builder);
        Assert.Equal((Count * (Count - 1) / 2) + 1L, instance.Call<long>("run"));
    }

    [Fact]
    public void BlockTypeByIndex()
    {
        var builder = new WasmBuilder();
        int type = builder.Type("i");
        builder.Function("i", c =>
        {
            c.Op(Block);
            c.S64(type);
            c.I32(12).Op(End);
        }, "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(12, instance.Call("run"));
    }
}
