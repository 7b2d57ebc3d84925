using System.Buffers.Binary;
using System.Globalization;

namespace Pocketgres.Facts;

/// <summary>Gathers the layouts of structs, the values of enumerations and the addresses of variables from a module's debugging information.</summary>
/// <remarks>
/// A header's struct is in each file that includes it: the first is taken, and the others must agree. Names that mean two things in two files (static
/// variables, private structs) get the file: <c>state@xlogreader.c</c>.
/// </remarks>
internal sealed class FactsCollector
{
    private const byte DwOpAddr = 0x03, DwOpAddrx = 0xa1;

    // LLVM keeps variables that only ever are 0 or another constant as a byte of 0 or 1, and says how to compute the value. Here the constant is 1: DW_OP_deref_size 1, lit1, mul, lit0, plus, stack_value.
    private static readonly byte[] s_zeroOrOne = [0x94, 0x01, 0x31, 0x1e, 0x30, 0x22, 0x9f];

    private readonly Dictionary<string, Named> _structs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Named> _enumerations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Named> _variables = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _typedefs = new(StringComparer.Ordinal);

    /// <summary>Size of a pointer in bytes, 0 before the first unit.</summary>
    public int PointerSize { get; private set; }

    /// <summary>Takes what a unit has.</summary>
    public void Add(DwarfUnit unit)
    {
        PointerSize = unit.AddressSize;
        string file = Path.GetFileName(unit.Root.Name ?? "");
        var withTypedef = unit.Root.Children.Where(e => e.Tag == DwarfTag.Typedef).Select(e => unit.Referred(e, DwarfAttribute.Type)).ToHashSet();
        foreach (var entry in unit.Root.Children.Where(e => !e.IsDeclaration))
        {
            switch (entry)
            {
                case { Tag: DwarfTag.StructureType or DwarfTag.UnionType, Name: { } name }:
                    Take(_structs, name, file, Struct(unit, entry));
                    break;
                case { Tag: DwarfTag.EnumerationType } when entry.Name is not null || !withTypedef.Contains(entry):
                    // Without any name it is still a place of constants: the first of them stands for it.
                    Take(_enumerations, entry.Name ?? "(" + entry.Children.FirstOrDefault()?.Name + ")", file, Enumeration(entry));
                    break;
                case { Tag: DwarfTag.Typedef, Name: { } name }:
                    Typedef(unit, entry, name, file);
                    break;
                case { Tag: DwarfTag.Variable } when Address(unit, entry) is { } address and > 0:
                    Variable(unit, entry, file, address);
                    break;
            }
        }
    }

    /// <summary>Writes everything, sorted by name: the same module gives the same bytes.</summary>
    public void Write(TextWriter writer)
    {
        writer.Write(string.Create(CultureInfo.InvariantCulture, $"facts 1 pointer {PointerSize}\n"));
        foreach (var (name, body) in All(_structs))
        {
            writer.Write($"struct {name} {body}\n");
        }

        foreach (var (name, meant) in _typedefs)
        {
            writer.Write($"typedef {name} {meant}\n");
        }

        foreach (var (name, body) in All(_enumerations))
        {
            writer.Write($"enum {name} {body}\n");
        }

        foreach (var (name, body) in All(_variables))
        {
            writer.Write($"var {name} {body}\n");
        }
    }

    private void Typedef(DwarfUnit unit, DwarfEntry entry, string name, string file)
    {
        switch (unit.Referred(entry, DwarfAttribute.Type))
        {
            case { Tag: DwarfTag.StructureType or DwarfTag.UnionType, Name: null, IsDeclaration: false } meant:
                Take(_structs, name, file, Struct(unit, meant));
                break;
            case { Tag: DwarfTag.StructureType or DwarfTag.UnionType, Name: { } tag } when tag != name:
                _typedefs[name] = tag;
                break;
            case { Tag: DwarfTag.EnumerationType, Name: null } meant:
                Take(_enumerations, name, file, Enumeration(meant));
                break;
        }
    }

    private void Variable(DwarfUnit unit, DwarfEntry entry, string file, ulong address)
    {
        // A definition behind an extern declaration has name and type there.
        var named = entry.Name is null ? unit.Referred(entry, DwarfAttribute.Specification) : entry;
        if (named?.Name is { } name && TypeText.Of(unit, unit.Referred(named, DwarfAttribute.Type)) is { } type)
        {
            Take(_variables, name, file, string.Create(CultureInfo.InvariantCulture, $"{address} {type}"));
        }
    }

    private static string Struct(DwarfUnit unit, DwarfEntry entry)
    {
        var members = new List<string>();
        Members(unit, entry, "", 0, members);
        return string.Create(CultureInfo.InvariantCulture, $"{entry.Number(DwarfAttribute.ByteSize)}{string.Concat(members.Select(m => "\n " + m))}");
    }

    // Members of anonymous structs and unions stand in the outer one; if the member itself has a name, behind it: "u.x".
    private static void Members(DwarfUnit unit, DwarfEntry entry, string prefix, long start, List<string> members)
    {
        foreach (var member in entry.Children.Where(c => c.Tag == DwarfTag.Member))
        {
            long offset = start + (member.Number(DwarfAttribute.DataMemberLocation) ?? 0);
            if (TypeText.Anonymous(unit, member) is { } inner)
            {
                Members(unit, inner, member.Name is { } name ? $"{prefix}{name}." : prefix, offset, members);
            }
            else if (member.Name is { } name && member.Number(DwarfAttribute.BitSize) is null
                && TypeText.Of(unit, unit.Referred(member, DwarfAttribute.Type)) is { } type)
            {
                members.Add(string.Create(CultureInfo.InvariantCulture, $"{offset} {type} {prefix}{name}"));
            }
        }
    }

    private static string Enumeration(DwarfEntry entry) => string.Create(
        CultureInfo.InvariantCulture,
        $"{entry.Number(DwarfAttribute.ByteSize) ?? 4}{string.Concat(entry.Children.Where(c => c.Tag == DwarfTag.Enumerator).Select(c => $"\n {c.Number(DwarfAttribute.ConstValue)} {c.Name}"))}");

    private static ulong? Address(DwarfUnit unit, DwarfEntry variable)
    {
        if (variable.Block(DwarfAttribute.Location) is not { Length: > 1 } expression)
        {
            return null;
        }

        if (expression.Span.EndsWith(s_zeroOrOne) && unit.Referred(variable, DwarfAttribute.Type)?.Number(DwarfAttribute.ByteSize) == 1)
        {
            expression = expression[..^s_zeroOrOne.Length];
        }

        return expression.Span[0] switch
        {
            DwOpAddr when expression.Length == 9 => BinaryPrimitives.ReadUInt64LittleEndian(expression.Span[1..]),
            DwOpAddr when expression.Length == 5 => BinaryPrimitives.ReadUInt32LittleEndian(expression.Span[1..]),
            DwOpAddrx => Indexed(),
            _ => null,
        };

        ulong? Indexed()
        {
            var cursor = new DwarfCursor(expression, 1);
            ulong index = cursor.Uleb();
            return cursor.AtEnd ? unit.Address(index) : null;
        }
    }

    private static void Take(Dictionary<string, Named> all, string name, string file, string body)
    {
        if (!all.TryGetValue(name, out var known))
        {
            all[name] = known = new Named();
        }

        // What the linker dropped has the address 0 or -1, and the same struct comes with each file.
        known.ByBody.TryAdd(body, file);
    }

    private static IEnumerable<(string Name, string Body)> All(Dictionary<string, Named> all) =>
        all.OrderBy(a => a.Key, StringComparer.Ordinal).SelectMany(a => a.Value.ByBody.Count == 1
            ? [(a.Key, a.Value.ByBody.Keys.First())]
            : a.Value.ByBody.OrderBy(b => b.Value, StringComparer.Ordinal).Select(b => ($"{a.Key}@{b.Value}", b.Key)));

    private sealed class Named
    {
        public Dictionary<string, string> ByBody { get; } = new(StringComparer.Ordinal);
    }
}
