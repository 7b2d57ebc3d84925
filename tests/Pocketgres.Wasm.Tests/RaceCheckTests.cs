using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>What code tells the checker of races, and that it does what it did without.</summary>
public sealed class RaceCheckTests
{
    [Fact]
    public void AccessesAreTold()
    {
        Assert.Equal(["RaceAccess"], Calls("ii", c => c.Get(0).Memory(I32Load)));
        Assert.Equal(["RaceAccess"], Calls("ii", c => c.Get(0).Memory(I64Load).Op(I32WrapI64), is64: true));
        Assert.Equal(["RaceAccess"], Calls("vi", c => c.Get(0).I32(1).Memory(I32Store8)));
        Assert.Equal(["RaceAccess", "RaceAccess"], Calls("vi", c => c.Get(0).Get(0).Memory(F64Load).Memory(F64Store)));
        Assert.Equal(["RaceCopy"], Calls("viii", c => c.Get(0).Get(1).Get(2).Op(MemoryCopy).Raw(0, 0)));
        Assert.Equal(["RaceFill"], Calls("vi", c => c.Get(0).I32(0).I32(16).Op(MemoryFill).Raw(0)));
    }

    [Fact]
    public void ConstantAddressesAreNot() => Assert.Empty(Calls("vi", c => c.I32(64).I32(68).Memory(I32Load).Memory(I32Store)));

    [Fact]
    public void AtomicsReleaseBeforeAndAcquireAfter()
    {
        Assert.Equal(["RaceAcquire"], Calls("ii", c => c.Get(0).Memory(I32AtomicLoad)));
        Assert.Equal(["RaceRelease"], Calls("vi", c => c.Get(0).I32(1).Memory(I32AtomicStore)));
        Assert.Equal(["RaceRelease", "Exchange", "RaceAcquire"], Calls("ii", c => c.Get(0).I32(1).Memory(I32AtomicExchange)));
        Assert.Equal(["RaceRelease", "CompareExchange", "RaceAcquire"], Calls("ii", c => c.Get(0).I32(1).I32(2).Memory(I32AtomicCompareExchange)));
    }

    [Fact]
    public void WhatIsLeftOutOrdersNothing() =>
        Assert.Equal(["RaceAcquire"], Calls("vi", c => c.Get(0).I32(1).Memory(I32AtomicExchange).Op(Drop).Get(0).Memory(I32AtomicLoad).Op(Drop), without: "i32.atomic.rmw.xchg"));

    [Fact]
    public void AStoreIsToldAfterItsValueIsComputed()
    {
        // The value comes from a call, in which a lock may be taken.
        Assert.Equal(["Trace", "RaceAccess"], Calls("vi", c => c.Get(0).I32(7).Call(0).Memory(I32Store), "trace"));
        Assert.Equal(["Trace", "RaceRelease"], Calls("vi", c => c.Get(0).I32(7).Call(0).Memory(I32AtomicStore), "trace"));
        Assert.Equal(["Trace", "RaceRelease", "Exchange", "RaceAcquire"], Calls("vi", c => c.Get(0).I32(7).Call(0).Memory(I32AtomicExchange).Op(Drop), "trace"));
        Assert.Equal(
            ["RaceAccess", "Trace", "RaceRelease", "CompareExchange", "RaceAcquire"],
            Calls("vi", c => c.Get(0).Get(0).Memory(I32Load).I32(7).Call(0).Memory(I32AtomicCompareExchange).Op(Drop), "trace"));
    }

    [Fact]
    public void TheUsualCodeTellsNothing()
    {
        var builder = new WasmBuilder();
        builder.Function("ii", c => c.Get(0).Get(0).I32(1).Memory(I32AtomicExchange).Memory(I32Store).Get(0).Memory(I32Load));
        Assert.Equal(["Exchange"], TranslatedCode.First(Translate(builder, CodeVariant.None)).Calls);
        Assert.Empty(Translate(builder, CodeVariant.None).Report.RaceSites);
    }

    [Fact]
    public void TheCodeDoesWhatItDid()
    {
        var builder = new WasmBuilder { IsMemory64 = true };
        builder.Function("jj", c =>
        {
            c.Get(0).Get(0).Memory(I64Load, 8).I64(3).Op(I64Mul).Memory(I64Store, 16);
            c.Get(0).I64(5).Memory(I64AtomicAdd, 16).Op(Drop);
            c.Get(0).I64(32).Op(I64Add).Get(0).I64(16).Op(I64Add).I64(8).Op(MemoryCopy).Raw(0, 0);
            c.Get(0).Memory(I64AtomicLoad, 32).Get(0).I64(100).I64(200).Memory(I64AtomicCompareExchange, 16).Op(I64Add);
        }, "run");
        using var instance = new TestInstance(Translate(builder, new CodeVariant { CheckRaces = true }));
        instance.Write(72, 7);
        Assert.Equal(52, instance.Call<long>("run", 64L));
    }

    [Fact]
    public void FunctionsHaveNumbers()
    {
        var builder = new WasmBuilder();
        int function = builder.Function("v", c => c.I32(8).Memory(I32AtomicLoad).Op(Drop));
        builder.Names((function, "a"));
        var sites = Translate(builder, new CodeVariant { CheckRaces = true }).Report.RaceSites;
        Assert.Equal("a", sites[unchecked((int)0xe40c292c)]); // FNV-1a of "a"
        Assert.Equal(["a", "i32.atomic.load"], sites.Values.Order());
    }

    private static string[] Calls(string signature, Action<Code> body, string? import = null, bool is64 = false, string? without = null)
    {
        var builder = new WasmBuilder { IsMemory64 = is64 };
        if (import is not null)
        {
            builder.ImportFunction(import, "ii");
        }

        builder.Function(signature, body, "run");
        return TranslatedCode.First(Translate(builder, new CodeVariant { CheckRaces = true, WithoutAtomic = without })).Calls;
    }

    private static TranslatedModule Translate(WasmBuilder builder, CodeVariant variant) => ModuleTranslator.Translate(new TranslationOptions
    {
        Module = builder.Parse(),
        AssemblyName = "TestMain",
        HostFunctions = TestHost.Functions,
        Variant = variant,
    });
}
