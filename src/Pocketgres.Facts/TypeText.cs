using System.Globalization;

namespace Pocketgres.Facts;

/// <summary>Describes C types in the one word that <c>README.md</c> explains: <c>i4</c>, <c>p</c>, <c>s:Latch</c>, <c>u8[4]</c>.</summary>
internal static class TypeText
{
    /// <summary>The word for a type; null for one that no accessor can have (void, functions, arrays without a length).</summary>
    public static string? Of(DwarfUnit unit, DwarfEntry? type)
    {
        switch (type?.Tag)
        {
            case DwarfTag.Typedef:
                // "typedef struct { ... } slock": a struct whose only name is the typedef's.
                var meant = unit.Referred(type, DwarfAttribute.Type);
                return meant is { Name: null, Tag: DwarfTag.StructureType or DwarfTag.UnionType } ? "s:" + type.Name
                    : meant is { Name: null, Tag: DwarfTag.EnumerationType } ? Enumeration(meant, type.Name) : Of(unit, meant);
            case DwarfTag.ConstType or DwarfTag.VolatileType or DwarfTag.RestrictType or DwarfTag.AtomicType:
                return Of(unit, unit.Referred(type, DwarfAttribute.Type));
            case DwarfTag.PointerType:
                return "p";
            case DwarfTag.StructureType or DwarfTag.UnionType:
                return type.Name is { } name ? "s:" + name : null;
            case DwarfTag.EnumerationType:
                return Enumeration(type, type.Name);
            case DwarfTag.BaseType:
                return Number(type);
            case DwarfTag.ArrayType:
                return Of(unit, unit.Referred(type, DwarfAttribute.Type)) is { } element && Length(type) is { } length
                    ? string.Create(CultureInfo.InvariantCulture, $"{element}[{length}]") : null;
            default:
                return null;
        }
    }

    /// <summary>The anonymous struct or union a member is of, whose members C reaches through it; null for any other type.</summary>
    public static DwarfEntry? Anonymous(DwarfUnit unit, DwarfEntry member)
    {
        var type = unit.Referred(member, DwarfAttribute.Type);
        while (type is { Tag: DwarfTag.ConstType or DwarfTag.VolatileType })
        {
            type = unit.Referred(type, DwarfAttribute.Type);
        }

        return type is { Name: null, Tag: DwarfTag.StructureType or DwarfTag.UnionType } ? type : null;
    }

    private static string Enumeration(DwarfEntry type, string? name) =>
        string.Create(CultureInfo.InvariantCulture, $"e{type.Number(DwarfAttribute.ByteSize) ?? 4}{(name is null ? "" : ":" + name)}");

    private static string? Number(DwarfEntry type)
    {
        char? kind = (DwarfEncoding)(type.Number(DwarfAttribute.Encoding) ?? 0) switch
        {
            DwarfEncoding.Boolean => 'b',
            DwarfEncoding.Float => 'f',
            DwarfEncoding.Signed or DwarfEncoding.SignedChar => 'i',
            DwarfEncoding.Unsigned or DwarfEncoding.UnsignedChar => 'u',
            _ => null,
        };
        return kind is null ? null : string.Create(CultureInfo.InvariantCulture, $"{kind}{type.Number(DwarfAttribute.ByteSize)}");
    }

    // Elements of all dimensions; null where the length is not known (FLEXIBLE_ARRAY_MEMBER): then 0, the address is what counts.
    private static long? Length(DwarfEntry array)
    {
        long product = 1;
        foreach (var range in array.Children.Where(c => c.Tag == DwarfTag.SubrangeType))
        {
            product *= range.Number(DwarfAttribute.Count) ?? range.Number(DwarfAttribute.UpperBound) + 1 ?? 0;
        }

        return product;
    }
}
