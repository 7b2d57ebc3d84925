using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Atomic instructions of every width.</summary>
public sealed class AtomicTests
{
    private const long Old = unchecked((long)0x9a8b7c6d5e4f3210);
    private const long Operand = 0x1122334455667788;

    public static TheoryData<string> Operations => ["Add", "Sub", "And", "Or", "Xor", "Exchange"];

    [Theory]
    [MemberData(nameof(Operations))]
    public void ReadModifyWrite(string operation)
    {
        foreach (var (suffix, wide, bits) in Forms)
        {
            var op = Enum.Parse<WasmOpcode>((wide ? "I64Atomic" : "I32Atomic") + operation + (suffix.Length > 0 ? suffix + "U" : ""));
            foreach (bool is64 in (bool[])[false, true])
            {
                var (result, memory) = Run(op, wide, is64);
                Assert.Equal(Cut(Old, bits), result);
                long expected = operation switch
                {
                    "Add" => Old + Operand,
                    "Sub" => Old - Operand,
                    "And" => Old & Operand,
                    "Or" => Old | Operand,
                    "Xor" => Old ^ Operand,
                    _ => Operand,
                };
                Assert.Equal((Old & ~Mask(bits)) | (expected & Mask(bits)), memory);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CompareExchange(bool matches)
    {
        foreach (var (suffix, wide, bits) in Forms)
        {
            var op = Enum.Parse<WasmOpcode>((wide ? "I64Atomic" : "I32Atomic") + "CompareExchange" + (suffix.Length > 0 ? suffix + "U" : ""));
            var (result, memory) = Run(op, wide, is64: true, expected: matches ? Old : Old + 1);
            Assert.Equal(Cut(Old, bits), result);
            Assert.Equal(matches ? (Old & ~Mask(bits)) | (Operand & Mask(bits)) : Old, memory);
        }
    }

    [Fact]
    public void LoadsAndStores()
    {
        foreach (var (suffix, wide, bits) in Forms)
        {
            string type = wide ? "I64Atomic" : "I32Atomic";
            var load = Enum.Parse<WasmOpcode>(type + "Load" + (suffix.Length > 0 ? suffix + "U" : ""));
            var store = Enum.Parse<WasmOpcode>(type + "Store" + suffix);
            var builder = new WasmBuilder();
            builder.Function("ji", c =>
            {
                c.Get(0).Memory(load, 8);
                _ = wide ? c : c.Op(I64ExtendI32U);
            }, "load");
            builder.Function("vij", c =>
            {
                c.Get(0).Get(1);
                _ = wide ? c : c.Op(I32WrapI64);
                c.Memory(store, 8);
            }, "store");
            using var instance = new TestInstance(builder);
            BitConverter.TryWriteBytes(instance.Bytes(64, 8), Old);
            Assert.Equal(Cut(Old, bits), instance.Call<long>("load", 56));
            instance.Invoke("store", 56, Operand);
            Assert.Equal((Old & ~Mask(bits)) | (Operand & Mask(bits)), BitConverter.ToInt64(instance.Bytes(64, 8)));
        }
    }

    [Fact]
    public void NothingMovesAcross()
    {
        // The first load is pending when the exchange is executed.
        Assert.Equal(5, Evaluate.Body<int>("i", c =>
        {
            c.I32(8).I32(5).Memory(I32Store);
            c.I32(8).Memory(I32AtomicLoad).I32(8).I32(1).Memory(I32AtomicExchange).Op(Drop);
        }));
    }

    [Fact]
    public void WaitNotifyAndFence()
    {
        var builder = new WasmBuilder { IsMemory64 = true };
        builder.Function("ijij", c => c.Get(0).Get(1).Get(2).Memory(AtomicWait32, 4), "wait32");
        builder.Function("ijjj", c => c.Get(0).Get(1).Get(2).Memory(AtomicWait64), "wait64");
        builder.Function("iji", c => c.Get(0).Get(1).Memory(AtomicNotify, 16), "notify");
        builder.Function("v", c =>
        {
            c.Op(AtomicFence);
            c.Raw(0);
        }, "fence");
        using var instance = new TestInstance(builder);
        instance.Write(12, 7);
        Assert.Equal(99, instance.Call("wait32", 8L, 7, 99L));
        Assert.Equal(1, instance.Call("wait32", 8L, 8, 99L));
        Assert.Equal(99, instance.Call("wait64", 16L, 0L, 99L));
        Assert.Equal(1 + 16 + 3, instance.Call("notify", 1L, 3));
        instance.Invoke("fence");
    }

    [Fact]
    public void BarriersAreNoCalls()
    {
        // Nothing supplies the imports: a call of one would throw.
        var builder = new WasmBuilder();
        int read = builder.ImportFunction("pocket_read_barrier", "v");
        int write = builder.ImportFunction("pocket_write_barrier", "v");
        builder.Function("ii", c =>
        {
            c.I32(8).I32(1).Memory(I32Store).I32(8).Memory(I32Load).Call(read).I32(8).Get(0).Memory(I32Store).Call(write);
            c.I32(8).Memory(I32Load).Op(I32Add);
        }, "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(6, instance.Call("run", 5));
    }

    [Fact]
    public void AWaitNeedsTheHost()
    {
        var builder = new WasmBuilder();
        builder.Function("iiij", c => c.Get(0).Get(1).Get(2).Memory(AtomicWait32), "wait");
        var error = Assert.Throws<TranslationException>(() => new TestInstance(builder, hosts: HostFunctions.Empty));
        Assert.Contains("memory.atomic.wait32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThreadsSeeAtomicAdditions()
    {
        var builder = new WasmBuilder();
        builder.Function("vi", c => c.Block(Loop, 'v', l =>
            l.I32(8).I32(1).Memory(I32AtomicAdd).Op(Drop).I32(16).I32(1).Memory(I32AtomicAdd16U).Op(Drop)
                .Get(0).I32(1).Op(I32Sub).Tee(0).BrIf(0)), "run");
        using var instance = new TestInstance(builder);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => instance.Invoke("run", 30000))));
        Assert.Equal(120000, instance.I32(8));
        Assert.Equal(120000 & 0xffff, instance.I32(16));
    }

    private static (string Suffix, bool Wide, int Bits)[] Forms =>
        [("", false, 32), ("", true, 64), ("8", false, 8), ("16", false, 16), ("8", true, 8), ("16", true, 16), ("32", true, 32)];

    private static long Mask(int bits) => bits == 64 ? -1 : (1L << bits) - 1;

    private static long Cut(long value, int bits) => value & Mask(bits);

    /// <summary>Applies an instruction to address 64, and returns its result and the memory afterwards.</summary>
    private static (long Result, long Memory) Run(WasmOpcode op, bool wide, bool is64, long? expected = null)
    {
        var builder = new WasmBuilder { IsMemory64 = is64 };
        builder.Function("jj", c =>
        {
            _ = is64 ? c.I64(56) : c.I32(56);
            foreach (long operand in expected is { } e ? [e, Operand] : new long[] { Operand })
            {
                _ = wide ? c.I64(operand) : c.I32((int)operand);
            }

            c.Memory(op, 8);
            _ = wide ? c : c.Op(I64ExtendI32U);
        }, "run");
        using var instance = new TestInstance(builder);
        BitConverter.TryWriteBytes(instance.Bytes(64, 8), Old);
        long result = instance.Call<long>("run", 0L);
        return (result, BitConverter.ToInt64(instance.Bytes(64, 8)));
    }
}
