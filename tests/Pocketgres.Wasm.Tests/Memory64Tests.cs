using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Programs of 64-bit addresses: accesses take the lower half, values keep all bits.</summary>
public sealed class Memory64Tests
{
    private const long Wild = 0x7fff_1234_0000_0000;

    [Theory]
    [InlineData(64, 0u)]
    [InlineData(64, 0x90000000u)]
    [InlineData(0xfffffff0, 0xffffffffu)]
    public unsafe void AccessesUseTheLowerHalf(long address, uint offset)
    {
        var builder = Builder();
        builder.Function("vjj", c => c.Get(0).Get(1).Memory(I64Store, offset), "store");
        builder.Function("jj", c => c.Get(0).Memory(I64Load, offset), "load");
        builder.Function("jj", c => c.Get(0).Tee(1).Memory(I64Load, offset), "load_tee", "j");
        builder.Function("jjj", c => c.Get(0).Get(1).Op(I64Add).Memory(I64Load, offset), "load_sum");
        builder.Function("j", c => c.I64(address | Wild).Memory(I64Load, offset), "load_const");
        using var instance = new TestInstance(builder);
        instance.Invoke("store", address | Wild, 77L);
        Assert.Equal(77, *(long*)(instance.M + address + offset));
        Assert.Equal(77, instance.Call<long>("load", address | Wild));
        Assert.Equal(77, instance.Call<long>("load_tee", address | Wild));
        Assert.Equal(77, instance.Call<long>("load_sum", address - 5, Wild + 5));
        Assert.Equal(77, instance.Call<long>("load_const"));
    }

    /// <summary>A small constant that is added to an address becomes a part of the offset: of a local, a tee, a sum; with an offset of its own, and where the sum carries over.</summary>
    [Theory]
    [InlineData(8, 0u)]
    [InlineData(4096, 16u)]
    [InlineData(4097, 16u)]
    [InlineData(-8, 0u)]
    [InlineData(24, 0x7fffffffu)]
    public unsafe void ConstantsAddedToAnAddress(long constant, uint offset)
    {
        const long Base = 70_000;
        var builder = Builder();
        builder.Function("jj", c => c.Get(0).I64(constant).Op(I64Add).Memory(I64Load, offset), "local");
        builder.Function("jj", c => c.Get(0).I64(constant).Op(I64Add).Tee(1).Memory(I64Load, offset).Get(1).Op(I64Add).Get(0).Op(I64Add), "kept", "j");
        builder.Function("jjj", c => c.Get(0).Get(1).Op(I64Add).I64(constant).Op(I64Add).Memory(I64Load, offset), "sum");
        builder.Function("vjj", c => c.Get(0).I64(constant).Op(I64Add).Get(1).Memory(I64Store, offset), "store");
        using var instance = new TestInstance(builder);
        instance.Invoke("store", Base, 5L);
        Assert.Equal(5, *(long*)(instance.M + Base + constant + offset));
        Assert.Equal(5, instance.Call<long>("local", Base));
        Assert.Equal(5, instance.Call<long>("local", Base | Wild));
        Assert.Equal(5 + Base + constant + Base, instance.Call<long>("kept", Base));
        Assert.Equal(5, instance.Call<long>("sum", Base - 5, Wild + 5));
    }

    [Fact]
    public void LoadedAddressesAreCut()
    {
        var builder = Builder();
        builder.Function("jj", c => c.Get(0).Memory(I64Load, 8).Memory(I64Load, 16), "chain");
        builder.Function("jjji", c => c.Get(0).Get(1).Get(2).Op(Select).Memory(I64Load), "chosen");
        using var instance = new TestInstance(builder);
        BitConverter.TryWriteBytes(instance.Bytes(108, 8), Wild + 200);
        BitConverter.TryWriteBytes(instance.Bytes(216, 8), 99L);
        Assert.Equal(99, instance.Call<long>("chain", Wild + 100));
        Assert.Equal(99, instance.Call<long>("chosen", Wild + 216, Wild, 1));
        Assert.Equal(99, instance.Call<long>("chosen", Wild, Wild + 216, 0));
    }

    [Fact]
    public void ValuesKeepAllBits()
    {
        var builder = Builder();
        builder.Function("jj", c => c.I64(8).Get(0).Memory(I64Store).I64(8).Memory(I64Load).I64(1).Op(I64Add), "through");
        builder.Function("ij", c => c.Get(0).Op(I64Eqz), "is_null");

        // A local that is an address on one way only.
        builder.Function("jji", c =>
        {
            c.Get(1).If('v', t => t.Get(0).Memory(I64Load).Set(2));
            c.Get(0);
        }, "maybe", "j");
        using var instance = new TestInstance(builder);
        Assert.Equal(Wild + 2, instance.Call<long>("through", Wild + 1));
        Assert.Equal(0, instance.Call("is_null", Wild));
        Assert.Equal(Wild + 8, instance.Call<long>("maybe", Wild + 8, 0));
    }

    /// <summary>
    /// A local is cut where it is first used as an address. Each of these has a use that an earlier one does not cover: another branch, another turn of a loop,
    /// after an assignment, after a merge. They read 5 at address 64, or touch what is not there.
    /// </summary>
    [Theory]
    [InlineData("then_only", 0)]
    [InlineData("then_only", 1)]
    [InlineData("both", 0)]
    [InlineData("both", 1)]
    [InlineData("skipped", 0)]
    [InlineData("skipped", 1)]
    [InlineData("reassigned", 0)]
    [InlineData("table", 0)]
    [InlineData("table", 1)]
    [InlineData("table", 2)]
    [InlineData("chosen", 0)]
    [InlineData("chosen", 1)]
    [InlineData("loop", 3)]
    [InlineData("dead", 0)]
    [InlineData("dead", 1)]
    public void EveryWayToAnAccessCuts(string function, int how)
    {
        static void Load(Code c) => c.Get(0).Memory(I32Load);
        static void Touch(Code c) => c.Get(0).Memory(I32Load).Set(2);
        var builder = Builder();
        builder.Function("iji", c => Load(c.Get(1).If('v', Touch)), "then_only", "i");
        builder.Function("iji", c => Load(c.Get(1).If('v', Touch, Touch)), "both", "i");
        builder.Function("iji", c => Load(c.Block(Block, 'v', b => Touch(b.Get(1).BrIf(0)))), "skipped", "i");
        builder.Function("iji", c =>
        {
            Touch(c);
            Load(c.I64(Wild + 64).Set(0));
        }, "reassigned", "i");
        builder.Function("iji", c => Load(c.Block(Block, 'v', outer =>
        {
            outer.Block(Block, 'v', middle => middle.Block(Block, 'v', inner => inner.Get(1).BrTable(0, 1, 2)).Block(Block, 'v', Touch).Br(1));
        })), "table", "i");
        builder.Function("iji", c => Load(c.Get(0).Memory(I32Load).I32(1).Get(1).Op(Select).Set(2)), "chosen", "i");
        builder.Function("iji", c => c.Block(Loop, 'v', l =>
        {
            // The second turn finds the address that the first one made wild.
            Touch(l);
            l.Get(0).I64(Wild).Op(I64Or).Set(0).Get(1).I32(1).Op(I32Sub).Tee(1).BrIf(0);
        }).Get(2), "loop", "i");
        builder.Function("iji", c => Load(c.Block(Block, 'v', b => b.Get(1).If('v', t => Touch(t.Br(1))).Get(1).BrIf(0))), "dead", "i");
        using var instance = new TestInstance(builder);
        instance.Write(64, 5);
        Assert.Equal(5, instance.Call(function, Wild + 64, how));
    }

    [Fact]
    public void OutlinedCodeCuts()
    {
        // Big enough to be split.
        var builder = Builder();
        builder.Function("ij", c =>
        {
            c.Get(0).Memory(I32Load).Set(1);
            for (int i = 0; i < 400; i++)
            {
                c.Block(Block, 'v', b =>
                {
                    for (int k = 0; k < 20; k++)
                    {
                        b.Get(1).Get(0).Memory(I32Load).Op(I32Add).Set(1);
                    }

                    b.Get(0).I64(Wild).Op(I64Or).Set(0);
                });
            }

            c.Get(1);
        }, "sum", "i");
        using var instance = new TestInstance(builder);
        Assert.NotEmpty(instance.Main.Report.Outlined);
        instance.Write(64, 3);
        Assert.Equal(3 * 8001, instance.Call("sum", Wild + 64));
    }

    [Fact]
    public void BulkOperations()
    {
        var builder = Builder();
        builder.Function("vjjj", c => c.Get(0).Get(1).Get(2).Op(MemoryCopy, 0).U32(0u), "copy");
        builder.Function("vjij", c => c.Get(0).Get(1).Get(2).Op(MemoryFill, 0), "fill");
        builder.Function("vj", c => c.Get(0).I32(7).I64(3).Op(MemoryFill, 0), "fill3");
        builder.Function("j", c => c.Op(MemorySize, 0), "size");
        builder.Function("jj", c => c.Get(0).Op(MemoryGrow, 0), "grow");
        using var instance = new TestInstance(builder);
        instance.Invoke("fill", Wild + 10, 9, 4L);
        instance.Invoke("copy", Wild + 20, Wild + 10, 3L);
        instance.Invoke("fill3", Wild + 30);
        Assert.Equal([9, 9, 9, 9, 0], instance.Bytes(10, 5).ToArray());
        Assert.Equal([9, 9, 9, 0], instance.Bytes(20, 4).ToArray());
        Assert.Equal([7, 7, 7, 0], instance.Bytes(30, 4).ToArray());
        Assert.Equal(1, instance.Call<long>("size"));
        Assert.Equal(1, instance.Call<long>("grow", 2L));
        Assert.Equal(3, instance.Call<long>("size"));
    }

    [Fact]
    public void CallsThroughTheTable()
    {
        var builder = Builder();
        builder.TableSize = 4;
        int callee = builder.Function("ii", c => c.Get(0).I32(1).Op(I32Add));
        builder.Elements(2, [callee]);
        int type = builder.Type("ii");
        builder.Function("iij", c => c.Get(0).Get(1).CallIndirect(type), "call");
        builder.Function("ii", c => c.Get(0).I64(2).CallIndirect(type), "call_const");
        using var instance = new TestInstance(builder);
        Assert.Equal(6, instance.Call("call", 5, 2L));
        Assert.Equal(6, instance.Call("call_const", 5));
    }

    [Fact]
    public void LongjmpThroughInvoke()
    {
        var builder = Builder();
        int invoke = builder.ImportFunction("invoke_ji", "jji");
        int jump = builder.ImportFunction("_emscripten_throw_longjmp", "v");
        builder.TableSize = 4;
        builder.Global('j', true, 0x1000L);
        int threw = builder.Global('j', true, 0L);
        builder.Function("vji", c => c.Get(0).Op(GlobalSet, threw), "setThrew");
        int callee = builder.Function("ji", c =>
        {
            c.Op(GlobalGet, 0).I64(64).Op(I64Sub).Op(GlobalSet, 0);
            c.Get(0).If('v', t => t.Call(jump)).I64(8);
        });
        builder.Elements(1, [callee]);
        builder.Function("ji", c => c.I64(1).Get(0).Call(invoke).Op(GlobalGet, threw).Op(I64Add), "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(8, instance.Call<long>("run", 0));
        instance.StackPointer = 0x1000;
        Assert.Equal(1, instance.Call<long>("run", 1));
        Assert.Equal(0x1000, instance.StackPointer);
    }

    [Fact]
    public void HostFunctionsGetCutAddressesOrTheirOwnVersion()
    {
        var builder = Builder();
        int cut = builder.ImportFunction("address_of", "jj");
        int own = builder.ImportFunction("width", "jj");
        int dropped = builder.ImportFunction("trace", "vi");
        builder.Function("vi", c => c.Get(0).Call(dropped), "dropped");
        builder.Function("jj", c => c.Get(0).Call(cut), "cut");
        builder.Function("jj", c => c.Get(0).Call(own), "own");
        using var instance = new TestInstance(builder);
        Assert.Equal(0xffff_fff0, instance.Call<long>("cut", Wild + 0xffff_fff0));
        Assert.Equal(Wild, instance.Call<long>("own", Wild));
        instance.Invoke("dropped", 7);
        Assert.Equal([7], TestHost.ReadLog(instance));

        var narrow = new WasmBuilder();
        int import = narrow.ImportFunction("width", "ii");
        narrow.Function("ii", c => c.Get(0).Call(import), "width");
        using var small = new TestInstance(narrow);
        Assert.Equal(32, small.Call("width", 1));
    }

    [Fact]
    public void HostFunctionsOfOtherTypesAreRefused()
    {
        var builder = Builder();
        builder.ImportFunction("address_of", "jd");
        Assert.Contains("address_of", Assert.Throws<TranslationException>(() => new TestInstance(builder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SideModules()
    {
        var main = Builder();
        main.TableSize = 2;
        main.Global('j', true, 0x1000L);
        main.Function("jj", c => c.Get(0).I64(1).Op(I64Add), "increment");
        main.Global('j', false, 0x80L, "variable");
        using var instance = new TestInstance(main);
        Assert.Equal(0x80, instance.Main.Manifest.Variables["variable"]);

        var side = Builder();
        side.Dylink(8, 3, 1);
        int increment = side.ImportFunction("increment", "jj");
        int memoryBase = side.ImportGlobal("env", "__memory_base");
        int tableBase = side.ImportGlobal("env", "__table_base");
        int variable = side.ImportGlobal("GOT.mem", "variable", true);
        int own = side.Function("j", c => c.Op(GlobalGet, memoryBase).Memory(I64Load).Call(increment), "own");
        side.Function("j", c => c.Op(GlobalGet, variable).Memory(I64Load), "got");
        side.Elements(0, [own], tableBase);
        side.Data(0, BitConverter.GetBytes(41L), memoryBase);
        var translated = ModuleTranslator.Translate(new TranslationOptions
        {
            Module = side.Parse(), AssemblyName = "TestSide", HostFunctions = TestHost.Functions, Main = instance.Main.Linkage,
        });
        instance.Write(0x80, 1234);
        instance.LoadSide(translated);
        Assert.Equal(42, instance.Call<long>("own"));
        Assert.Equal(1234, instance.Call<long>("got"));
    }

    /// <summary>An access that valid programs never execute must fault, wherever its base is: beyond 4 GiB, but for a base of 0, and in the reservation.</summary>
    [Theory]
    [InlineData(0x1_0000_0000)]
    [InlineData(-8180)] // as clang has it for a page before the first
    public unsafe void OffsetsBeyondEveryMemoryLieAtItsEnd(long offset)
    {
        var builder = Builder();
        builder.Function("jj", c => c.Get(0).Memory(I64Load, (ulong)offset), "load");
        using var instance = new TestInstance(builder);
        foreach (long address in (long[])[1, 70_000, 0xffff_0000])
        {
            *(long*)(instance.M + address + uint.MaxValue) = 5;
            Assert.Equal(5, instance.Call<long>("load", address));
        }
    }

    [Fact]
    public void NamesFromTheNameSection()
    {
        var builder = Builder();
        int first = builder.Function("v", c => c.Op(Nop));
        int second = builder.Function("v", c => c.Op(Nop), "exported");
        int third = builder.Function("v", c => c.Op(Nop));
        builder.Names((first, "hidden"), (second, "other"), (third, "hidden2"));
        var module = builder.Parse();
        Assert.Equal(first, module.FindFunction("hidden"));
        Assert.Equal(second, module.FindFunction("exported"));
        Assert.Contains("nobody", Assert.Throws<PatchException>(() => module.FindFunction("nobody")).Message, StringComparison.Ordinal);
        var report = ModuleTranslator.Translate(new TranslationOptions { Module = module, AssemblyName = "Named" }).Report;
        Assert.Equal(["f0_hidden", "f1_exported", "f2_hidden2"], report.Largest.Select(f => f.Name).Order(StringComparer.Ordinal));

        builder.Names((first, "same"), (third, "same"));
        Assert.Contains("2 functions same", Assert.Throws<PatchException>(() => builder.Parse().FindFunction("same")).Message, StringComparison.Ordinal);
    }

    private static WasmBuilder Builder() => new() { IsMemory64 = true };
}
