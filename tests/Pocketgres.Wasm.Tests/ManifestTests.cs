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
        var read = ModuleManifest.Load(Reader(stream.ToArray()));
        using var again = new MemoryStream();
        read.Save(again);
        Assert.Equivalent(translated.Manifest, ModuleManifest.Load(Reader(again.ToArray())), strict: true);

        Assert.Equal("Name", read.AssemblyName);
        Assert.False(read.IsSideModule);
        Assert.Equal((1, 2, 12, 5, 1, -1), (read.ImportedFunctions, read.DefinedFunctions, read.InitialPages, read.TableEnd, read.TableParts, read.StartFunction));
        Assert.Equal(new ModuleManifest.FunctionExport(f, 4), read.Functions["f"]);
        Assert.Equal(new ModuleManifest.FunctionExport(start, 3), read.Functions["by_index"]);
        Assert.Equal(1234, read.Variables["variable"]);
        Assert.Equal(["missing"], read.Unresolved);
        Assert.Equal(
            [new(-8, false, 4096), new(-16, true, -7), new(-24, true, BitConverter.DoubleToInt64Bits(1.5))], read.Globals);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5000)]
    public void SymbolsAreFoundWhereTheyLie(int count)
    {
        var symbols = Enumerable.Range(0, count).ToDictionary(i => i % 7 == 0 ? $"ß{i}" : new string('a', i % 300) + i, i => i * 3, StringComparer.Ordinal);
        byte[] bytes = SymbolTable<int>.Encode(symbols, static (w, value) => w.Write(value));
        var table = new SymbolTable<int>(Reader([9, 9, 9, .. bytes]), 3, sizeof(int), static v => BitConverter.ToInt32(v));
        Assert.Equal((bytes.Length, count), (table.Length, table.Count));
        Assert.Equal(symbols.OrderBy(s => s.Value), table.OrderBy(s => s.Value));
        Assert.All(symbols, s => Assert.Equal(s.Value, table[s.Key]));
        Assert.All((string[])["", "a", "b", "ß", new string('x', 1000)], name => Assert.False(table.ContainsKey(name) || table.TryGetValue(name, out _)));
    }

    [Fact]
    public void WhatWasFoundIsNotReadAgain()
    {
        byte[] bytes = SymbolTable<int>.Encode(new Dictionary<string, int> { ["a"] = 1 }, static (w, value) => w.Write(value));
        int reads = 0;
        var table = new SymbolTable<int>((at, into) =>
        {
            reads++;
            Reader(bytes)(at, into);
        }, 0, sizeof(int), static v => BitConverter.ToInt32(v));
        Assert.False(table.ContainsKey("b"));
        Assert.Equal(1, table["a"]);
        Array.Clear(bytes);
        int before = reads;
        Assert.Equal(1, table["a"]);
        Assert.False(table.ContainsKey("b"));
        Assert.Equal(before, reads);
    }

    [Fact]
    public void NamesThatAreNotThereAreKeptWithinBounds()
    {
        byte[] bytes = SymbolTable<int>.Encode(new Dictionary<string, int> { ["a"] = 1 }, static (w, value) => w.Write(value));
        int reads = 0;
        var table = new SymbolTable<int>((at, into) =>
        {
            reads++;
            Reader(bytes)(at, into);
        }, 0, sizeof(int), static v => BitConverter.ToInt32(v));
        bool IsReadAgain(string name)
        {
            Assert.False(table.ContainsKey(name));
            int before = reads;
            Assert.False(table.ContainsKey(name));
            return reads > before;
        }

        Assert.False(table.ContainsKey(new string('x', 1 << 20)));
        Assert.True(IsReadAgain(new string('x', 1000)));
        Assert.False(IsReadAgain("name"));
        Assert.Contains(Enumerable.Range(0, 5000), i => IsReadAgain($"name{i}"));
        Assert.Equal(1, table["a"]);
    }

    [Fact]
    public void OtherFilesAreRejected() => Assert.Throws<InvalidDataException>(() => ModuleManifest.Load(Reader(new byte[64])));

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

    private static ReadAt Reader(byte[] bytes) => (at, into) => bytes.AsSpan((int)at, into.Length).CopyTo(into);
}
