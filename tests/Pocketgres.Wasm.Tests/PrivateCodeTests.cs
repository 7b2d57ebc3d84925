using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>What private code must not be. How it behaves is tested with the kernel (PrivateSectionTests).</summary>
public class PrivateCodeTests
{
    [Fact]
    public void PrivateCodeMustBeDefined()
    {
        var b = new WasmBuilder();
        int imported = b.ImportFunction("abs", "ii");
        b.Function("ii", c => c.Get(0).Call(imported), "f");
        Assert.Contains("function 0", Refused(b, [imported]), StringComparison.Ordinal);
        Assert.Contains("function 9", Refused(b, [9]), StringComparison.Ordinal);
    }

    [Fact]
    public void PrivateCodeMustNotGrowMemory()
    {
        var b = new WasmBuilder();
        int f = b.Function("ii", c => c.Get(0).Op(MemoryGrow, 0), "f");
        Assert.Contains("grows memory", Refused(b, [f]), StringComparison.Ordinal);
    }

    [Fact]
    public void PrivateCodeMustNotCallWhatIsForbidden()
    {
        var b = new WasmBuilder();
        int spinlock = b.Function("ii", c => c.Get(0), "s_lock");
        int f = b.Function("ii", c => c.Get(0).Call(spinlock), "f");
        Assert.Contains($"function {f} calls function {spinlock}", Refused(b, [f], forbidden: [spinlock]), StringComparison.Ordinal);
    }

    [Fact]
    public void WhoCallsAStarterIsOne()
    {
        var b = new WasmBuilder();
        int starter = b.Function("ii", c => c.Get(0), "starter");
        int f = b.Function("ii", c => c.Get(0).Call(starter), "f");
        Assert.Contains($"function {f} calls function {starter}", Refused(b, [starter, f], [starter]), StringComparison.Ordinal);
        Assert.Contains($"function {starter}", Refused(b, [f], [starter]), StringComparison.Ordinal);
        Translate(b, [starter, f], [starter, f], []);
        Translate(b, [starter], [starter], []); // f is not private: it takes the lock after the call
    }

    private static string Refused(WasmBuilder b, int[] functions, int[]? starters = null, int[]? forbidden = null) =>
        Assert.Throws<TranslationException>(() => Translate(b, functions, starters ?? [], forbidden ?? [])).Message;

    private static void Translate(WasmBuilder b, int[] functions, int[] starters, int[] forbidden) => ModuleTranslator.Translate(new TranslationOptions
    {
        Module = b.Parse(),
        AssemblyName = "Private",
        HostFunctions = TestHost.Functions,
        PrivateCode = new PrivateCode(functions.ToHashSet(), starters.ToHashSet(), null, forbidden.ToHashSet()),
    });
}
