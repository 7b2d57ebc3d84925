using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Text;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Pocketgres.Generators;

/// <summary>
/// Makes typed access to guest memory from the facts of a module (AdditionalFiles that end in <c>.facts</c>): views of C structs, references to C
/// variables, constants of C enumerations. A member that moved costs nothing; one that is gone does not compile.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class GuestGenerator : IIncrementalGenerator
{
    private static readonly string[] s_attributes = [Attributes.Struct, Attributes.Variables, Attributes.Constants];

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        context.RegisterPostInitializationOutput(c => c.AddSource("GuestAttributes.g.cs", SourceText.From(Attributes.Source, Encoding.UTF8)));
        var facts = context.AdditionalTextsProvider
            .Where(f => f.Path.EndsWith(".facts", System.StringComparison.Ordinal))
            .Select((f, cancel) => f.GetText(cancel) is { } text ? FactsFile.Parse(text.ToString()) : null)
            .Collect()
            .Select((all, _) => all.FirstOrDefault(f => f is not null));
        foreach (string attribute in s_attributes)
        {
            var types = context.SyntaxProvider.ForAttributeWithMetadataName(Attributes.Namespace + "." + attribute, (_, _) => true, (c, _) => (INamedTypeSymbol)c.TargetSymbol);
            context.RegisterSourceOutput(types.Combine(facts), (output, pair) => Generate(output, pair.Left, pair.Right, attribute));
        }
    }

    private static void Generate(SourceProductionContext output, INamedTypeSymbol type, FactsFile? facts, string attribute)
    {
        if (facts is null)
        {
            output.ReportDiagnostic(Diagnostic.Create(Problems.NoFacts, type.Locations[0]));
            return;
        }

        var body = new GuestType(type, facts, output.ReportDiagnostic);
        string? source = attribute switch
        {
            Attributes.Struct => body.Struct(),
            Attributes.Variables => body.Variables(),
            _ => body.Constants(),
        };
        if (source is not null)
        {
            output.AddSource(type.ToDisplayString(SymbolDisplayFormat.CSharpErrorMessageFormat).Replace('<', '_').Replace('>', '_') + ".g.cs", SourceText.From(source, Encoding.UTF8));
        }
    }
}
