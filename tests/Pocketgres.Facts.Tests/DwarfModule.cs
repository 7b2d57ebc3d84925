using System.Text;

namespace Pocketgres.Facts.Tests;

/// <summary>Makes modules with debugging information by hand: the same entries in DWARF 4 (texts and addresses in place) and 5 (by index).</summary>
internal sealed class DwarfModule(int version)
{
    private readonly List<byte> _info = [], _abbreviations = [], _strings = [], _stringOffsets = [], _addresses = [];
    private readonly Dictionary<string, long> _places = [];
    private readonly List<(int At, string Label)> _references = [];
    private int _unit, _code, _indexed, _addressed;

    public void BeginUnit(string file)
    {
        _unit = _info.Count;
        Add(_info, 0, 4);
        Add(_info, version, 2);
        if (version >= 5)
        {
            Add(_info, 1, 1); // DW_UT_compile
            Add(_info, 8, 1);
        }

        Add(_info, 0, 4); // one table of abbreviations
        if (version < 5)
        {
            Add(_info, 8, 1);
        }

        // The base of the texts' index comes behind the first text that needs it, as clang writes it.
        Entry(DwarfTag.CompileUnit, true, null, (DwarfAttribute.Name, file), (DwarfAttribute.StringOffsetsBase, version >= 5 ? 8 : null), (DwarfAttribute.AddressBase, version >= 5 ? 8 : null));
    }

    public void EndUnit()
    {
        _info.Add(0);
        BitConverter.GetBytes(_info.Count - _unit - 4).CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_info)[_unit..]);
        foreach (var (at, label) in _references)
        {
            BitConverter.GetBytes((int)(_places[label] - _unit)).CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_info)[at..]);
        }

        _references.Clear();
        _places.Clear();
    }

    /// <summary>Ends the children of the entry that was begun with <c>children</c>.</summary>
    public void End() => _info.Add(0);

    /// <summary>An entry. Values: text, number, "@label" for a reference, bytes for an expression, null for an attribute that is left out.</summary>
    public void Entry(DwarfTag tag, bool children, string? label, params (DwarfAttribute Attribute, object? Value)[] attributes)
    {
        if (label is not null)
        {
            _places[label] = _info.Count;
        }

        Uleb(_info, ++_code);
        Uleb(_abbreviations, _code);
        Uleb(_abbreviations, (int)tag);
        _abbreviations.Add((byte)(children ? 1 : 0));
        foreach (var (attribute, value) in attributes.Where(a => a.Value is not null))
        {
            var form = Value(attribute, value!);
            Uleb(_abbreviations, (int)attribute);
            Uleb(_abbreviations, (int)form);
        }

        _abbreviations.AddRange([0, 0]);
    }

    /// <summary>The expression of a variable's address.</summary>
    public byte[] Address(long address)
    {
        if (version < 5)
        {
            return [0x03, .. BitConverter.GetBytes(address)];
        }

        Add(_addresses, address, 8);
        return [0xa1, (byte)_addressed++];
    }

    public byte[] ToArray()
    {
        var module = new List<byte> { 0, (byte)'a', (byte)'s', (byte)'m', 1, 0, 0, 0 };
        Section(module, ".debug_info", _info);
        Section(module, ".debug_abbrev", [.. _abbreviations, 0]);
        Section(module, ".debug_str", _strings);
        Section(module, ".debug_str_offsets", [.. new byte[8], .. _stringOffsets]);
        Section(module, ".debug_addr", [.. new byte[8], .. _addresses]);
        return [.. module];
    }

    private DwarfForm Value(DwarfAttribute attribute, object value)
    {
        switch (value)
        {
            case string reference when reference.StartsWith('@'):
                _references.Add((_info.Count, reference[1..]));
                Add(_info, 0, 4);
                return DwarfForm.Ref4;
            case string text:
                int offset = _strings.Count;
                _strings.AddRange([.. Encoding.UTF8.GetBytes(text), 0]);
                Add(version >= 5 ? _stringOffsets : _info, offset, 4);
                if (version >= 5)
                {
                    _info.Add((byte)_indexed++);
                }

                return version >= 5 ? DwarfForm.Strx1 : DwarfForm.Strp;
            case byte[] expression:
                Uleb(_info, expression.Length);
                _info.AddRange(expression);
                return DwarfForm.Exprloc;
            case int number when attribute is DwarfAttribute.StringOffsetsBase or DwarfAttribute.AddressBase:
                Add(_info, number, 4);
                return DwarfForm.SecOffset;
            case int number:
                Sleb(_info, number);
                return DwarfForm.Sdata;
            default:
                throw new ArgumentException(value.ToString());
        }
    }

    private static void Section(List<byte> module, string name, List<byte> content)
    {
        module.Add(0);
        Uleb(module, content.Count + name.Length + 1);
        Uleb(module, name.Length);
        module.AddRange(Encoding.ASCII.GetBytes(name));
        module.AddRange(content);
    }

    private static void Add(List<byte> to, long value, int size) => to.AddRange(BitConverter.GetBytes(value).AsSpan(0, size));

    private static void Uleb(List<byte> to, int value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            to.Add((byte)(value | 0x80));
        }

        to.Add((byte)value);
    }

    private static void Sleb(List<byte> to, int value)
    {
        for (; value is < -64 or > 63; value >>= 7)
        {
            to.Add((byte)(value | 0x80));
        }

        to.Add((byte)(value & 0x7f));
    }
}
