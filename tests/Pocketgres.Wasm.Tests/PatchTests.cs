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

    [Fact]
    public void CallReplacementByFirstArgument()
    {
        var builder = CallModule(out int add, out int caller);
        using var instance = new TestInstance(builder, [new CallReplacement("add(-1)", caller, add, "host_add", 1) { FirstArgument = -1 }]);
        Assert.Equal(3 + 998 + 10, instance.Call("caller"));
    }

    [Fact]
    public void CallReplacementFromLocals()
    {
        // The waitpid case: the arguments were folded to constants, the interesting address is in a local.
        var builder = new WasmBuilder();
        int callee = builder.Function("ii", c => c.Get(0));
        int caller = builder.Function("ii", c => c.I32(40).Set(2).I32(2).Set(1).I32(-1).Call(callee).I32(7).Call(callee).Op(I32Add), "run", "ii");
        ModulePatches patches = [new CallReplacement("waitpid", caller, callee, "host_add", 1) { FirstArgument = -1, FromLocals = [2, 1] }];
        using var instance = new TestInstance(builder, patches);
        Assert.Equal(1042 + 7, instance.Call("run", 0));
    }

    [Fact]
    public void CallReplacementFromAMissingLocal()
    {
        var builder = CallModule(out int add, out int caller);
        Fails(builder, new CallReplacement("bad local", caller, add, "host_add", 1) { FromLocals = [17] }, "bad local", "17");
    }

    [Fact]
    public void CallReplacementFromLocalsMustNotDropEffects()
    {
        var builder = new WasmBuilder();
        int trace = builder.ImportFunction("trace", "ii");
        int callee = builder.Function("iii", c => c.Get(0));
        int caller = builder.Function("i", c => c.I32(-1).I32(3).Call(trace).Call(callee), "run", "ii");
        Fails(builder, new CallReplacement("effects", caller, callee, "host_add", 1) { FirstArgument = -1, FromLocals = [0, 1] }, "effects", "side effects");
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
        var e = Assert.Throws<PatchException>(() => new TestInstance(builder,
        [
            new CallReplacement("first", caller, add, "host_add", 1) { FirstArgument = 12345 },
            new ConstantReplacement("second", caller, 31, 2) { HostFunction = "answer" },
        ]));
        Assert.Equal(2, e.Mismatches.Count);
        Assert.Contains("first", e.Message, StringComparison.Ordinal);
        Assert.Contains("second", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ConstantBecomesALoadOnlyBeforeComparisons()
    {
        // getpid() folded to 42: only comparisons with a pid may change.
        var builder = new WasmBuilder();
        int f = builder.Function("ii", c => c.Get(0).I32(42).Op(I32Eq).Get(0).I32(42).Op(I32Ne).I32(10).Op(I32Mul).Op(I32Add).I32(42).Op(I32Add), "f");
        var patch = new ConstantReplacement("pid", f, 42, 2) { LoadFrom = 512, OnlyBefore = [I32Eq, I32Ne] };
        using var instance = new TestInstance(builder, [patch]);
        instance.Write(512, 1234);
        Assert.Equal(1 + 42, instance.Call("f", 1234));
        Assert.Equal(10 + 42, instance.Call("f", 42));
    }

    [Fact]
    public void ConstantBecomesAHostCallExceptBefore()
    {
        // The folded listen socket: not where it is compared, and not as an argument of one function.
        var builder = new WasmBuilder();
        int id = builder.Function("ii", c => c.Get(0));
        int other = builder.Function("ii", c => c.Get(0));
        int f = builder.Function("i", c => c.I32(10).Call(id).I32(10).Call(other).Op(I32Add).I32(9).I32(10).Op(I32Ne).Op(I32Add).I32(10).Op(I32Add), "f");
        var patch = new ConstantReplacement("listen fd", f, 10, 2) { HostFunction = "answer", NotBefore = [I32Ne], NotBeforeCallOf = [id] };
        using var instance = new TestInstance(builder, [patch]);
        Assert.Equal(10 + 4242 + 1 + 4242, instance.Call("f"));
    }

    [Fact]
    public void ConstantReplacementNeedsExactlyOneSource()
    {
        var builder = new WasmBuilder();
        int f = builder.Function("i", c => c.I32(10));
        Fails(builder, new ConstantReplacement("neither", f, 10, 1), "neither", "exactly one");
        Fails(builder, new ConstantReplacement("both", f, 10, 1) { HostFunction = "answer", LoadFrom = 4 }, "both", "exactly one");
    }

    [Fact]
    public void DroppedLoadsBecomeHostCallsInCodeOrder()
    {
        using var instance = new TestInstance(SemaphoreModule(out int f), [Semaphores(f, "LUU")]);
        instance.Invoke("f", 64);
        Assert.Equal([1_000_064, 5, 2_000_072, 2_000_080], TestHost.ReadLog(instance));
    }

    [Theory]
    [InlineData("LU")]
    [InlineData("LUUU")]
    public void DroppedLoadsOfAnotherNumberFail(string pattern) =>
        Fails(SemaphoreModule(out int f), Semaphores(f, pattern), "semaphores", $"expected {pattern.Length}", "found 3");

    [Fact]
    public void FingerprintsPinFunctions()
    {
        var builder = CallModule(out int add, out int caller);
        var module = builder.Parse();
        string right = module.FunctionFingerprint(caller);
        Assert.Matches("^[0-9a-f]{16}$", right);
        Assert.NotEqual(right, module.FunctionFingerprint(add));
        Assert.Throws<ArgumentOutOfRangeException>(() => module.FunctionFingerprint(1000));

        using var instance = new TestInstance(builder, [new KnownFunction("caller", caller, right)]);
        Fails(builder, new KnownFunction("caller", caller, "0123456789abcdef"), "caller", "expected", "0123456789abcdef", $"found {right}");
        Fails(builder, new CallReplacement("calls", caller, add, "host_add", 3) { Fingerprint = "00" }, "calls", "fingerprint");
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
            [new CallReplacement("a", 1, 2, "h", 1) { FirstArgument = 0 }],
            [new CallReplacement("a", 1, 2, "h", 1) { FromLocals = [1, 2] }],
            [new CallReplacement("a", 1, 2, "h", 1) { FromLocals = [2, 1] }],
            [new ConstantReplacement("a", 1, 2, 1) { LoadFrom = 5 }],
            [new ConstantReplacement("a", 1, 2, 1) { LoadFrom = 5, OnlyBefore = [I32Eq] }],
            [new ConstantReplacement("a", 1, 2, 1) { LoadFrom = 5, NotBefore = [I32Eq] }],
            [new ConstantReplacement("a", 1, 2, 1) { LoadFrom = 5, NotBeforeCallOf = [7] }],
            [new EntryHook("a", 1, "h") { PassArguments = true }],
            [new LoopAcceleration("a", 1, 0, "h", [1], [2])],
            [new LoopAcceleration("a", 1, 1, "h", [1], [2])],
            [new LoopAcceleration("a", 1, 0, "h", [2], [2])],
            [new LoopAcceleration("a", 1, 0, "h", [1], [1])],
            [Semaphores(1, "LU")],
            [Semaphores(1, "UL")],
            [new KnownFunction("a", 1, "x")],
        ];
        Assert.Equal(variants.Length, variants.Select(v => v.Fingerprint).Distinct().Count());
    }

    private static DroppedLoadReplacement Semaphores(int function, string pattern) =>
        new("semaphores", function, 12, pattern, new Dictionary<char, string> { ['L'] = "lock", ['U'] = "unlock" });

    private static WasmBuilder SemaphoreModule(out int f)
    {
        var builder = new WasmBuilder();
        int log = builder.ImportFunction("log", "vi");
        f = builder.Function("vi", c => c
            .Get(0).Memory(I32Load, 12).Op(Drop)
            .I32(5).Call(log)
            .Get(0).Memory(I32Load, 8).Op(Drop) // another offset: not a semaphore
            .Get(0).I32(8).Op(I32Add).Memory(I32Load, 12).Op(Drop)
            .Get(0).If('v', t => t.Get(0).I32(16).Op(I32Add).Memory(I32Load, 12).Op(Drop)), "f");
        return builder;
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
