using Microsoft.CodeAnalysis;

namespace Pocketgres.Generators;

/// <summary>What can be wrong with a guest type: errors of the compilation, at the C# name.</summary>
internal static class Problems
{
    public static readonly DiagnosticDescriptor NoFacts = Error("PGF001", "No file *.facts of version 1 is among the AdditionalFiles: build the engine first");
    public static readonly DiagnosticDescriptor UnknownName = Error("PGF002", "The engine has no {0} '{1}'{2}: it was renamed or removed in this version of PostgreSQL, or it is in no file of eng/engine/facts");
    public static readonly DiagnosticDescriptor WrongType = Error("PGF003", "'{0}' is {1} in C, which '{2}' cannot stand for");
    public static readonly DiagnosticDescriptor WrongShape = Error("PGF004", "'{0}' cannot be generated: {1}");

    private static DiagnosticDescriptor Error(string id, string message) =>
        new(id, "Guest memory", message, "Pocketgres", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
