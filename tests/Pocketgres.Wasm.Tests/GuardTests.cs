using Pocketgres.Kernel;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Functions in which guest exceptions end, and imports that are refused.</summary>
public unsafe class GuardTests
{
    [Fact]
    public void AGuardReportsRestoresTheStackAndReturnsItsConstant()
    {
        using var instance = Load();
        instance.StackPointer = 0x2000;
        Assert.Equal(7, instance.Call("quiet", 0));
        Assert.Equal(-1, instance.Call("quiet", 1));
        Assert.Equal(0x2000, instance.StackPointer);
        Assert.Equal(77, instance.I32(0x100)); // what the reporter was given
        Assert.Equal(0, Depth(instance));
        Assert.Equal(2.0, instance.Call<double>("measure", 1));
    }

    [Fact]
    public void GuardsNest()
    {
        using var instance = Load();
        Assert.Equal(-1 + 100, instance.Call("outer", 1));
        Assert.Equal(7 + 100, instance.Call("outer", 0));
        Assert.Equal(0, Depth(instance));
    }

    [Fact]
    public void AlternativesAreTriedUntilOneHasAResult()
    {
        using var instance = Load();
        Assert.Equal(5, instance.Call("retry", 0));
        Assert.Equal(6, instance.Call("retry", 1)); // the first alternative returns null
        Assert.Throws<GuestException>(() => instance.Call("retry", 2));
        Assert.Equal(77, *(int*)(instance.M + InstanceLayout.GuestMessage));
        Assert.Equal(0, Depth(instance));
    }

    [Fact]
    public void OtherExceptionsPassAndTheDepthIsRight()
    {
        using var instance = Load();
        Assert.ThrowsAny<Exception>(() => instance.Call("quiet", 2));
        Assert.Equal(0, Depth(instance));
    }

    [Fact]
    public void AGuardMustNameAnExport()
    {
        var e = Assert.Throws<TranslationException>(() => Translate(new FunctionGuard("nosuch")));
        Assert.Contains("nosuch", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<TranslationException>(() => Translate(new FunctionGuard("quiet") { Reporter = "measure" }));
        Assert.Contains("measure", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARefusedImportIsNotUnresolved()
    {
        var translated = Translate();
        Assert.Equal(ImportBindingKind.Refused, translated.Report.Imports.Single(i => i.Name == "refused").Kind);
        Assert.Equal(["nothing"], translated.Report.Unresolved.Select(i => i.Name));
    }

    private static int Depth(TestInstance instance) => *(int*)(instance.M + InstanceLayout.GuardDepth);

    private static TestInstance Load() => new(Translate(
        new FunctionGuard("quiet") { Result = -1, Reporter = "report" },
        new FunctionGuard("measure") { Result = 2 },
        new FunctionGuard("outer") { Result = -9 },
        new FunctionGuard("retry") { Alternatives = ["first", "second"] }));

    private static TranslatedModule Translate(params FunctionGuard[] guards)
    {
        var b = new WasmBuilder();
        int fail = b.ImportFunction("guest_throw", "vi");
        int trap = b.ImportFunction("fail", "v");
        b.ImportFunction("refused", "ii");
        b.ImportFunction("nothing", "v");
        b.Global('i', true, 0x1000);
        b.Function("vii", c => c.I32(0x100).Get(0).Memory(I32Store), "report");
        int quiet = b.Function("ii", c =>
        {
            c.Op(GlobalGet, 0).I32(16).Op(I32Sub).Op(GlobalSet, 0);
            c.Get(0).I32(1).Op(I32Eq).If('v', t => t.I32(77).Call(fail));
            c.Get(0).I32(2).Op(I32Eq).If('v', t => t.Call(trap));
            c.Op(GlobalGet, 0).I32(16).Op(I32Add).Op(GlobalSet, 0).I32(7);
        }, "quiet");
        b.Function("di", c => c.I32(77).Call(fail).F64(1.0), "measure");
        b.Function("ii", c => c.Get(0).Call(quiet).I32(100).Op(I32Add), "outer");
        b.Function("ii", c => c.Get(0).If('v', t => t.I32(77).Call(fail)).I32(5), "retry");
        b.Function("ii", c => c.I32(0), "first");
        b.Function("ii", c => c.I32(6).I32(0).Get(0).I32(1).Op(I32Eq).Op(Select), "second");
        return ModuleTranslator.Translate(new TranslationOptions
        {
            Module = b.Parse(),
            AssemblyName = "TestMain",
            HostFunctions = TestHost.Functions,
            Guards = guards,
            RefusedImports = name => name == "refused",
        });
    }
}
