using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Which functions compare the stack pointer with the limit, and that the comparison works.</summary>
public unsafe class RecursionTests
{
    [Fact]
    public void CodeWithoutCyclesIsNotBounded()
    {
        var b = new WasmBuilder();
        int leaf = b.Function("ii", c => c.Get(0));
        int middle = b.Function("ii", c => c.Get(0).Call(leaf));
        b.Function("ii", c => c.Get(0).Call(leaf).Call(middle), "f");
        var report = Translate(b).Report;
        Assert.Empty(report.BoundedInCycles);
        Assert.Equal(0, report.BoundedThroughTable);
    }

    [Fact]
    public void EachCycleIsCutOnce()
    {
        var b = new WasmBuilder();
        b.Function("ii", c => c.Get(0).Call(1), "a");
        b.Function("ii", c => c.Get(0).Call(2), "b");
        b.Function("ii", c => c.Get(0).Call(0), "c");
        b.Function("ii", c => c.Get(0).Call(3), "self");
        Assert.Equal(["f0_a", "f3_self"], Translate(b).Report.BoundedInCycles);
    }

    [Fact]
    public void WhatCallsThroughTheTableIsBoundedUnlessItIsKnownWhatItCalls()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ii");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type), "f");
        b.Elements(1, [0]);
        Assert.Equal(1, Translate(b).Report.BoundedThroughTable);
        Assert.Empty(Translate(b).Report.BoundedInCycles);

        // It may call itself, which is a cycle of its own.
        var known = Translate(b, dispatchers: new() { [0] = [0] }).Report;
        Assert.Equal(0, known.BoundedThroughTable);
        Assert.Equal(["f0_f"], known.BoundedInCycles);
        Assert.Empty(Translate(b, dispatchers: new() { [0] = [] }).Report.BoundedInCycles);
    }

    [Fact]
    public void AKnownDispatcherIsTheLastChoiceInACycle()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ii");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type), "dispatch");
        b.Function("ii", c => c.Get(0).Call(2), "allocate");
        b.Function("ii", c => c.Get(0).Call(0), "report");
        Assert.Equal(["f2_report"], Translate(b, dispatchers: new() { [0] = [1] }).Report.BoundedInCycles);
    }

    [Fact]
    public void WhatIsCalledOftenIsSparedAndTheWayBackIsBounded()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ii");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type), "dispatch");
        b.Function("ii", c => c.Get(0), "leaf");
        b.Function("ii", c => c.Get(0).Call(3), "back");
        b.Function("ii", c => c.Get(0).Call(0), "again");
        b.Function("jjj", c => c.Get(0).I32(0).Call(0).Op(Drop), "other"); // of another type
        b.Elements(1, [1, 2, 4]);
        var plain = Translate(b).Report;
        Assert.Equal(1, plain.BoundedThroughTable);
        Assert.Empty(plain.BoundedInCycles);

        // Exported, so that any of these may be in the table: dispatch, too, which then calls itself.
        var exported = Translate(b, calls: new() { ["TestMain.F0.f0_dispatch"] = 5000 }).Report;
        Assert.Equal(0, exported.BoundedThroughTable);
        Assert.Equal(["f0_dispatch"], exported.BoundedInCycles);

        var seldom = Translate(b, calls: new() { ["TestMain.F0.f0_dispatch"] = 10 }).Report;
        Assert.Equal(1, seldom.BoundedThroughTable);
    }

    [Fact]
    public void TheLessOftenCalledFunctionOfACycleIsBounded()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ji");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type).Op(Drop).I32(1), "dispatch");
        b.Function("ji", c => c.Get(0).Call(2).Op(Drop).I64(1), "target");
        b.Function("ii", c => c.Get(0).Call(0), "between");
        b.Elements(1, [1]);
        Dictionary<string, long> calls = new() { ["TestMain.F0.f0_dispatch"] = 5000, ["TestMain.F0.f1_target"] = 3000, ["TestMain.F0.f2_between"] = 3001 };
        var report = Translate(b, calls: calls).Report;
        Assert.Equal(0, report.BoundedThroughTable);
        Assert.Equal(["f1_target"], report.BoundedInCycles);

        // What nobody counted comes before what is called often.
        calls.Remove("TestMain.F0.f2_between");
        Assert.Equal(["f2_between"], Translate(b, calls: calls).Report.BoundedInCycles);
    }

    [Fact]
    public void WhatOnlyCertainFunctionsCallLiesOnNoOthersCycle()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ji");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type).Op(Drop).I32(1), "dispatch");
        b.Function("ji", c => c.Get(0).Call(0).Op(Drop).I64(1), "target");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type).Op(Drop).I32(1), "caller");
        b.Elements(1, [1]);
        Dictionary<string, long> calls = new() { ["TestMain.F0.f0_dispatch"] = 5000, ["TestMain.F0.f1_target"] = 3000, ["TestMain.F0.f2_caller"] = 2000 };
        Assert.Equal(["f1_target"], Translate(b, calls: calls).Report.BoundedInCycles);

        // Called by nobody without a check, or by a function that is on no cycle.
        Assert.Empty(Translate(b, calls: calls, callees: new() { [1] = [] }).Report.BoundedInCycles);
        Assert.Empty(Translate(b, calls: calls, callees: new() { [1] = [2] }).Report.BoundedInCycles);
        Assert.Equal(["f1_target"], Translate(b, calls: calls, callees: new() { [1] = [0] }).Report.BoundedInCycles);

        // What begins it compares, however often it is called.
        Assert.Equal(["f2_caller"], Translate(b, calls: calls, callees: new() { [1] = [] }, roots: [2]).Report.BoundedInCycles);
    }

    [Fact]
    public void ASideModulesFunctionThatCallsASparedOneIsBounded()
    {
        var b = new WasmBuilder { TableSize = 4 };
        int type = b.Type("ji");
        b.Function("ii", c => c.Get(0).I32(1).CallIndirect(type).Op(Drop).I32(1), "dispatch");
        b.Function("ii", c => c.Get(0).Call(0), "caller");
        b.Function("ii", c => c.Get(0), "leaf");
        Assert.Equal(1, Side(new()));
        Assert.Equal(3, Side(new() { ["TestMain.F0.f0_dispatch"] = 5000 }));

        // Of a side module whose three functions call these, and are called by nobody.
        int Side(Dictionary<string, long> calls)
        {
            var side = new WasmBuilder();
            side.ImportGlobal("env", "__memory_base");
            side.ImportGlobal("env", "__table_base");
            side.Dylink(0, 0, 0);
            int[] imports = [side.ImportFunction("dispatch", "ii"), side.ImportFunction("caller", "ii"), side.ImportFunction("leaf", "ii")];
            foreach (int import in imports)
            {
                side.Function("ii", c => c.Get(0).Call(import), "calls" + import);
            }

            side.Function("ii", c => c.Get(0).I32(1).CallIndirect(side.Type("ii")), "through");
            return ModuleTranslator.Translate(new TranslationOptions
            {
                Module = side.Parse(), AssemblyName = "TestSide", HostFunctions = TestHost.Functions, Main = Translate(b, calls: calls).Linkage,
            }).Report.BoundedThroughTable;
        }
    }

    [Fact]
    public void WhatChecksOnEveryWayIsNotBounded()
    {
        Assert.Empty(Bounded(c => c.Call(0).Get(0).Call(1)));
        Assert.Empty(Bounded(c => c.Get(0).If('i', x => x.Call(0).Get(0).Call(1), x => x.I32(7))));
        Assert.Empty(Bounded(c => c.Block(Block, 'v', x => x.Get(0).Op(I32Eqz).BrIf(0).Call(0).Get(0).Call(1).Op(Return)).I32(7)));
        Assert.Empty(Bounded(c => c.Call(0).Block(Loop, 'v', x => x.Get(0).Call(1).BrIf(0)).I32(7)));
        Assert.Empty(Bounded(c => c.Get(0).If('v', x => x.Call(0), x => x.I32(7).Op(Return)).Get(0).Call(1)));
    }

    [Fact]
    public void WhatChecksOnSomeWaysIsBounded()
    {
        Assert.NotEmpty(Bounded(c => c.Get(0).Call(1).Call(0)));
        Assert.NotEmpty(Bounded(c => c.Get(0).If('v', x => x.Call(0)).Get(0).Call(1)));
        Assert.NotEmpty(Bounded(c => c.Get(0).If('v', x => x.Call(0), x => x.Op(Nop)).Get(0).Call(1)));
        Assert.NotEmpty(Bounded(c => c.Block(Block, 'v', x => x.Get(0).BrIf(0).Call(0)).Get(0).Call(1)));
        Assert.NotEmpty(Bounded(c => c.Block(Block, 'v', x => x.Block(Block, 'v', y => y.Get(0).BrTable(0, 1)).Call(0)).Get(0).Call(1)));
        Assert.NotEmpty(Bounded(c => c.Block(Loop, 'v', x => x.Get(0).Call(1).Op(Drop).Call(0).Get(0).BrIf(0)).I32(7)));
    }

    [Fact]
    public void ASideModulesCyclesAreItsOwnAndItKnowsTheProgramsCheck()
    {
        var b = new WasmBuilder();
        b.Function("v", _ => { }, "check");
        var facts = RecursionFacts.None with { Checks = new HashSet<int> { 0 } };
        var main = ModuleTranslator.Translate(new TranslationOptions { Module = b.Parse(), AssemblyName = "TestMain", HostFunctions = TestHost.Functions, Recursion = facts });

        var side = new WasmBuilder();
        side.ImportGlobal("env", "__memory_base");
        side.ImportGlobal("env", "__table_base");
        side.Dylink(0, 0, 0);
        int check = side.ImportFunction("check", "v");
        int imported = side.ImportFunction("again", "ii"); // the module's own
        side.Function("ii", c => c.Call(check).Get(0).Call(2), "checks");
        side.Function("ii", c => c.Get(0).Call(imported), "again");
        var report = ModuleTranslator.Translate(new TranslationOptions
        {
            Module = side.Parse(),
            AssemblyName = "TestSide",
            HostFunctions = TestHost.Functions,
            Main = main.Linkage,
            Recursion = facts,
        }).Report;
        Assert.Equal(["f3_again"], report.BoundedInCycles);
    }

    [Fact]
    public void ABoundedFunctionStopsAtTheLimit()
    {
        var b = new WasmBuilder();
        b.Function("ii", c => c.Get(0).If('i', x => x.Get(0).I32(1).Op(I32Sub).Call(0).I32(1).Op(I32Add), x => x.I32(0)), "depth");
        using var instance = new TestInstance(b);
        byte here;
        *(byte**)(instance.M + InstanceLayout.StackLimit) = &here - 200_000;
        Assert.Equal(100, instance.Call("depth", 100));

        // There is no process here that could be told.
        Assert.Throws<InvalidOperationException>(() => instance.Call("depth", 1_000_000_000));
    }

    [Fact]
    public void TheProgramsOwnCheckFailsAtItsLimit()
    {
        var b = new WasmBuilder();
        b.Function("v", c => c.Op(Nop), "check");
        b.Function("i", c => c.I32(0), "is_too_deep");
        ModulePatches patches = [new StackDepthCheck("check", 0) { HostFunction = "hook" }, new StackDepthCheck("is_too_deep", 1) { Result = 1 }];
        using var instance = new TestInstance(b, patches);
        byte here;
        *(byte**)(instance.M + InstanceLayout.StackDepthLimit) = &here - 1_000_000;
        instance.Invoke("check");
        Assert.Equal(0, instance.Call("is_too_deep"));
        Assert.Empty(TestHost.ReadLog(instance));
        *(byte**)(instance.M + InstanceLayout.StackDepthLimit) = &here + 1_000_000;
        instance.Invoke("check");
        Assert.Equal(1, instance.Call("is_too_deep"));
        Assert.Equal([-1], TestHost.ReadLog(instance));
    }

    [Fact]
    public void ADepthCheckHasOneConsequence()
    {
        var b = new WasmBuilder();
        b.Function("v", c => c.Op(Nop), "check");
        Assert.Throws<PatchException>(() => new TestInstance(b, [new StackDepthCheck("check", 0)]));
        Assert.Throws<PatchException>(() => new TestInstance(b, [new StackDepthCheck("check", 0) { Result = 1 }]));
        Assert.Throws<PatchException>(() => new TestInstance(b, [new StackDepthCheck("check", 0) { Result = 1, HostFunction = "hook" }]));
    }

    // The bounded ones of a module with check() as function 0 and a body that calls itself, function 1.
    private static IReadOnlyList<string> Bounded(Action<Code> body)
    {
        var b = new WasmBuilder();
        b.Function("v", _ => { }, "check");
        b.Function("ii", body, "f");
        return Translate(b, checks: [0]).Report.BoundedInCycles;
    }

    private static TranslatedModule Translate(
        WasmBuilder b, int[]? checks = null, Dictionary<int, IReadOnlyList<int>>? dispatchers = null, Dictionary<string, long>? calls = null,
        Dictionary<int, IReadOnlyList<int>>? callees = null, int[]? roots = null) =>
        ModuleTranslator.Translate(new TranslationOptions
        {
            Module = b.Parse(),
            AssemblyName = "TestMain",
            HostFunctions = TestHost.Functions,
            Recursion = new RecursionFacts((checks ?? []).ToHashSet(), dispatchers ?? [], callees ?? [], (roots ?? []).ToHashSet()),
            Calls = calls ?? [],
        });
}
