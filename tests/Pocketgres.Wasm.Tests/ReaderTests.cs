using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Damaged and unsupported input fails with the feature's name and a position.</summary>
public class ReaderTests
{
    [Fact]
    public void NotAModule()
    {
        Assert.Contains("magic", Parsing([1, 2, 3, 4, 5, 6, 7, 8]).Message, StringComparison.Ordinal);
        Assert.Contains("magic", Parsing([]).Message, StringComparison.Ordinal);
        Assert.Contains("version", Parsing([0, 97, 115, 109, 13, 0, 1, 0]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTruncationFailsCleanly()
    {
        var builder = new WasmBuilder { TableSize = 4 };
        int log = builder.ImportFunction("log", "vi");
        builder.Global('i', true, 5);
        int f = builder.Function("iij", c => c.Get(0).Call(log).I32(7), "f", "ij");
        builder.Elements(1, [f]);
        builder.Data(8, [1, 2, 3]);
        byte[] bytes = builder.Build();
        WasmModule.Parse(bytes);
        int sectionEnds = 0;
        for (int length = 0; length < bytes.Length; length++)
        {
            try
            {
                WasmModule.Parse(bytes.AsMemory(0, length));
                sectionEnds++; // cut between sections: still a module if no function lost its body
            }
            catch (WasmFormatException)
            {
            }
        }

        Assert.InRange(sectionEnds, 1, 5);
    }

    [Theory]
    [InlineData("SIMD", 1, 1, 0x60, 1, 0x7b, 0)]
    [InlineData("multi-value", 1, 1, 0x60, 0, 2, 0x7f, 0x7f)]
    [InlineData("GC", 1, 1, 0x5e, 0, 0)]
    [InlineData("tag", 2, 1, 1, 97, 1, 98, 4, 0, 0)]
    [InlineData("exception handling", 13, 0)]
    [InlineData("shared", 5, 1, 2, 1)]
    [InlineData("shared", 5, 1, 3, 1, 2)]
    [InlineData("more than one memory", 5, 2, 0, 1, 0, 1)]
    [InlineData("more than one table", 4, 2, 0x70, 0, 1, 0x70, 0, 1)]
    [InlineData("tables of anything but functions", 4, 1, 0x6f, 0, 1)]
    [InlineData("65536", 4, 1, 0x70, 0, 0x81, 0x80, 4)]
    [InlineData("element segments with flags", 9, 1, 1, 0, 0)]
    [InlineData("data segments with flags", 11, 1, 1, 0)]
    [InlineData("constant expression", 6, 1, 0x7f, 0, 0xd2, 0, 0x0b)]
    [InlineData("unknown section", 77, 0)]
    public void UnsupportedSectionsAreNamed(string feature, params int[] section)
    {
        byte[] contents = [.. section.Skip(1).Select(v => (byte)v)];
        byte[] module = [0, 97, 115, 109, 1, 0, 0, 0, (byte)section[0], (byte)contents.Length, .. contents];
        var e = Parsing(module);
        Assert.Contains(feature, e.Message, StringComparison.Ordinal);
        Assert.InRange(e.Offset, 8, module.Length);
        Assert.Contains($"0x{e.Offset:x}", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SIMD", 0xfd, 0x0c)]
    [InlineData("unknown", 0xfe, 0x04)]
    [InlineData("tail calls", 0x12, 0x00)]
    [InlineData("exception handling", 0x06, 0x40)]
    [InlineData("reference types", 0xd0, 0x70)]
    [InlineData("reference types", 0x25, 0x00)]
    [InlineData("passive data segments", 0xfc, 0x09, 0x00)]
    [InlineData("reference types", 0xfc, 0x0f, 0x00)]
    [InlineData("unknown instruction", 0x27)]
    public void UnsupportedInstructionsAreNamed(string feature, params int[] instruction)
    {
        foreach (bool dead in (bool[])[false, true])
        {
            var builder = new WasmBuilder();
            builder.Function("v", c =>
            {
                _ = dead ? c.Op(Return) : c;
                c.Raw([.. instruction.Select(b => (byte)b)]);
            });
            var e = Assert.Throws<WasmFormatException>(() => new TestInstance(builder));
            Assert.Contains(feature, e.Message, StringComparison.Ordinal);
            Assert.True(e.Offset > 8);
        }
    }

    [Fact]
    public void MalformedBodies()
    {
        Malformed("v", c => c.Op(I32Add));
        Malformed("v", c => c.Block(Block, 'v', b => b.Op(Drop)));
        Malformed("i", c => c.Op(Nop));
        Malformed("v", c => c.I32(1));
        Malformed("v", c => c.Br(7));
        Malformed("v", c => c.Get(3).Op(Drop));
        Malformed("v", c => c.Op(Else));
        Malformed("v", c => c.Op(Block, 0x40));
        Malformed("v", c => c.Call(99));
        Malformed("v", c => c.Op(GlobalGet, 5).Op(Drop));
        Malformed("v", c => c.I32(0).CallIndirect(44));
        Malformed("v", c => c.Raw(0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
        Malformed("v", c => c.I32(1).If('i', t => t.I32(1)).Op(Drop));
    }

    [Fact]
    public void DylinkSection()
    {
        var builder = new WasmBuilder();
        builder.ImportGlobal("env", "__memory_base");
        builder.Dylink(1000, 4, 7, ["libz.so"], ["maybe"]);
        var module = builder.Parse();
        Assert.True(module.IsSideModule);
        Assert.Equal(1000, module.MemorySize);
        Assert.Equal(4, module.MemoryAlignment);
        Assert.Equal(7, module.TableSize);
        Assert.Equal(["libz.so"], module.Needed);
        Assert.Contains("maybe", module.WeakImports);
    }

    [Fact]
    public void MalformedCountsDoNotAllocate()
    {
        // A type section that claims 2^31 - 1 types in a few bytes.
        var e = Parsing([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x07]);
        Assert.Contains("exceeds", e.Message, StringComparison.Ordinal);
    }

    private static WasmFormatException Parsing(byte[] bytes) => Assert.Throws<WasmFormatException>(() => WasmModule.Parse(bytes));

    private static void Malformed(string signature, Action<Code> body)
    {
        var builder = new WasmBuilder();
        builder.Function(signature, c => body(c));
        Assert.Throws<WasmFormatException>(() => new TestInstance(builder));
    }
}
