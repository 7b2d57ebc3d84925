using Pocketgres.Kernel;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Direct, indirect and host calls; longjmp; the start function; unresolved imports.</summary>
public class CallTests
{
    [Fact]
    public void Recursion()
    {
        var builder = new WasmBuilder();
        builder.Function("ii", c => c.Get(0).I32(2).Op(I32LtS).If('i', t => t.Get(0),
            e => e.Get(0).I32(1).Op(I32Sub).Call(0).Get(0).I32(2).Op(I32Sub).Call(0).Op(I32Add)), "fib");
        using var instance = new TestInstance(builder);
        Assert.Equal(6765, instance.Call("fib", 20));
    }

    [Fact]
    public void HostFunctionsOfEveryType()
    {
        var builder = new WasmBuilder();
        int mixed = builder.ImportFunction("host_mixed", "dijfd");
        int negate = builder.ImportFunction("nested_negate", "jj");
        builder.Function("d", c => c.I32(1).I64(2).F32(0.5f).F64(0.25).Call(mixed), "mixed");
        builder.Function("jj", c => c.Get(0).Call(negate), "negate");
        using var instance = new TestInstance(builder);
        Assert.Equal(3.75, instance.Call<double>("mixed"));
        Assert.Equal(-5L, instance.Call<long>("negate", 5L));
    }

    [Fact]
    public void IndirectCallsThroughTheTable()
    {
        var builder = new WasmBuilder { TableSize = 10 };
        int hostAdd = builder.ImportFunction("host_add", "iii");
        int add = builder.Function("iii", c => c.Get(0).Get(1).Op(I32Add));
        int sub = builder.Function("iii", c => c.Get(0).Get(1).Op(I32Sub));
        builder.Elements(1, [add, sub, hostAdd]);
        int type = builder.Type("iii");
        builder.Function("iiii", c => c.Get(0).Get(1).Get(2).CallIndirect(type), "call");
        builder.Function("i", c => c.I32(30).I32(12).I32(2).CallIndirect(type), "call_const");
        using var instance = new TestInstance(builder);
        Assert.Equal(42, instance.Call("call", 30, 12, 1));
        Assert.Equal(18, instance.Call("call", 30, 12, 2));
        Assert.Equal(1042, instance.Call("call", 30, 12, 3));
        Assert.Equal(18, instance.Call("call_const"));
        Assert.Equal(18, instance.Call("call", 30, 12, 0x10002)); // masked to 16 bits
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(-1)]
    public void EmptyTableSlotTraps(int slot)
    {
        var builder = new WasmBuilder { TableSize = 10 };
        builder.Function("diii", c => c.Get(0).F64(1).Get(1).CallIndirect(builder.Type("did")).Get(2).Op(Drop), "call");
        using var instance = new TestInstance(builder);
        Assert.Throws<TrapException>(() => instance.Invoke("call", 5, slot, 0));
    }

    [Fact]
    public void StartFunctionAndExportsInTheManifest()
    {
        var builder = new WasmBuilder { TableSize = 4 };
        int start = builder.Function("v", c => c.I32(100).I32(7).Memory(I32Store));
        int exported = builder.Function("ij", c => c.I32(100).Memory(I32Load), "value");
        builder.Elements(2, [start, exported]);
        builder.Start(start);
        using var instance = new TestInstance(builder);
        Assert.Equal(7, instance.Call("value", 0L));
        var manifest = instance.Main.Manifest;
        Assert.Equal(start, manifest.StartFunction);
        Assert.Equal(new Abi.ModuleManifest.FunctionExport(exported, 3), manifest.Functions["value"]);
        Assert.Equal(4, manifest.TableEnd);
    }

    [Fact]
    public void LongjmpReturnsZeroAndRestoresTheStackPointer()
    {
        using var instance = new TestInstance(SetjmpModule());
        Assert.Equal(30, instance.Call("call_i", 1, 10)); // callee returns 3 * argument
        Assert.Equal(0, instance.I32(200));
        Assert.Equal(0x1000, instance.StackPointer);

        Assert.Equal(0, instance.Call("call_i", 2, 10)); // callee longjmps after moving the stack pointer
        Assert.Equal(1, instance.I32(200)); // setThrew(1, 0) was called
        Assert.Equal(0x1000, instance.StackPointer);

        Assert.Equal(0L, instance.Call<long>("call_j", 3, 5L));
        Assert.Equal(2, instance.I32(200));
        Assert.Equal(0.0, instance.Call<double>("call_d", 4));
        instance.Invoke("call_v", 5);
        Assert.Equal(4, instance.I32(200));
    }

    [Fact]
    public void InvokeCatchesNothingButLongjmp()
    {
        using var instance = new TestInstance(SetjmpModule());
        Assert.Throws<InvalidOperationException>(() => instance.Invoke("call_v", 6));
        Assert.Throws<TrapException>(() => instance.Invoke("call_v", 7));
        Assert.Throws<TrapException>(() => instance.Invoke("call_v", 30)); // empty slot
        Assert.Equal(0, instance.I32(200));
    }

    [Fact]
    public void InvokeNeedsSetThrew()
    {
        var builder = new WasmBuilder();
        builder.ImportFunction("invoke_v", "vi");
        var e = Assert.Throws<TranslationException>(() => new TestInstance(builder));
        Assert.Contains("setThrew", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnresolvedImportThrowsItsName()
    {
        var builder = new WasmBuilder { TableSize = 4 };
        int missing = builder.ImportFunction("no_such_function", "ijd");
        builder.Elements(1, [missing]);
        builder.Function("i", c => c.I64(1).F64(2).Call(missing), "direct");
        builder.Function("i", c => c.I64(1).F64(2).I32(1).CallIndirect(builder.Type("ijd")), "indirect");
        using var instance = new TestInstance(builder);
        Assert.Equal("no_such_function", Assert.Throws<UnresolvedImportException>(() => instance.Call("direct")).ImportName);
        Assert.Equal("no_such_function", Assert.Throws<UnresolvedImportException>(() => instance.Call("indirect")).ImportName);
        Assert.Equal(["no_such_function"], instance.Main.Manifest.Unresolved);
        Assert.Equal("no_such_function", Assert.Single(instance.Main.Report.Unresolved).Name);
    }

    [Fact]
    public void HostFunctionWithAnotherSignatureFails()
    {
        var builder = new WasmBuilder();
        builder.ImportFunction("log", "vj");
        var e = Assert.Throws<TranslationException>(() => new TestInstance(builder));
        Assert.Contains("env.log", e.Message, StringComparison.Ordinal);
        Assert.Contains("vj", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreFunctionsThanOneTypeHolds()
    {
        var builder = new WasmBuilder { TableSize = 4000 };
        int[] functions = [.. Enumerable.Range(0, 2500).Select(i => builder.Function("i", c => c.I32(i), $"f{i}"))];
        builder.Elements(1, functions);
        builder.Function("ii", c => c.Get(0).CallIndirect(builder.Type("i")), "call");
        using var instance = new TestInstance(builder);
        Assert.Equal(3, instance.Main.Manifest.TableParts);
        foreach (int i in (int[])[0, 999, 1000, 1001, 1999, 2000, 2499])
        {
            Assert.Equal(i, instance.Call($"f{i}"));
            Assert.Equal(i, instance.Call("call", i + 1));
        }
    }

    private static WasmBuilder SetjmpModule()
    {
        var builder = new WasmBuilder { TableSize = 10 };
        int invokeI = builder.ImportFunction("invoke_ii", "iii");
        int invokeJ = builder.ImportFunction("invoke_jj", "jij");
        int invokeD = builder.ImportFunction("invoke_d", "di");
        int invokeV = builder.ImportFunction("invoke_v", "vi");
        int longjmp = builder.ImportFunction("_emscripten_throw_longjmp", "v");
        int fail = builder.ImportFunction("fail", "v");
        builder.Global('i', true, 0x1000);
        void MoveStack(Code c) => c.Op(GlobalGet, 0).I32(64).Op(I32Sub).Op(GlobalSet, 0);
        builder.Function("vii", c => c.I32(200).I32(200).Memory(I32Load).Get(0).Op(I32Add).Memory(I32Store), "setThrew");
        int triple = builder.Function("ii", c => c.Get(0).I32(3).Op(I32Mul));
        int jumpI = builder.Function("ii", c => { MoveStack(c); c.Call(longjmp).Get(0); });
        int jumpJ = builder.Function("jj", c => { MoveStack(c); c.Call(longjmp).Get(0); });
        int jumpD = builder.Function("d", c => { MoveStack(c); c.Call(longjmp).F64(1); });
        int jumpV = builder.Function("v", c => { MoveStack(c); c.Call(longjmp); });
        int failing = builder.Function("v", c => c.Call(fail));
        int trapping = builder.Function("v", c => c.Op(Unreachable));
        builder.Elements(1, [triple, jumpI, jumpJ, jumpD, jumpV, failing, trapping]);
        builder.Function("iii", c => c.Get(0).Get(1).Call(invokeI), "call_i");
        builder.Function("jij", c => c.Get(0).Get(1).Call(invokeJ), "call_j");
        builder.Function("di", c => c.Get(0).Call(invokeD), "call_d");
        builder.Function("vi", c => c.Get(0).Call(invokeV), "call_v");
        return builder;
    }
}
