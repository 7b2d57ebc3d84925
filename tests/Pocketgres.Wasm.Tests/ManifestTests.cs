using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

public class ManifestTests
{
    [Fact]
    public void RoundTrip()
    {
        var builder = new WasmBuilder { TableSize = 9, MemoryPages = 12 };
        int missing = builder.ImportFunction("missing", "v");
        builder.Global('i', true, 4096);
        builder.Global('j', true, -7L);
        builder.Global('d', true, 1.5);
        builder.Global('i', false, 1234, "variable");
        int f = builder.Function("ii", c => c.Get(0), "f");
        int start = builder.Function("v", c => c.Call(missing));
        builder.Elements(3, [start, f]);
        var module = builder.Parse();
        var translated = ModuleTranslator.Translate(new TranslationOptions
        {
            Module = module,
            AssemblyName = "Name",
            ExportsByIndex = new Dictionary<string, int> { ["by_index"] = start },
        });
        using var stream = new MemoryStream();
        translated.SaveManifest(stream);
        stream.Position = 0;
        var read = ModuleManifest.Load(stream);
        Assert.Equal(stream.Length, stream.Position);
        Assert.Equivalent(translated.Manifest, read, strict: true);

        Assert.Equal("Name", read.AssemblyName);
        Assert.False(read.IsSideModule);
        Assert.Equal((1, 2, 12, 5, 1, -1), (read.ImportedFunctions, read.DefinedFunctions, read.InitialPages, read.TableEnd, read.TableParts, read.StartFunction));
        Assert.Equal(new ModuleManifest.FunctionExport(f, 4, "ii"), read.Functions["f"]);
        Assert.Equal(new ModuleManifest.FunctionExport(start, 3, "v"), read.Functions["by_index"]);
        Assert.Equal(1234, read.Variables["variable"]);
        Assert.Equal(["missing"], read.Unresolved);
        Assert.Equal(
            [new(-8, false, 4096), new(-16, true, -7), new(-24, true, BitConverter.DoubleToInt64Bits(1.5))], read.Globals);
    }

    [Fact]
    public void OtherFilesAreRejected() => Assert.Throws<InvalidDataException>(() => ModuleManifest.Load(new MemoryStream(new byte[64])));

    [Fact]
    public void TranslationIsDeterministic()
    {
        static byte[] Translate(int value)
        {
            var builder = new WasmBuilder();
            builder.Function("i", c => c.I32(value), "f");
            return ModuleTranslator.Translate(new TranslationOptions { Module = builder.Parse(), AssemblyName = "Name" }).Assembly;
        }

        Assert.Equal(Translate(1), Translate(1));
        Assert.NotEqual(Translate(1), Translate(2));
    }

    [Fact]
    public void MutableGlobalsBeyondTheNegativeAreaFail()
    {
        var builder = new WasmBuilder();
        for (int i = 0; i < 300; i++)
        {
            builder.Global('i', i is 0 or 299, i);
        }

        builder.Function("v", c => c.Op(Nop));
        var e = Assert.Throws<TranslationException>(() => new TestInstance(builder));
        Assert.Contains("global 299", e.Message, StringComparison.Ordinal);
    }
}
