using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

public class MemoryTests
{
    private const long Pattern = unchecked((long)0xfedc_ba98_8765_4321);

    [Theory]
    [InlineData(I32Load8S, 0x21)]
    [InlineData(I32Load8U, 0x21)]
    [InlineData(I32Load16S, 0x4321)]
    [InlineData(I32Load16U, 0x4321)]
    [InlineData(I32Load, unchecked((int)0x87654321))]
    public void Int32Loads(WasmOpcode op, int expected) => Assert.Equal(expected, Load<int>(op, 0));

    [Theory]
    [InlineData(I32Load8S, 3, unchecked((int)0xffffff87))]
    [InlineData(I32Load8U, 3, 0x87)]
    [InlineData(I32Load16S, 2, unchecked((int)0xffff8765))]
    [InlineData(I32Load16U, 2, 0x8765)]
    [InlineData(I32Load, 3, unchecked((int)0xdcba9887))] // unaligned
    public void Int32LoadsExtend(WasmOpcode op, uint offset, int expected) => Assert.Equal(expected, Load<int>(op, offset));

    [Theory]
    [InlineData(I64Load8S, 3, unchecked((long)0xffff_ffff_ffff_ff87))]
    [InlineData(I64Load8U, 3, 0x87)]
    [InlineData(I64Load16S, 2, unchecked((long)0xffff_ffff_ffff_8765))]
    [InlineData(I64Load16U, 2, 0x8765)]
    [InlineData(I64Load32S, 0, unchecked((long)0xffff_ffff_8765_4321))]
    [InlineData(I64Load32U, 0, 0x8765_4321)]
    [InlineData(I64Load, 0, Pattern)]
    public void Int64Loads(WasmOpcode op, uint offset, long expected) => Assert.Equal(expected, Load<long>(op, offset));

    [Theory]
    [InlineData(I32Store8, 0x1122334455667788, 0x88)]
    [InlineData(I32Store16, 0x1122334455667788, 0x7788)]
    [InlineData(I32Store, 0x1122334455667788, 0x55667788)]
    [InlineData(I64Store8, 0x1122334455667788, 0x88)]
    [InlineData(I64Store16, 0x1122334455667788, 0x7788)]
    [InlineData(I64Store32, 0x1122334455667788, 0x55667788)]
    [InlineData(I64Store, 0x1122334455667788, 0x1122334455667788)]
    public void IntegerStoresWriteOnlyTheirWidth(WasmOpcode op, long value, long expected)
    {
        bool narrow = op is I32Store8 or I32Store16 or I32Store;
        long actual = Evaluate.Body<long>("jj", c =>
        {
            c.I32(8).Get(0);
            _ = narrow ? c.Op(I32WrapI64) : c;
            c.Memory(op, 8).I32(0).Memory(I64Load, 16);
        }, "", value);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void FloatLoadsAndStores()
    {
        Assert.Equal(1.5f, Evaluate.Body<float>("ff", c => c.I32(0).Get(0).Memory(F32Store, 4).I32(4).Memory(F32Load), "", 1.5f));
        Assert.Equal(-2.25, Evaluate.Body<double>("dd", c => c.I32(0).Get(0).Memory(F64Store, 4).I32(4).Memory(F64Load), "", -2.25));
    }

    [Theory]
    [InlineData(0xfffffff0u, 0u)]
    [InlineData(0x80000000u, 0x80000000u)]
    [InlineData(0xfffffff0u, 0xffffffffu)]
    [InlineData(4u, 0x90000000u)]
    [InlineData(0x7ffffff0u, 0x7fffffffu)]
    public unsafe void AddressAndOffsetAreUnsignedAndDoNotWrap(uint address, uint offset)
    {
        var builder = new WasmBuilder();
        builder.Function("vii", c => c.Get(0).Get(1).Memory(I32Store, offset), "store");
        builder.Function("ii", c => c.Get(0).Memory(I32Load, offset), "load");
        builder.Function("vi", c => c.I32((int)address).Get(0).Memory(I32Store, offset), "store_const");
        builder.Function("i", c => c.I32((int)address).Memory(I32Load, offset), "load_const");
        using var instance = new TestInstance(builder);
        instance.Invoke("store", (int)address, 77);
        Assert.Equal(77, *(int*)(instance.M + address + (long)offset));
        Assert.Equal(77, instance.Call("load", (int)address));
        Assert.Equal(77, instance.Call("load_const"));
        instance.Invoke("store_const", 78);
        Assert.Equal(78, *(int*)(instance.M + address + (long)offset));
    }

    [Theory]
    [InlineData(100, 102, 8)] // forward overlap
    [InlineData(102, 100, 8)] // backward overlap
    [InlineData(100, 300, 8)]
    [InlineData(100, 102, 0)]
    public void MemoryCopyIsMemmove(int source, int destination, int count)
    {
        using var instance = new TestInstance(BulkModule());
        byte[] expected = new byte[512];
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = instance.Bytes(i, 1)[0] = (byte)(i * 7);
        }

        Array.Copy(expected, source, expected, destination, count);
        instance.Invoke("copy", destination, source, count);
        Assert.Equal(expected, instance.Bytes(0, 512).ToArray());
    }

    [Theory]
    [InlineData(200)] // forward overlap, backward overlap, none
    [InlineData(203)]
    [InlineData(197)]
    [InlineData(216)]
    [InlineData(360)]
    public void CopiesAndFillsOfEverySize(int destination)
    {
        using var instance = new TestInstance(BulkModule());
        byte[] expected = new byte[512];
        for (int count = 0; count <= 150; count++)
        {
            for (int i = 0; i < expected.Length; i++)
            {
                expected[i] = instance.Bytes(i, 1)[0] = (byte)((i * 7) + count + 1);
            }

            Array.Copy(expected, 200, expected, destination, count);
            instance.Invoke("copy", destination, 200, count);
            Assert.Equal(expected, instance.Bytes(0, 512).ToArray());
            Array.Fill(expected, (byte)0, destination, count);
            instance.Invoke("fill", destination, 0, count);
            Assert.Equal(expected, instance.Bytes(0, 512).ToArray());
            Array.Fill(expected, (byte)9, destination, count);
            instance.Invoke("fill", destination, 9, count);
            Assert.Equal(expected, instance.Bytes(0, 512).ToArray());
        }
    }

    [Fact]
    public unsafe void BulkOperandsAreUnsigned()
    {
        using var instance = new TestInstance(BulkModule());
        instance.Invoke("fill", int.MinValue, 0x1ab, 3);
        Assert.Equal([0xab, 0xab, 0xab, 0], new Span<byte>(instance.M + 0x80000000L, 4).ToArray());
        instance.Invoke("copy", -16, int.MinValue, 2);
        Assert.Equal([0xab, 0xab, 0], new Span<byte>(instance.M + 0xfffffff0L, 3).ToArray());
    }

    [Fact]
    public void MemoryFillUsesTheLowByte()
    {
        using var instance = new TestInstance(BulkModule());
        instance.Invoke("fill", 10, 0x1ff, 4);
        instance.Invoke("fill", 30, 1, 0);
        Assert.Equal([0, 255, 255, 255, 255, 0], instance.Bytes(9, 6).ToArray());
        Assert.Equal(0, instance.Bytes(30, 1)[0]);
    }

    [Fact]
    public void MemorySizeAndGrow()
    {
        var builder = new WasmBuilder { MemoryPages = 3 };
        builder.Function("i", c => { c.Op(MemorySize, 0); }, "size");
        builder.Function("ii", c => c.Get(0).Op(MemoryGrow, 0), "grow");
        using var instance = new TestInstance(builder);
        Assert.Equal(3, instance.Call("size"));
        Assert.Equal(3, instance.Call("grow", 2));
        Assert.Equal(5, instance.Call("size"));
    }

    [Fact]
    public void MemoryGrowWithoutAHostFunctionTraps()
    {
        var builder = new WasmBuilder();
        builder.Function("ii", c => c.Get(0).Op(MemoryGrow, 0), "grow");
        using var instance = new TestInstance(builder, hosts: HostFunctions.Empty);
        Assert.Contains("memory.grow", Assert.Throws<Kernel.TrapException>(() => instance.Call("grow", 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DataSegmentsBecomeTheImage()
    {
        var builder = new WasmBuilder();
        builder.Data(16, [1, 2, 3, 4]);
        builder.Data(18, [9]);
        builder.Function("i", c => c.I32(16).Memory(I32Load), "run");
        using var instance = new TestInstance(builder);
        Assert.Equal(20, instance.Main.MemoryImage.Length);
        Assert.Equal(0x04090201, instance.Call("run"));
    }

    [Fact]
    public void GlobalsOfEveryType()
    {
        var builder = new WasmBuilder();
        builder.Global('i', true, 0x1000);
        builder.Global('j', true, 1L << 40);
        builder.Global('d', true, 2.5);
        builder.Global('f', true, 1.25f);
        builder.Global('i', false, 77);
        builder.Global('j', false, -5L);
        builder.Global('d', false, 0.5);
        builder.Global('f', false, 3f);
        builder.Function("i", c => c.Op(GlobalGet, 0).Op(GlobalGet, 0).I32(16).Op(I32Sub).Op(GlobalSet, 0), "sp");
        builder.Function("jj", c => c.Op(GlobalGet, 1).Get(0).Op(GlobalSet, 1).Op(GlobalGet, 1).Op(I64Add), "long");
        builder.Function("dd", c => c.Op(GlobalGet, 2).Get(0).Op(GlobalSet, 2).Op(GlobalGet, 2).Op(F64Add), "double");
        builder.Function("ff", c => c.Op(GlobalGet, 3).Get(0).Op(GlobalSet, 3).Op(GlobalGet, 3).Op(F32Add), "float");
        builder.Function("i", c => c.Op(GlobalGet, 4), "ci");
        builder.Function("j", c => c.Op(GlobalGet, 5), "cj");
        builder.Function("d", c => c.Op(GlobalGet, 6), "cd");
        builder.Function("f", c => c.Op(GlobalGet, 7), "cf");
        using var instance = new TestInstance(builder);
        Assert.Equal(0x1000, instance.Call("sp"));
        Assert.Equal(0x1000 - 16, instance.StackPointer);
        Assert.Equal((1L << 40) + 3, instance.Call<long>("long", 3L));
        Assert.Equal(12.5, instance.Call<double>("double", 10.0));
        Assert.Equal(11.25f, instance.Call<float>("float", 10f));
        Assert.Equal(77, instance.Call("ci"));
        Assert.Equal(-5L, instance.Call<long>("cj"));
        Assert.Equal(0.5, instance.Call<double>("cd"));
        Assert.Equal(3f, instance.Call<float>("cf"));
    }

    private static T Load<T>(WasmOpcode op, uint offset)
    {
        var builder = new WasmBuilder();
        builder.Data(32, BitConverter.GetBytes(Pattern));
        builder.Function(Evaluate.Letter(typeof(T)) + "i", c => c.Get(0).Memory(op, offset), "variable");
        builder.Function(Evaluate.Letter(typeof(T)).ToString(), c => c.I32(32).Memory(op, offset), "constant");
        using var instance = new TestInstance(builder);
        var value = instance.Call<T>("variable", 32);
        Assert.Equal(value, instance.Call<T>("constant"));
        return value;
    }

    private static WasmBuilder BulkModule()
    {
        var builder = new WasmBuilder();
        builder.Function("viii", c =>
        {
            c.Get(0).Get(1).Get(2).Op(MemoryCopy, 0);
            c.U32(0u);
        }, "copy");
        builder.Function("viii", c => c.Get(0).Get(1).Get(2).Op(MemoryFill, 0), "fill");
        return builder;
    }
}
