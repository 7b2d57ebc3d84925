using System.Reflection.Metadata;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>
/// Each kind of atomic instruction and barrier, alone, translated to plain accesses or nothing: a program notices. The same program sees nothing wrong with the usual code. What no program
/// can notice on x86-64, where plain accesses have that order, is looked at in the IL.
/// </summary>
public sealed class AtomicMutantTests
{
    private const byte Prefix = 0xfe;
    private const byte VolatilePrefix = 0x13;

    public static TheoryData<string> Updates => Named(n => n.Contains(".rmw", StringComparison.Ordinal));

    public static TheoryData<string> Loads => Named(n => n.Contains(".atomic.load", StringComparison.Ordinal));

    public static TheoryData<string> Accesses => Named(n => n.Contains(".atomic.load", StringComparison.Ordinal) || n.Contains(".atomic.store", StringComparison.Ordinal));

    public static TheoryData<string> FullBarriers => ["atomic.fence", "i32.atomic.rmw.xchg", "i32.atomic.rmw.add"];

    public static TheoryData<string> Barriers => [AtomicInstructions.ReadBarrier, AtomicInstructions.WriteBarrier];

    public static TheoryData<string> HostCalls => ["memory.atomic.wait32", "memory.atomic.wait64", "memory.atomic.notify"];

    [Fact]
    public void EveryInstructionIsHere()
    {
        // These are all that the translator takes, so that no module of an engine can have another one.
        var here = new[] { Updates, Accesses, FullBarriers, Barriers, HostCalls }.SelectMany(data => data.Select((object[] row) => (string)row[0]));
        Assert.Equal(AtomicInstructions.All.Order(StringComparer.Ordinal), here.Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(4 + (9 * 7) + 2, AtomicInstructions.All.Count);
        Assert.Contains("i64.atomic.rmw32.cmpxchg_u", AtomicInstructions.All);
        Assert.Contains("i32.atomic.store8", AtomicInstructions.All);
    }

    [Theory]
    [MemberData(nameof(Updates))]
    public void LostUpdatesAreNoticed(string name)
    {
        using (var usual = AtomicPrograms.Updates(name, new CodeVariant { FuzzSchedules = true }))
        {
            Assert.False(usual.Try() || usual.Try());
        }

        using var mutant = AtomicPrograms.Updates(name, new CodeVariant { FuzzSchedules = true, WithoutAtomic = name });
        Assert.True(mutant.TryLong());
    }

    [SeveralCoresTheory]
    [MemberData(nameof(FullBarriers))]
    public void LoadsThatOvertakeStoresAreNoticed(string name)
    {
        using (var usual = AtomicPrograms.StoreBuffering(name, CodeVariant.None))
        {
            for (int i = 0; i < 20; i++)
            {
                Assert.False(usual.Try());
            }
        }

        using var mutant = AtomicPrograms.StoreBuffering(name, new CodeVariant { WithoutAtomic = name });
        Assert.True(mutant.TryLong());
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void LoadsThatAreNotRepeatedAreNoticed(string name)
    {
        using (var usual = AtomicPrograms.Watching(name, CodeVariant.None))
        {
            Assert.False(usual.Try());
        }

        using var mutant = AtomicPrograms.Watching(name, new CodeVariant { WithoutAtomic = name });
        Assert.True(mutant.Try());
    }

    [Theory]
    [MemberData(nameof(Accesses))]
    public void AccessesAreVolatile(string name)
    {
        var op = AtomicPrograms.Opcode(name);
        bool isLoad = name.Contains(".load", StringComparison.Ordinal);
        char type = name.StartsWith("i64", StringComparison.Ordinal) ? 'j' : 'i';
        var builder = new WasmBuilder();
        builder.Function(isLoad ? $"{type}i" : $"vi{type}", c => _ = isLoad ? c.Get(0).Memory(op) : c.Get(0).Get(1).Memory(op), "run");
        Assert.True(HasVolatileAccess(TranslatedCode.First(Translate(builder, null)).IL));
        Assert.False(HasVolatileAccess(TranslatedCode.First(Translate(builder, name)).IL));
    }

    [Theory]
    [MemberData(nameof(Barriers))]
    public void BarriersAreInTheCode(string name)
    {
        var builder = new WasmBuilder();
        int barrier = builder.ImportFunction(name, "v");
        builder.Function("v", c => c.Call(barrier), "run");
        Assert.Equal(name == AtomicInstructions.ReadBarrier ? ["ReadBarrier"] : ["WriteBarrier"], TranslatedCode.First(Translate(builder, null)).Calls);
        Assert.Empty(TranslatedCode.First(Translate(builder, name)).Calls);
    }

    [Theory]
    [MemberData(nameof(HostCalls))]
    public void WaitsAndNotifiesThatAreNoneAreNoticed(string name)
    {
        var op = AtomicPrograms.Opcode(name);
        var builder = new WasmBuilder();
        builder.Function("ij", c =>
        {
            c.I32(64);
            _ = op == AtomicNotify ? c.I32(5) : (op == AtomicWait32 ? c.I32(0) : c.I64(0)).Get(0);
            c.Memory(op);
        }, "run");
        using var usual = new TestInstance(Translate(builder, null));
        using var mutant = new TestInstance(Translate(builder, name));
        Assert.Equal(op == AtomicNotify ? 69 : 7, usual.Call("run", 7L));
        Assert.Equal(op == AtomicNotify ? 0 : 1, mutant.Call("run", 7L));
    }

    [Fact]
    public void AnInstructionThatIsNoneIsRefused()
    {
        var builder = new WasmBuilder();
        builder.Function("v", _ => { });
        var error = Assert.Throws<TranslationException>(() => Translate(builder, "i32.atomic.swap"));
        Assert.Contains("no atomic instruction i32.atomic.swap", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheReportCountsThem()
    {
        var builder = new WasmBuilder();
        int barrier = builder.ImportFunction("pocket_read_barrier", "v");
        builder.Function("v", c => c.I32(8).I32(1).Memory(I32AtomicAdd).Op(Drop).I32(8).I32(1).Memory(I32AtomicAdd).Op(Drop).Call(barrier));
        builder.Function("v", c => c.I32(8).I32(1).Memory(I32AtomicAdd).Op(Drop).Op(AtomicFence).Raw(0));
        Assert.Equal(new Dictionary<string, AtomicCount>
        {
            ["i32.atomic.rmw.add"] = new(3, 2),
            ["atomic.fence"] = new(1, 1),
            ["pocket_read_barrier"] = new(1, 1),
        }, Translate(builder, null).Report.Atomics.ToDictionary());
    }

    private static TheoryData<string> Named(Func<string, bool> which) => [.. AtomicInstructions.All.Where(which)];

    private static TranslatedModule Translate(WasmBuilder builder, string? without) => ModuleTranslator.Translate(new TranslationOptions
    {
        Module = builder.Parse(),
        AssemblyName = "TestMain",
        HostFunctions = TestHost.Functions,
        Variant = new CodeVariant { WithoutAtomic = without },
    });

    private static bool HasVolatileAccess(byte[] il)
    {
        int at = il.AsSpan().IndexOf([Prefix, VolatilePrefix]);
        return at >= 0 && (ILOpCode)il[at + 2] is (>= ILOpCode.Ldind_i1 and <= ILOpCode.Ldind_i8) or (>= ILOpCode.Stind_i1 and <= ILOpCode.Stind_i8);
    }
}
