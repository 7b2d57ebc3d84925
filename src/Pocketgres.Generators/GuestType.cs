using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Pocketgres.Generators;

/// <summary>Writes the other half of one partial type.</summary>
internal sealed class GuestType(INamedTypeSymbol type, FactsFile facts, Action<Diagnostic> report)
{
    private readonly StringBuilder _members = new();

    /// <summary>A view of a struct: base of guest memory and address.</summary>
    public string? Struct()
    {
        string name = Accessor.GuestName(type)!;
        if (facts.Struct(name) is not { } layout)
        {
            Unknown(type, "struct", name);
            return null;
        }

        if (!type.IsRefLikeType || !type.IsReadOnly)
        {
            Shape(type, "it must be a readonly partial ref struct");
            return null;
        }

        _members.Append($$"""
                /// <summary>Size of the C struct in bytes.</summary>
                public const int Size = {{layout.Size}};

                private readonly byte* _m;
                private readonly uint _address;

                /// <summary>The struct at an address.</summary>
                /// <param name="m">Base of guest memory.</param>
                /// <param name="address">Where the struct lies in it.</param>
                public {{type.Name}}(byte* m, uint address)
                {
                    _m = m;
                    _address = address;
                }

                /// <summary>Address in guest memory; 0 for none (NULL).</summary>
                public uint Address => _address;

            """);
        foreach (var member in Partial())
        {
            if (CNames.Of(member).Select(n => (Name: n, Member: facts.Member(layout, n))).FirstOrDefault(f => f.Member is not null) is not { Member: { } found } named)
            {
                Unknown(member, "member of " + name, CNames.Of(member).Last());
                continue;
            }

            if (member.IsStatic)
            {
                Offset(member, found.Offset);
                continue;
            }

            string? index = member is IMethodSymbol { Parameters.Length: 1 } method && method.Parameters[0].Type.SpecialType == SpecialType.System_Int32 ? method.Parameters[0].Name : null;
            if (member is IMethodSymbol && index is null)
            {
                Shape(member, "a method must take the int of an element");
                continue;
            }

            Write(member, named.Name, found.Type, $"_address + {found.Offset.ToString(CultureInfo.InvariantCulture)}u", index, "_m");
        }

        return Whole("readonly ref partial struct");
    }

    /// <summary>References to variables: static partial methods that take the base of guest memory.</summary>
    public string Variables()
    {
        foreach (var member in Partial())
        {
            if (CNames.Of(member).Select(n => (Name: n, Variable: facts.Variable(n))).FirstOrDefault(f => f.Variable is not null) is not { Variable: { } found } named)
            {
                Unknown(member, "variable", CNames.Of(member).First());
            }
            else if (member is not IMethodSymbol { IsStatic: true, Parameters.Length: 1 } method || method.Parameters[0].Type is not IPointerTypeSymbol)
            {
                Shape(member, "it must be a static partial method that takes the base of guest memory, byte* m");
            }
            else
            {
                Write(member, named.Name, found.Type, found.Address.ToString(CultureInfo.InvariantCulture) + "u", null, method.Parameters[0].Name);
            }
        }

        return Whole("static partial class");
    }

    /// <summary>Constants of enumerations: static partial properties.</summary>
    public string Constants()
    {
        foreach (var member in Partial())
        {
            if (CNames.Of(member).Select(n => (Name: n, Value: facts.Constant(n))).FirstOrDefault(f => f.Value is not null) is not { Value: { } value } named)
            {
                Unknown(member, "constant", CNames.Of(member).First());
            }
            else if (member is not IPropertySymbol { IsStatic: true, SetMethod: null, Type.SpecialType: SpecialType.System_Int32 })
            {
                Shape(member, "it must be a static partial int property without a setter");
            }
            else
            {
                _members.Append($"\n    {Declaration(member)} => {value.ToString(CultureInfo.InvariantCulture)};\n");
            }
        }

        return Whole("static partial class");
    }

    private void Offset(ISymbol member, int offset)
    {
        if (member is IPropertySymbol { SetMethod: null, ReturnsByRef: false, Type.SpecialType: SpecialType.System_Int32 })
        {
            _members.Append($"\n    {Declaration(member)} => {offset.ToString(CultureInfo.InvariantCulture)};\n");
        }
        else
        {
            Shape(member, "what is static is an offset: a partial int property without a setter");
        }
    }

    private void Write(ISymbol member, string name, FactsType c, string place, string? index, string memory)
    {
        var (returned, isReference) = member is IPropertySymbol property ? (property.Type, property.ReturnsByRef) : (((IMethodSymbol)member).ReturnType, ((IMethodSymbol)member).ReturnsByRef);
        if (Accessor.For(returned, isReference, c, new GuestPlace(memory, place, index), facts) is not { } accessor)
        {
            report(Diagnostic.Create(Problems.WrongType, member.Locations[0], name, c, returned.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)));
            return;
        }

        bool hasSetter = member is IPropertySymbol { SetMethod: not null };
        if (hasSetter && accessor.Set is null)
        {
            Shape(member, "nothing can be assigned to it: leave the setter out");
            return;
        }

        _members.Append(member is IMethodSymbol || !hasSetter
            ? $"\n    {Declaration(member)} => {accessor.Get};\n"
            : $"\n    {Declaration(member)}\n    {{\n        get => {accessor.Get};\n        set => {accessor.Set};\n    }}\n");
    }

    private static string Declaration(ISymbol member)
    {
        string text = SyntaxFacts.GetText(member.DeclaredAccessibility) + (member.IsStatic ? " static" : "") + " partial ";
        var format = SymbolDisplayFormat.FullyQualifiedFormat;
        return member is IPropertySymbol property
            ? $"{text}{(property.ReturnsByRef ? "ref " : "")}{property.Type.ToDisplayString(format)} {property.Name}"
            : $"{text}{(((IMethodSymbol)member).ReturnsByRef ? "ref " : "")}{((IMethodSymbol)member).ReturnType.ToDisplayString(format)} {member.Name}"
                + $"({string.Join(", ", ((IMethodSymbol)member).Parameters.Select(p => p.Type.ToDisplayString(format) + " " + p.Name))})";
    }

    private IEnumerable<ISymbol> Partial() =>
        type.GetMembers().Where(m => m is IPropertySymbol { IsPartialDefinition: true } or IMethodSymbol { IsPartialDefinition: true, MethodKind: MethodKind.Ordinary });

    private string Whole(string kind)
    {
        var outer = new Stack<string>();
        for (var t = type.ContainingType; t is not null; t = t.ContainingType)
        {
            outer.Push($"partial {(t.TypeKind == TypeKind.Struct ? "struct" : "class")} {t.Name}\n{{\n");
        }

        string space = type.ContainingNamespace.IsGlobalNamespace ? "" : $"namespace {type.ContainingNamespace.ToDisplayString()};\n\n";
        return $"// <auto-generated/>\n#nullable enable\n{space}{string.Concat(outer)}unsafe {kind} {type.Name}\n{{\n{_members}}}\n{string.Concat(outer.Select(_ => "}\n"))}";
    }

    private void Unknown(ISymbol symbol, string what, string name)
    {
        string files = string.Join(", ", facts.Qualified(name));
        report(Diagnostic.Create(Problems.UnknownName, symbol.Locations[0], what, name, files.Length > 0 ? $" alone, but {files}" : ""));
    }

    private void Shape(ISymbol symbol, string reason) => report(Diagnostic.Create(Problems.WrongShape, symbol.Locations[0], symbol.Name, reason));
}
