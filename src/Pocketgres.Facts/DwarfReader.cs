namespace Pocketgres.Facts;

/// <summary>
/// Reads <c>.debug_info</c> of a linked module, versions 4 and 5 in the 32-bit format, as clang writes it: a unit at a time, so that a module with a
/// hundred megabytes of it needs the memory of its largest file. Bodies of functions are skipped.
/// </summary>
internal sealed class DwarfReader
{
    private const int DwSubprogram = 0x2e, DwLexicalBlock = 0x0b, DwUtCompile = 1;

    private readonly ReadOnlyMemory<byte> _info, _abbreviations, _strings, _lineStrings, _stringOffsets, _addresses;
    private readonly Dictionary<long, Dictionary<ulong, Abbreviation>> _tables = [];

    /// <param name="sections">Custom sections by name.</param>
    /// <exception cref="FactsException">There is no debugging information.</exception>
    public DwarfReader(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> sections)
    {
        if (!sections.TryGetValue(".debug_info", out _info) || !sections.TryGetValue(".debug_abbrev", out _abbreviations))
        {
            throw new FactsException("the module has no debugging information: compile it with -g and link it without --strip-debug");
        }

        _strings = sections.GetValueOrDefault(".debug_str");
        _lineStrings = sections.GetValueOrDefault(".debug_line_str");
        _stringOffsets = sections.GetValueOrDefault(".debug_str_offsets");
        _addresses = sections.GetValueOrDefault(".debug_addr");
    }

    /// <summary>The units in the order of the link.</summary>
    public IEnumerable<DwarfUnit> Units()
    {
        for (int at = 0; at < _info.Length;)
        {
            var header = new DwarfCursor(_info, at);
            uint length = header.U32();
            if (length >= 0xfffffff0)
            {
                throw new FactsException("the debugging information is in DWARF's 64-bit format: compile without -gdwarf64");
            }

            int end = checked(header.Position + (int)length);
            int version = header.U16();
            if (version is not (4 or 5))
            {
                throw new FactsException($"the debugging information is DWARF {version}: compile with -gdwarf-4 or -gdwarf-5");
            }

            int kind = version == 5 ? header.U8() : DwUtCompile;
            int addressSize = version == 5 ? header.U8() : 0;
            long table = header.U32();
            addressSize = version == 5 ? addressSize : header.U8();
            if (kind == DwUtCompile)
            {
                yield return ReadUnit(at, header.Position, end, addressSize, Table(table));
            }

            at = end;
        }
    }

    private DwarfUnit ReadUnit(int start, int position, int end, int addressSize, Dictionary<ulong, Abbreviation> table)
    {
        var entries = new Dictionary<long, DwarfEntry>();
        var bases = new Bases(addressSize);
        var cursor = new DwarfCursor(_info, position);
        var open = new Stack<DwarfEntry?>();
        DwarfEntry? root = null;
        while (cursor.Position < end)
        {
            long place = cursor.Position;
            ulong code = cursor.Uleb();
            if (code == 0)
            {
                if (open.Count > 0)
                {
                    open.Pop();
                }

                continue;
            }

            if (!table.TryGetValue(code, out var abbreviation))
            {
                throw new FactsException($"the debugging information is damaged at {place}: no abbreviation {code}");
            }

            var entry = ReadEntry(ref cursor, abbreviation, start, bases);
            bool skipped = abbreviation.Tag is DwSubprogram or DwLexicalBlock || (open.Count > 0 && open.Peek() is null);
            if (!skipped)
            {
                entries[place] = entry;
                (open.Count > 0 ? open.Peek() : null)?.Children.Add(entry);
                root ??= entry;
            }

            if (abbreviation.HasChildren)
            {
                open.Push(skipped ? null : entry);
            }
        }

        return new DwarfUnit(root ?? new DwarfEntry(DwarfTag.CompileUnit), entries, addressSize, i => Address(i, bases));
    }

    private DwarfEntry ReadEntry(ref DwarfCursor cursor, Abbreviation abbreviation, int unit, Bases bases)
    {
        var entry = new DwarfEntry((DwarfTag)abbreviation.Tag);

        // Texts by index need the unit's base, which the same entry may give behind them.
        List<(DwarfAttribute Attribute, ulong Index)>? byIndex = null;
        foreach (var (attribute, form, constant) in abbreviation.Attributes)
        {
            switch (ReadValue(ref cursor, form, constant, unit, bases))
            {
                case TextIndex index:
                    (byIndex ??= []).Add((attribute, index.Value));
                    break;
                case { } value:
                    entry.Set(attribute, value);
                    break;
            }
        }

        if (entry.Tag == DwarfTag.CompileUnit)
        {
            bases.StringOffsets = entry.Number(DwarfAttribute.StringOffsetsBase) ?? bases.StringOffsets;
            bases.Addresses = entry.Number(DwarfAttribute.AddressBase) ?? bases.Addresses;
        }

        foreach (var (attribute, index) in byIndex ?? [])
        {
            uint offset = new DwarfCursor(_stringOffsets, checked((int)(bases.StringOffsets + ((long)index * 4)))).U32();
            entry.Set(attribute, new DwarfCursor(_strings, checked((int)offset)).Text());
        }

        return entry;
    }

    private object? ReadValue(ref DwarfCursor cursor, DwarfForm form, long constant, int unit, Bases bases)
    {
        switch (form)
        {
            case DwarfForm.Addr:
                return (long)cursor.Unsigned(bases.AddressSize);
            case DwarfForm.Data1 or DwarfForm.Flag:
                return (long)cursor.U8();
            case DwarfForm.Data2:
                return (long)cursor.U16();
            case DwarfForm.Data4 or DwarfForm.SecOffset or DwarfForm.RefAddr:
                return (long)cursor.U32();
            case DwarfForm.Data8:
                return (long)cursor.U64();
            case DwarfForm.Udata:
                return (long)cursor.Uleb();
            case DwarfForm.Sdata:
                return cursor.Sleb();
            case DwarfForm.ImplicitConst:
                return constant;
            case DwarfForm.FlagPresent:
                return 1L;
            case DwarfForm.Ref1:
                return unit + (long)cursor.U8();
            case DwarfForm.Ref2:
                return unit + (long)cursor.U16();
            case DwarfForm.Ref4:
                return unit + (long)cursor.U32();
            case DwarfForm.Ref8:
                return unit + (long)cursor.U64();
            case DwarfForm.RefUdata:
                return unit + (long)cursor.Uleb();
            case DwarfForm.String:
                return cursor.Text();
            case DwarfForm.Strp:
                return new DwarfCursor(_strings, checked((int)cursor.U32())).Text();
            case DwarfForm.LineStrp:
                return new DwarfCursor(_lineStrings, checked((int)cursor.U32())).Text();
            case DwarfForm.Strx:
                return new TextIndex(cursor.Uleb());
            case DwarfForm.Strx1 or DwarfForm.Strx2 or DwarfForm.Strx3 or DwarfForm.Strx4:
                return new TextIndex(cursor.Unsigned(form - DwarfForm.Strx1 + 1));
            case DwarfForm.Exprloc or DwarfForm.Block:
                return cursor.Bytes(checked((int)cursor.Uleb()));
            case DwarfForm.Block1:
                return cursor.Bytes(cursor.U8());
            case DwarfForm.Block2:
                return cursor.Bytes(cursor.U16());
            case DwarfForm.Block4:
                return cursor.Bytes(checked((int)cursor.U32()));
            case DwarfForm.Indirect:
                return ReadValue(ref cursor, (DwarfForm)cursor.Uleb(), 0, unit, bases);
            default:
                Skip(ref cursor, form);
                return null;
        }
    }

    // Forms of attributes that nobody here looks at.
    private static void Skip(ref DwarfCursor cursor, DwarfForm form)
    {
        switch (form)
        {
            case DwarfForm.Addrx or DwarfForm.Loclistx or DwarfForm.Rnglistx:
                cursor.Uleb();
                break;
            case DwarfForm.Addrx1 or DwarfForm.Addrx2 or DwarfForm.Addrx3 or DwarfForm.Addrx4:
                cursor.Bytes(form - DwarfForm.Addrx1 + 1);
                break;
            case DwarfForm.RefSup4 or DwarfForm.StrpSup:
                cursor.Bytes(4);
                break;
            case DwarfForm.RefSig8 or DwarfForm.RefSup8:
                cursor.Bytes(8);
                break;
            case DwarfForm.Data16:
                cursor.Bytes(16);
                break;
            default:
                throw new FactsException($"the debugging information has an attribute of the unknown form {(int)form:x}");
        }
    }

    private ulong Address(ulong index, Bases bases) =>
        new DwarfCursor(_addresses, checked((int)(bases.Addresses + ((long)index * bases.AddressSize)))).Unsigned(bases.AddressSize);

    private Dictionary<ulong, Abbreviation> Table(long place)
    {
        if (_tables.TryGetValue(place, out var known))
        {
            return known;
        }

        var table = new Dictionary<ulong, Abbreviation>();
        var cursor = new DwarfCursor(_abbreviations, checked((int)place));
        for (ulong code = cursor.Uleb(); code != 0; code = cursor.Uleb())
        {
            var abbreviation = new Abbreviation((int)cursor.Uleb(), cursor.U8() != 0, []);
            while (true)
            {
                var attribute = (DwarfAttribute)cursor.Uleb();
                var form = (DwarfForm)cursor.Uleb();
                long constant = form == DwarfForm.ImplicitConst ? cursor.Sleb() : 0;
                if (attribute == 0 && form == 0)
                {
                    break;
                }

                abbreviation.Attributes.Add((attribute, form, constant));
            }

            table[code] = abbreviation;
        }

        return _tables[place] = table;
    }

    private sealed record Abbreviation(int Tag, bool HasChildren, List<(DwarfAttribute Attribute, DwarfForm Form, long Constant)> Attributes);

    // Where the unit's parts of the shared tables begin. Without DW_AT_str_offsets_base: behind the section's header of 8 bytes.
    private sealed class Bases(int addressSize)
    {
        public int AddressSize { get; } = addressSize;

        public long StringOffsets { get; set; } = 8;

        public long Addresses { get; set; } = 8;
    }

    private readonly record struct TextIndex(ulong Value);
}
