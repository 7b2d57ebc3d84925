using Pocketgres.Kernel;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Side modules: binding order, global offset table, bases, ranges of globals.</summary>
public class LinkingTests
{
    [Fact]
    public void FunctionsBindToMainThenSelfThenHost()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int add = side.ImportFunction("add", "iii");
        int own = side.ImportFunction("own", "i");
        int hostAdd = side.ImportFunction("host_add", "iii");
        int hidden = side.ImportFunction("hidden", "i");
        side.Function("i", c => c.I32(11), "own");
        side.Function("i", c => c.I32(99), "add_unused");
        side.Function("i", c => c.I32(1).I32(2).Call(add).Call(own).Op(I32Add).I32(100).I32(200).Call(hostAdd).Op(I32Add).Call(hidden).Op(I32Add), "side_run");
        var translated = Translate(side, instance.Main);
        instance.LoadSide(translated);
        Assert.Equal(3 + 11 + 1300 + 5000, instance.Call("side_run"));
        var kinds = translated.Report.Imports.ToDictionary(i => i.Name, i => i.Kind);
        Assert.Equal(ImportBindingKind.MainExport, kinds["add"]);
        Assert.Equal(ImportBindingKind.MainExport, kinds["hidden"]); // exported by index
        Assert.Equal(ImportBindingKind.Self, kinds["own"]);
        Assert.Equal(ImportBindingKind.Host, kinds["host_add"]);
        Assert.Equal(ImportBindingKind.Base, kinds["env.__memory_base"]);
    }

    [Fact]
    public void MainsExportWinsOverTheModulesOwn()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int add = side.ImportFunction("add", "iii");
        side.Function("iii", c => c.I32(-1), "add");
        side.Function("i", c => c.I32(1).I32(2).Call(add), "side_run");
        instance.LoadSide(Translate(side, instance.Main));
        Assert.Equal(3, instance.Call("side_run"));
    }

    [Fact]
    public void DataTableAndGlobalOffsetTable()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side(); // globals 0..2 are memory base, table base, stack pointer
        int mainVariable = side.ImportGlobal("GOT.mem", "main_variable", mutable: true);
        int ownVariable = side.ImportGlobal("GOT.mem", "side_variable", mutable: true);
        int mainFunction = side.ImportGlobal("GOT.func", "add", mutable: true);
        int ownFunction = side.ImportGlobal("GOT.func", "side_sub", mutable: true);
        side.Dylink(16, 2, 1);
        side.Global('i', false, 8, "side_variable");
        int counter = side.Global('i', true, 30);
        side.Data(4, [7, 0, 0, 0], baseGlobal: 0);
        int sub = side.Function("iii", c => c.Get(0).Get(1).Op(I32Sub), "side_sub");
        side.Elements(0, [sub], baseGlobal: 1);
        int type = side.Type("iii");
        side.Function("i", c => c.Op(GlobalGet, 0).Memory(I32Load, 4), "data");
        side.Function("i", c => c.Op(GlobalGet, mainVariable).Memory(I32Load), "main_var");
        side.Function("vi", c => c.Op(GlobalGet, ownVariable).Get(0).Memory(I32Store), "set_own");
        side.Function("i", c => c.I32(9).I32(4).Op(GlobalGet, mainFunction).CallIndirect(type), "through_main");
        side.Function("i", c => c.I32(9).I32(4).Op(GlobalGet, ownFunction).CallIndirect(type), "through_own");
        side.Function("i", c => c.I32(9).I32(4).Op(GlobalGet, 1).CallIndirect(type), "through_base");
        side.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), "count");
        side.Function("i", c => c.Op(GlobalGet, 2), "stack_pointer");
        int memoryBase = instance.LoadSide(Translate(side, instance.Main));
        instance.Write(0x300, 55);
        instance.StackPointer = 0x1230;
        Assert.Equal(7, instance.Call("data"));
        Assert.Equal(55, instance.Call("main_var"));
        instance.Invoke("set_own", 123);
        Assert.Equal(123, instance.I32(memoryBase + 8));
        Assert.Equal(13, instance.Call("through_main"));
        Assert.Equal(5, instance.Call("through_own"));
        Assert.Equal(5, instance.Call("through_base"));
        Assert.Equal(31, instance.Call("count"));
        Assert.Equal(32, instance.Call("count"));
        Assert.Equal(0x1230, instance.Call("stack_pointer"));
    }

    [Fact]
    public void TempRetGoesToMain()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int set = side.ImportFunction("setTempRet0", "vi");
        int get = side.ImportFunction("getTempRet0", "i");
        side.Function("ii", c => c.Get(0).Call(set).Call(get), "side_run");
        instance.LoadSide(Translate(side, instance.Main));
        Assert.Equal(17, instance.Call("side_run", 17));
        Assert.Equal(17, instance.I32(0x340));
    }

    [Fact]
    public void SideModulesInvokeUsesMainsSetThrew()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int invoke = side.ImportFunction("invoke_v", "vi");
        int longjmp = side.ImportFunction("_emscripten_throw_longjmp", "v");
        side.Dylink(0, 0, 1);
        int jump = side.Function("v", c => c.Call(longjmp));
        side.Elements(0, [jump], baseGlobal: 1);
        side.Function("v", c => c.Op(GlobalGet, 1).Call(invoke), "side_run");
        instance.LoadSide(Translate(side, instance.Main));
        instance.Invoke("side_run");
        Assert.Equal(1, instance.I32(0x350));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OnlyAModuleThatLooksForHandlersCatchesCppExceptions(bool looks)
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int invoke = side.ImportFunction("invoke_v", "vi");
        int raise = side.ImportFunction("pocket_throw_exception", "v");
        if (looks)
        {
            side.ImportFunction("pocket_thrown_exception", "i");
        }

        side.Dylink(0, 0, 1);
        int callee = side.Function("v", c => c.Call(raise));
        side.Elements(0, [callee], baseGlobal: 1);
        side.Function("v", c => c.Op(GlobalGet, 1).Call(invoke), "side_run");
        instance.LoadSide(Translate(side, instance.Main));
        if (looks)
        {
            instance.Invoke("side_run");
        }
        else
        {
            Assert.Throws<CppException>(() => instance.Invoke("side_run"));
        }

        Assert.Equal(looks ? 1 : 0, instance.I32(0x350)); // setThrew(1, 0)
    }

    [Fact]
    public void UnresolvedAndMismatchedImports()
    {
        using var instance = new TestInstance(MainModule());
        var side = Side();
        int missing = side.ImportFunction("missing", "v");
        int mismatched = side.ImportFunction("add", "vj");
        side.ImportFunction("weak_missing", "v");
        side.Dylink(0, 0, 0, weak: ["weak_missing"]);
        side.Function("v", c => c.Call(missing), "call_missing");
        side.Function("v", c => c.I64(1).Call(mismatched), "call_mismatched");
        var translated = Translate(side, instance.Main);
        instance.LoadSide(translated);
        Assert.Equal("missing", Assert.Throws<UnresolvedImportException>(() => instance.Invoke("call_missing")).ImportName);
        Assert.Equal("add", Assert.Throws<UnresolvedImportException>(() => instance.Invoke("call_mismatched")).ImportName);
        Assert.Equal(["missing", "add"], translated.Manifest.Unresolved); // a weak symbol may be absent
        Assert.Contains("iii", translated.Report.Imports.Single(i => i.Name == "add").Target, StringComparison.Ordinal);
    }

    [Fact]
    public void ModulesGetDisjointRangesOfGlobals()
    {
        using var instance = new TestInstance(MainModule());
        var first = Translate(Counter("first", 100), instance.Main, "Side1");
        var second = Translate(Counter("second", 200), instance.Main, "Side2", first.Report.SideGlobalsBottom);
        Assert.True(second.Report.SideGlobalsBottom < first.Report.SideGlobalsBottom);
        instance.LoadSide(first);
        instance.LoadSide(second);
        Assert.Equal([101, 201, 102, 202], [instance.Call("first"), instance.Call("second"), instance.Call("first"), instance.Call("second")]);

        var e = Assert.Throws<TranslationException>(() => Translate(Counter("third", 1), instance.Main, "Side3", Abi.InstanceLayout.SideGlobalsLow + 8));
        Assert.Contains("no room", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LinkageWithoutTranslationIsTheSame()
    {
        var builder = MainModule(out int hidden);
        var module = builder.Parse();
        var main = TranslateMain(module, hidden);
        var linkage = ModuleLinkage.Create(module, "TestMain", exportsByIndex: new Dictionary<string, int> { ["hidden"] = hidden });
        var side = Side();
        int import = side.ImportFunction("hidden", "i");
        side.Function("i", c => c.Call(import), "side_run");
        var options = new TranslationOptions { Module = side.Parse(), AssemblyName = "Side", Main = linkage };
        Assert.Equal(Translate(side, main).Assembly, ModuleTranslator.Translate(options).Assembly);
    }

    [Fact]
    public void ExportsByIndexAreChecked()
    {
        var module = MainModule(out _).Parse();
        var missing = Assert.Throws<TranslationException>(() => ModuleLinkage.Create(module, "M", exportsByIndex: new Dictionary<string, int> { ["x"] = 999 }));
        Assert.Contains("\"x\"", missing.Message, StringComparison.Ordinal);
        var clash = Assert.Throws<TranslationException>(() => ModuleLinkage.Create(module, "M", exportsByIndex: new Dictionary<string, int> { ["add"] = 2 }));
        Assert.Contains("\"add\"", clash.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SideModuleNeedsAMain()
    {
        var e = Assert.Throws<TranslationException>(() => ModuleTranslator.Translate(new TranslationOptions { Module = Side().Parse(), AssemblyName = "Side" }));
        Assert.Contains("side module", e.Message, StringComparison.Ordinal);
    }

    private static TranslatedModule MainModule()
    {
        var builder = MainModule(out int hidden);
        return TranslateMain(builder.Parse(), hidden);
    }

    private static WasmBuilder MainModule(out int hidden)
    {
        var builder = new WasmBuilder { TableSize = 8 };
        builder.Global('i', true, 0x1000);
        builder.Global('i', false, 0x300, "main_variable");
        builder.Function("iii", c => c.Get(0).Get(1).Op(I32Add), "add");
        hidden = builder.Function("i", c => c.I32(5000));
        builder.Function("vi", c => c.I32(0x340).Get(0).Memory(I32Store), "_emscripten_tempret_set");
        builder.Function("i", c => c.I32(0x340).Memory(I32Load), "_emscripten_tempret_get");
        builder.Function("vii", c => c.I32(0x350).Get(0).Memory(I32Store), "setThrew");
        return builder;
    }

    private static TranslatedModule TranslateMain(WasmModule module, int hidden) => ModuleTranslator.Translate(new TranslationOptions
    {
        Module = module,
        AssemblyName = "TestMain",
        HostFunctions = TestHost.Functions,
        ExportsByIndex = new Dictionary<string, int> { ["hidden"] = hidden },
    });

    private static WasmBuilder Side()
    {
        var builder = new WasmBuilder { MemoryPages = null };
        builder.ImportGlobal("env", "__memory_base");
        builder.ImportGlobal("env", "__table_base");
        builder.ImportGlobal("env", "__stack_pointer", mutable: true);
        return builder;
    }

    private static WasmBuilder Counter(string name, int start)
    {
        var side = Side();
        int counter = side.Global('i', true, start);
        side.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), name);
        return side;
    }

    private static TranslatedModule Translate(WasmBuilder side, TranslatedModule main, string name = "Side", int top = Abi.InstanceLayout.SideGlobalsHigh) =>
        ModuleTranslator.Translate(new TranslationOptions
        {
            Module = side.Parse(),
            AssemblyName = name,
            Main = main.Linkage,
            HostFunctions = TestHost.Functions,
            SideGlobalsTop = top,
        });
}
