using System.Globalization;

namespace Pocketgres.Generators;

/// <summary>A C type as the facts name it.</summary>
internal sealed class FactsType
{
    private FactsType(char kind, int size, string? name, int? length)
    {
        Kind = kind;
        Size = size;
        Name = name;
        Length = length;
    }

    /// <summary>i, u, f, b: number or bool; e: enumeration; p: pointer; s: struct or union.</summary>
    public char Kind { get; }

    /// <summary>Bytes of a number or enumeration, else 0.</summary>
    public int Size { get; }

    /// <summary>Name of a struct or enumeration.</summary>
    public string? Name { get; }

    /// <summary>Elements of an array (0: not known); null for no array.</summary>
    public int? Length { get; }

    public static FactsType Parse(string word)
    {
        int? length = null;
        int bracket = word.IndexOf('[');
        if (bracket >= 0)
        {
            length = int.Parse(word.Substring(bracket + 1, word.Length - bracket - 2), CultureInfo.InvariantCulture);
            word = word.Substring(0, bracket);
        }

        int colon = word.IndexOf(':');
        string? name = colon < 0 ? null : word.Substring(colon + 1);
        string head = colon < 0 ? word : word.Substring(0, colon);
        int size = head.Length > 1 ? int.Parse(head.Substring(1), CultureInfo.InvariantCulture) : 0;
        return new FactsType(head[0], size, name, length);
    }

    /// <summary>As C programmers would say it, for messages.</summary>
    public override string ToString()
    {
        string one = Kind switch
        {
            'i' => $"signed integer of {Size} bytes",
            'u' => $"unsigned integer of {Size} bytes",
            'f' => $"floating point number of {Size} bytes",
            'b' => "bool",
            'e' => $"enum {Name} of {Size} bytes",
            'p' => "pointer",
            _ => "struct " + Name,
        };
        return Length is { } length ? $"array of {length} times {one}" : one;
    }
}
