using System.Linq;
using Microsoft.CodeAnalysis;

namespace Pocketgres.Generators;

/// <summary>Finds the C# expression that reads or writes a C object at a place of guest memory, if the C# type can stand for the C type.</summary>
/// <remarks>
/// A pointer is a <c>uint</c>, the address: 64-bit modules store eight bytes, whose upper half is zero; a reference to one is of all eight. A guest struct stands for a struct that lies there, or
/// for the one that a pointer points to.
/// </remarks>
internal sealed class Accessor
{
    private Accessor(string get, string? set)
    {
        Get = get;
        Set = set;
    }

    /// <summary>The value, the reference or the view.</summary>
    public string Get { get; }

    /// <summary>The statement that stores <c>value</c>; null where nothing can be assigned.</summary>
    public string? Set { get; }

    /// <summary>The accessor, or null if the types do not fit.</summary>
    /// <param name="type">The C# type.</param>
    /// <param name="isReference">True for a reference to it.</param>
    /// <param name="c">The C type.</param>
    /// <param name="place">Where the object lies.</param>
    /// <param name="facts">All facts.</param>
    public static Accessor? For(ITypeSymbol type, bool isReference, FactsType c, GuestPlace place, FactsFile facts)
    {
        bool isArray = c.Length is not null;
        if (GuestName(type) is { } guest)
        {
            return isReference ? null : Struct(type, guest, c, place, facts);
        }

        if (place.Index is not null || (isArray && !isReference))
        {
            return null; // an array of numbers is a reference to its first element
        }

        string name = type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
        if (c.Kind == 'p' && isReference)
        {
            return type.SpecialType == SpecialType.System_UInt64 && facts.PointerSize == 8 ? new Accessor($"ref *(ulong*)({place.Memory} + {place.Address})", null) : null;
        }

        if (c.Kind == 'p')
        {
            return type.SpecialType == SpecialType.System_UInt32
                ? new Accessor($"*(uint*)({place.Memory} + {place.Address})", facts.PointerSize == 8 ? $"*(ulong*)({place.Memory} + {place.Address}) = value" : $"*(uint*)({place.Memory} + {place.Address}) = value")
                : null;
        }

        var number = type.TypeKind == TypeKind.Enum ? ((INamedTypeSymbol)type).EnumUnderlyingType!.SpecialType : type.SpecialType;
        char kind = Kind(number);
        bool isInteger = kind is 'i' or 'u';

        // An enumeration's sign, and that of char, are the compiler's choice.
        bool fits = Size(number) == c.Size && (kind == c.Kind || (isInteger && (c.Kind == 'e' || (c.Kind is 'i' or 'u' && (c.Size == 1 || type.TypeKind == TypeKind.Enum)))));
        return !fits ? null : isReference ? new Accessor($"ref *({name}*)({place.Memory} + {place.Address})", null) : new Accessor($"*({name}*)({place.Memory} + {place.Address})", $"*({name}*)({place.Memory} + {place.Address}) = value");
    }

    /// <summary>The C name of a guest struct; null for any other type.</summary>
    public static string? GuestName(ITypeSymbol type) =>
        type.GetAttributes().FirstOrDefault(a => a.AttributeClass?.Name == Attributes.Struct)?.ConstructorArguments.FirstOrDefault().Value as string;

    private static Accessor? Struct(ITypeSymbol type, string guest, FactsType c, GuestPlace place, FactsFile facts)
    {
        if (facts.Struct(guest) is not { } layout)
        {
            return null; // said at its own declaration
        }

        string name = type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
        string step = place.Index is null ? "" : $" + (uint){place.Index} * {layout.Size}u";
        return c.Kind switch
        {
            's' when facts.Struct(c.Name!) == layout && (c.Length is not null) == (place.Index is not null) => new Accessor($"new {name}({place.Memory}, {place.Address}{step})", null),
            'p' when c.Length is null => new Accessor($"new {name}({place.Memory}, *(uint*)({place.Memory} + {place.Address}){step})", null),
            _ => null,
        };
    }

    private static char Kind(SpecialType type) => type switch
    {
        SpecialType.System_SByte or SpecialType.System_Int16 or SpecialType.System_Int32 or SpecialType.System_Int64 => 'i',
        SpecialType.System_Byte or SpecialType.System_UInt16 or SpecialType.System_UInt32 or SpecialType.System_UInt64 => 'u',
        SpecialType.System_Single or SpecialType.System_Double => 'f',
        SpecialType.System_Boolean => 'b',
        _ => ' ',
    };

    private static int Size(SpecialType type) => type switch
    {
        SpecialType.System_SByte or SpecialType.System_Byte or SpecialType.System_Boolean => 1,
        SpecialType.System_Int16 or SpecialType.System_UInt16 => 2,
        SpecialType.System_Int32 or SpecialType.System_UInt32 or SpecialType.System_Single => 4,
        SpecialType.System_Int64 or SpecialType.System_UInt64 or SpecialType.System_Double => 8,
        _ => 0,
    };
}

/// <summary>Where a C object lies, in C# expressions.</summary>
/// <param name="memory">Base of guest memory, a <c>byte*</c>.</param>
/// <param name="address">Address in it, a <c>uint</c>.</param>
/// <param name="index">The element that is meant; null if the whole is.</param>
internal sealed class GuestPlace(string memory, string address, string? index)
{
    public string Memory { get; } = memory;

    public string Address { get; } = address;

    public string? Index { get; } = index;
}
