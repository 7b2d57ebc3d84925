using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Directories;

/// <summary>
/// Stored expressions (pg_node_tree): the text of views, defaults, checks, predicates. In it a constant passed by value has as many bytes as a Datum (outDatum), and of types of 8 bytes it says whether
/// they are.
/// </summary>
internal sealed partial class NodeTree
{
    // Made from an unsigned C type: the upper half of the Datum is zero, not the sign. equal() compares whole Datums, so a wrong sign would hide partial indexes from the planner.
    private static readonly HashSet<uint> s_unsigned = [16, 24, 26, 28, 29, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];

    private readonly IReadOnlyDictionary<uint, CatalogType> _types;
    private readonly WordSize _to;

    /// <summary>A converter.</summary>
    /// <param name="types">The types of the database.</param>
    /// <param name="to">Which server the text is for.</param>
    public NodeTree(IReadOnlyDictionary<uint, CatalogType> types, WordSize to) => (_types, _to) = (types, to);

    /// <summary>Converts a text.</summary>
    /// <returns>The other form, or the same text when there is nothing to change.</returns>
    /// <exception cref="FormatException">A constant has a form that PostgreSQL 18 does not write.</exception>
    public string Convert(string text)
    {
        int found = 0;
        string converted = Constant().Replace(text, match =>
        {
            found++;
            return Convert(match);
        });
        int expected = Start().Count(text);
        return found == expected ? converted
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"{expected - found} of {expected} constants of a stored expression have an unknown form"));
    }

    private string Convert(Match match)
    {
        int length = int.Parse(match.Groups["length"].ValueSpan, CultureInfo.InvariantCulture);
        uint type = uint.Parse(match.Groups["type"].ValueSpan, CultureInfo.InvariantCulture);
        var byValue = match.Groups["byvalue"];
        bool isByValue = byValue.Value == "true";
        if (length == 8)
        {
            bool wanted = _to == WordSize.Eight && IsEightByValue(type);
            return isByValue == wanted ? match.Value : Replace(match, byValue, wanted ? "true" : "false");
        }

        var bytes = match.Groups["bytes"];
        if (!isByValue || !bytes.Success)
        {
            return match.Value;
        }

        string[] numbers = bytes.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (numbers.Length == (int)_to)
        {
            return match.Value;
        }

        string[] changed = _to == WordSize.Four ? numbers[..4]
            : [.. numbers, .. Enumerable.Repeat(numbers[3].StartsWith('-') && !IsUnsigned(type) ? "-1" : "0", 4)];
        return Replace(match, bytes, string.Join(' ', changed) + " ");
    }

    private bool IsEightByValue(uint type) => _types.TryGetValue(type, out var found) && found.IsEightBytesAligned;

    private bool IsUnsigned(uint type)
    {
        while (_types.TryGetValue(type, out var found) && found.Kind is 'd')
        {
            type = found.Base;
        }

        return s_unsigned.Contains(type) || (_types.TryGetValue(type, out var last) && last.Kind is 'e');
    }

    private static string Replace(Match match, Group group, string text) =>
        string.Concat(match.ValueSpan[..(group.Index - match.Index)], text, match.ValueSpan[(group.Index - match.Index + group.Length)..]);

    [GeneratedRegex(@"(?<!\\)\{CONST ")]
    private static partial Regex Start();

    // Names of fields may be left out (":"), which readers skip. A value of no bytes, NULL, is "<>". Field by field as in _outConst.
    [GeneratedRegex(@"(?<!\\)\{CONST :\w* (?<type>\d+) :\w* -?\d+ :\w* \d+ :\w* (?<length>-?\d+) :\w* (?<byvalue>true|false) +:\w* (?:true|false) :\w* -?\d+ :\w* (?:<>|\d+ \[ (?<bytes>[-0-9 ]*)\])\}")]
    private static partial Regex Constant();
}

/// <summary>What of a type's row in pg_type is needed.</summary>
/// <param name="Length">typlen.</param>
/// <param name="Alignment">typalign.</param>
/// <param name="Kind">typtype.</param>
/// <param name="Base">typbasetype.</param>
internal sealed record CatalogType(int Length, char Alignment, char Kind, uint Base)
{
    /// <summary>Whether it is passed by value exactly where a Datum has 8 bytes. Those of 8 bytes that never are (macaddr8) are aligned otherwise.</summary>
    public bool IsEightBytesAligned => Length == 8 && Alignment == 'd';
}
