using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

public class PatchTests
{
    [Fact]
    public void FunctionReplacementServesDirectIndirectAndExportedCalls()
    {
        var builder = new WasmBuilder { TableSize = 4 };
        int add = builder.Function("iii", c => c.Get(0).Get(1).Op(I32Add), "add");
        builder.Elements(1, [add]);
        builder.Function("i", c => c.I32(1).I32(2).Call(add), "direct");
        builder.Function("i", c => c.I32(1).I32(2).I32(1).CallIndirect(builder.Type("iii")), "indirect");
        using var instance = new TestInstance(builder, [new FunctionReplacement("add", add, "host_add")]);
        Assert.Equal(1003, instance.Call("direct"));
        Assert.Equal(1003, instance.Call("indirect"));
        Assert.Equal(1003, instance.Call("add", 1, 2));
        Assert.Equal(new PatchReport("add", 1), Assert.Single(instance.Main.Report.Patches));
    }

    [Fact]
    public void ReplacementMustHaveTheSameSignature()
    {
        var builder = new WasmBuilder();
        int f = builder.Function("ij", c => c.I32(0), "f");
        Fails(builder, new FunctionReplacement("the patch", f, "host_add"), "the patch", "expected", "ij", "found iii");
    }

    [Fact]
    public void MissingHostFunctionIsNamed()
    {
        var builder = new WasmBuilder();
        int f = builder.Function("v", c => c.Op(Nop));
        Fails(builder, new FunctionReplacement("the patch", f, "no_such_host"), "the patch", "no_such_host");
    }

    [Fact]
    public void MissingFunctionIsNamed()
    {
        var builder = new WasmBuilder();
        builder.Function("v", c => c.Op(Nop));
        Fails(builder, new EntryHook("the hook", 99, "hook"), "the hook", "99");
    }

    [Fact]
    public void EntryHookRunsFirst()
    {
        var builder = new WasmBuilder();
        int log = builder.ImportFunction("log", "vi");
        int f = builder.Function("v", c => c.I32(5).Call(log), "f");
        using var instance = new TestInstance(builder, [new EntryHook("hook", f, "hook")]);
        instance.Invoke("f");
        Assert.Equal([-1, 5], TestHost.ReadLog(instance));
    }

    [Fact]
    public void EntryHookGetsTheArguments()
    {
        var builder = new WasmBuilder();
        int log = builder.ImportFunction("log", "vi");
        int f = builder.Function("vi", c => c.I32(5).Call(log), "f");
        builder.Function("v", c => c.I32(7).Call(f), "g");
        using var instance = new TestInstance(builder, [new EntryHook("hook", f, "log") { PassArguments = true }]);
        instance.Invoke("g");
        Assert.Equal([7, 5], TestHost.ReadLog(instance));
    }

    [Fact]
    public void CallReplacementOnlyInItsFunction()
    {
        var builder = CallModule(out int add, out int caller);
        using var instance = new TestInstance(builder, [new CallReplacement("add", caller, add, "host_add", 3)]);
        Assert.Equal(1003 + 998 + 1010, instance.Call("caller"));
        Assert.Equal(11, instance.Call("other"));
    }

    [Fact]
    public void CallReplacementsInCodeOrder()
    {
        var builder = CallModule(out int add, out int caller);
        ModulePatches patches = [new CallReplacement("first", caller, add, "host_add", 1), new CallReplacement("others", caller, add, "host_subtract", 2)];
        using var instance = new TestInstance(builder, patches);
        Assert.Equal(1003 + (-1 - -1) + (0 - 10), instance.Call("caller"));
        Fails(builder, new CallReplacement("too few", caller, add, "host_add", 2), "too few", "3");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void WrongCountFailsWithExpectedAndFound(int expected)
    {
        var builder = CallModule(out int add, out int caller);
        Fails(builder, new CallReplacement("the calls", caller, add, "host_add", expected), "the calls", $"expected {expected}", "found 3");
    }

    [Fact]
    public void AllMismatchesAreListed()
    {
        var builder = CallModule(out int add, out int caller);
        int other = caller + 1;
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder,
        [
            new CallReplacement("first", caller, add, "host_add", 1),
            new CallReplacement("second", other, add, "host_add", 2),
        ]));
        Assert.Equal(2, e.Mismatches.Count);
        Assert.Contains("first", e.Message, StringComparison.Ordinal);
        Assert.Contains("second", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FingerprintOfPatchesCoversEveryProperty()
    {
        ModulePatches[] variants =
        [
            [],
            [new FunctionReplacement("a", 1, "h")],
            [new FunctionReplacement("a", 2, "h")],
            [new EntryHook("a", 1, "h")],
            [new CallReplacement("a", 1, 2, "h", 1)],
            [new CallReplacement("a", 1, 2, "h", 2)],
            [new CallReplacement("a", 1, 3, "h", 1)],
            [new StackDepthCheck("a", 1) { HostFunction = "h" }],
            [new StackDepthCheck("a", 1) { Result = 1 }],
            [new StackDepthCheck("a", 1) { Result = 2 }],
            [new EntryHook("a", 1, "h") { PassArguments = true }],
        ];
        Assert.Equal(variants.Length, variants.Select(v => v.Fingerprint).Distinct().Count());
    }

    private static WasmBuilder CallModule(out int add, out int caller)
    {
        var builder = new WasmBuilder();
        add = builder.Function("iii", c => c.Get(0).Get(1).Op(I32Add));
        int callee = add;
        caller = builder.Function("i", c => c
            .I32(1).I32(2).Call(callee)
            .I32(-1).I32(-1).Call(callee).Op(I32Add)
            .Get(0).I32(10).Call(callee).Op(I32Add), "caller", "i");
        builder.Function("i", c => c.I32(-1).I32(12).Call(callee), "other");
        return builder;
    }

    private static void Fails(WasmBuilder builder, ModulePatch patch, params string[] messageParts)
    {
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder, [patch]));
        Assert.All(messageParts, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
    }
}
