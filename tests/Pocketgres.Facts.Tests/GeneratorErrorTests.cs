using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;
using Pocketgres.Generators;

namespace Pocketgres.Facts.Tests;

/// <summary>What the generator says of guest types that do not fit the module.</summary>
public sealed class GeneratorErrorTests
{
    private const string Facts = "facts 1 pointer 8\nstruct Latch 16\n 0 i4 is_set\n 8 i4 owner_pid\n 12 i4[2] pair\nstruct state@a.c 8\n 0 i4 x\nstruct state@b.c 4\n 0 i4 x\nvar V@a.c 16 i4\nvar V@b.c 20 i4\n";

    [Theory]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { public partial int Gone { get; } }", "PGF002", "no member of Latch 'gone'")]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { public partial long IsSet { get; } }", "PGF003", "'is_set' is signed integer of 4 bytes in C, which 'long'")]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { public partial uint IsSet { get; } }", "PGF003", "which 'uint'")]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { public partial int Pair { get; } }", "PGF003", "array of 2 times signed integer")]
    [InlineData("[GuestStruct(\"Latch\")] partial struct L { }", "PGF004", "readonly partial ref struct")]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { [GuestName(\"is_set\")] public static partial long At { get; } }", "PGF004", "an offset")]
    [InlineData("[GuestStruct(\"Latch\")] readonly ref partial struct L { [GuestName(\"gone\")] public static partial int At { get; } }", "PGF002", "no member of Latch 'gone'")]
    [InlineData("[GuestStruct(\"Latches\")] readonly ref partial struct L { }", "PGF002", "no struct 'Latches'")]
    [InlineData("[GuestStruct(\"state\")] readonly ref partial struct L { }", "PGF002", "no struct 'state' alone, but state@a.c, state@b.c")]
    [InlineData("[GuestVariables] static unsafe partial class C { public static partial ref int V(byte* m); }", "PGF002", "no variable 'V' alone, but V@a.c, V@b.c")]
    [InlineData("[GuestVariables] static unsafe partial class C { [GuestName(\"V@b.c\")] public static partial ref int V(); }", "PGF004", "base of guest memory")]
    [InlineData("[GuestConstants] static partial class C { public static partial int NOTHING { get; } }", "PGF002", "no constant 'NOTHING'")]
    public void A_type_that_does_not_fit_is_an_error_at_its_name(string code, string id, string message)
    {
        var found = Assert.Single(Run(code, Facts).Diagnostics);
        Assert.Equal(id, found.Id);
        Assert.Contains(message, found.GetMessage(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
        Assert.True(found.Location.IsInSource);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("facts 2 pointer 8\n")]
    public void Without_facts_of_this_version_it_says_so(string? facts) =>
        Assert.Equal("PGF001", Assert.Single(Run("[GuestStruct(\"Latch\")] readonly ref partial struct L { }", facts).Diagnostics).Id);

    [Fact]
    public void A_name_of_one_file_is_found_with_the_file()
    {
        var result = Run("[GuestStruct(\"state@b.c\")] readonly ref partial struct L { public partial int X { get; set; } }", Facts);
        Assert.Empty(result.Diagnostics);
        Assert.Contains("public const int Size = 4;", result.GeneratedTrees[^1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Pointers_of_a_32_bit_module_are_four_bytes()
    {
        const string Code = "[GuestStruct(\"P\")] readonly ref partial struct P { public partial uint Next { get; set; } }";
        Assert.Contains("*(uint*)(_m + _address + 0u) = value", Run(Code, "facts 1 pointer 4\nstruct P 4\n 0 p next\n").GeneratedTrees[^1].ToString(), StringComparison.Ordinal);
    }

    private static GeneratorDriverRunResult Run(string code, string? facts)
    {
        var compilation = CSharpCompilation.Create("T", [CSharpSyntaxTree.ParseText("using Pocketgres.Generators; namespace N; " + code)],
            [MetadataReference.CreateFromFile(typeof(object).Assembly.Location)], new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        AdditionalText[] texts = facts is null ? [] : [new Text(facts)];
        return CSharpGeneratorDriver.Create([new GuestGenerator().AsSourceGenerator()], texts).RunGenerators(compilation).GetRunResult();
    }

    private sealed class Text(string content) : AdditionalText
    {
        public override string Path => "module.facts";

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(content);
    }
}
