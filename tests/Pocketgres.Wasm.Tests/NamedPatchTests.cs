using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Host functions that say by marks of their own which function of the program they are bound to.</summary>
public class NamedPatchTests
{
    [Fact]
    public void Each_mark_becomes_the_patch_it_stands_for()
    {
        var builder = Module(out _);
        using var instance = new TestInstance(builder, NamedPatches.For(WasmModule.Parse(builder.Build()), TestHost.Functions));
        instance.Invoke("run");
        Assert.Equal([107, 7], TestHost.ReadLog(instance));
        Assert.Equal(42, instance.Call("replaced_of_21"));
        Assert.Equal(1001 + 2002 + 2003, instance.Call("caller"));
        Assert.Equal(5, instance.Call("other"));
    }

    [Fact]
    public void What_is_missing_is_named_with_the_method_that_wants_it()
    {
        var builder = new WasmBuilder();
        builder.Function("v", c => c.Op(Nop), "something");
        var e = Assert.Throws<PatchException>(() => NamedPatches.For(WasmModule.Parse(builder.Build()), TestHost.Functions));
        Assert.Contains("TestHooks.Entry", e.Message, StringComparison.Ordinal);
        Assert.Contains("with_entry", e.Message, StringComparison.Ordinal);
        Assert.Contains("replaced", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_signature_that_is_another_is_an_error()
    {
        var builder = Module(out int callee, replaced: "jj");
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder, NamedPatches.For(WasmModule.Parse(builder.Build()), TestHost.Functions)));
        Assert.Contains("signature jj", e.Message, StringComparison.Ordinal);
        Assert.True(callee >= 0);
    }

    private static WasmBuilder Module(out int callee, string replaced = "ii")
    {
        var builder = new WasmBuilder();
        int log = builder.ImportFunction("log", "vi");
        int entry = builder.Function("vi", c => c.Get(0).Call(log), "with_entry");
        builder.Function("v", c => c.I32(7).Call(entry), "run");
        int double_ = builder.Function(replaced, c => c.Get(0), "replaced");
        if (replaced == "ii")
        {
            builder.Function("i", c => c.I32(21).Call(double_), "replaced_of_21");
        }

        int f = callee = builder.Function("ii", c => c.Get(0), "callee");
        builder.Function("i", c => c.I32(1).Call(f).I32(2).Call(f).Op(I32Add).I32(3).Call(f).Op(I32Add), "caller");
        builder.Function("i", c => c.I32(5).Call(f), "other");
        return builder;
    }
}
