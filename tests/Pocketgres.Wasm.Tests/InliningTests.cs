using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests;

/// <summary>Calls that are to be inlined name a second method of the callee; everything else stays where it is, so that a profile fits both translations.</summary>
public sealed class InliningTests
{
    private const int Twice = 0, Caller = 1, Recursive = 2;

    [Fact]
    public void AllDirectCallsButRecursiveOnesAreCandidates()
    {
        var calls = Translate([]).Calls;
        Assert.Equal([(Twice, "TestMain.F0.caller"), (Twice, "TestMain.F0.caller"), (Caller, "TestMain.F0.recursive")],
            calls.Select(c => (c.Site.Callee, Simple(c.Site.Method))));
        Assert.True(calls[0].Site.Offset < calls[1].Site.Offset);
        Assert.All(calls, c => Assert.True(c.CalleeILBytes > 0));
    }

    [Fact]
    public void OnlyTheCallsThatAreNamedChange()
    {
        var plain = Translate([]);
        var wanted = plain.Calls[1].Site;
        var inlining = Translate([wanted]);
        Assert.Equal(1, inlining.Report.InlinedCalls);
        Assert.Equal(plain.Calls, inlining.Calls);
        var (before, after) = (Code(plain, "caller"), Code(inlining, "caller"));
        int[] different = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
        Assert.Equal(before.Length, after.Length);
        Assert.All(different, i => Assert.InRange(i, wanted.Offset + 1, wanted.Offset + 4));
        Assert.NotEmpty(different);
        Assert.Equal(Code(plain, "recursive"), Code(inlining, "recursive"));

        var methods = Methods(inlining).Where(m => Simple(m.Name) == "Inlined.twice").ToList();
        Assert.Equal(MethodImplAttributes.AggressiveInlining, Assert.Single(methods).Definition.ImplAttributes);
        Assert.Equal(methods[0].Token, BitConverter.ToInt32(after, wanted.Offset + 1));
        Assert.DoesNotContain(Methods(plain), m => m.Name.StartsWith("Inlined.", StringComparison.Ordinal));
    }

    [Fact]
    public void TheResultsAreTheSame()
    {
        using var plain = new TestInstance(Translate([]));
        using var inlining = new TestInstance(Translate([.. Translate([]).Calls.Select(c => c.Site)]));
        for (int x = -3; x < 6; x++)
        {
            Assert.Equal(plain.Call("recursive", x), inlining.Call("recursive", x));
        }
    }

    [Fact]
    public void ACallThatIsNotThereIsAnError()
    {
        var site = Translate([]).Calls[0].Site;
        Assert.Throws<TranslationException>(() => Translate([site with { Offset = site.Offset + 1 }]));
        Assert.Throws<TranslationException>(() => Translate([site with { Callee = Caller }]));
    }

    private static TranslatedModule Translate(HashSet<CallSite> inlined)
    {
        var builder = new WasmBuilder();
        Assert.Equal(Twice, builder.Function("ii", c => c.Get(0).I32(2).Op(I32Mul), "twice"));
        Assert.Equal(Caller, builder.Function("ii", c => c.Get(0).Call(Twice).I32(3).Op(I32Add).Call(Twice), "caller"));
        Assert.Equal(Recursive, builder.Function("ii", c =>
        {
            c.Get(0).I32(0).Op(I32LeS);
            c.If('i', then => then.I32(0), otherwise => otherwise.Get(0).I32(1).Op(I32Sub).Call(Recursive).Get(0).Call(Caller).Op(I32Add));
        }, "recursive"));
        return ModuleTranslator.Translate(new TranslationOptions { Module = builder.Parse(), AssemblyName = "TestMain", HostFunctions = TestHost.Functions, Inlined = inlined });
    }

    private static byte[] Code(TranslatedModule module, string function)
    {
        using var file = new PEReader(new MemoryStream(module.Assembly));
        _ = file.GetMetadataReader();
        return file.GetMethodBody(Methods(module).Single(m => Simple(m.Name) == "F0." + function).Definition.RelativeVirtualAddress).GetILBytes()!;
    }

    private static List<(string Name, int Token, MethodDefinition Definition)> Methods(TranslatedModule module)
    {
        var reader = new PEReader(new MemoryStream(module.Assembly)).GetMetadataReader();
        return [.. reader.MethodDefinitions.Select(handle =>
        {
            var method = reader.GetMethodDefinition(handle);
            return ($"{reader.GetString(reader.GetTypeDefinition(method.GetDeclaringType()).Name)}.{reader.GetString(method.Name)}", MetadataTokens.GetToken(handle), method);
        })];
    }

    // Methods are named f7_name, with the function's index.
    private static string Simple(string name) => name.Contains(".f", StringComparison.Ordinal) ? name[..(name.LastIndexOf('.') + 1)] + name[(name.IndexOf('_', name.LastIndexOf('.')) + 1)..] : name;
}
