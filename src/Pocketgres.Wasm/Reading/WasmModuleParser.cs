namespace Pocketgres.Wasm.Reading;

/// <summary>Reads the sections of a module (WebAssembly core specification, chapter 5; dylink.0: tool-conventions/DynamicLinking.md).</summary>
internal sealed partial class WasmModuleParser
{
    private const int MaxTableSlots = 0x10000;
    private const uint LimitsHaveMaximum = 1, LimitsAre64 = 4;
    private readonly WasmModule module;
    private readonly byte[] bytes;
    private WasmReader reader;

    public WasmModuleParser(byte[] bytes)
    {
        this.bytes = bytes;
        module = new WasmModule(bytes);
        reader = new WasmReader(bytes, 0, bytes.Length);
    }

    public WasmModule Parse()
    {
        if (bytes.Length < 8 || !bytes.AsSpan(0, 4).SequenceEqual("\0asm"u8))
        {
            throw new WasmFormatException("not a WebAssembly module: magic number missing", 0);
        }

        if (!bytes.AsSpan(4, 4).SequenceEqual((ReadOnlySpan<byte>)[1, 0, 0, 0]))
        {
            throw WasmFormatException.Unsupported("a binary version other than 1 (component model?)", 4);
        }

        var outer = new WasmReader(bytes, 8, bytes.Length);
        while (!outer.AtEnd)
        {
            int at = outer.Position;
            int id = outer.Byte();
            int size = outer.Count();
            int end = outer.Position + size;
            reader = new WasmReader(bytes, outer.Position, end);
            ParseSection(id, at);
            if (id != 0 && !reader.AtEnd)
            {
                throw new WasmFormatException($"section {id} has {end - reader.Position} bytes too many", reader.Position);
            }

            outer.Position = end;
        }

        if (module.FunctionTypes.Count != module.Bodies.Count)
        {
            throw new WasmFormatException($"{module.FunctionTypes.Count} functions are declared but {module.Bodies.Count} have bodies", bytes.Length);
        }

        CheckReferences();
        return module;
    }

    private void ParseSection(int id, int at)
    {
        switch (id)
        {
            case 0:
                ParseCustom();
                break;
            case 1:
                Repeat(ParseType);
                break;
            case 2:
                Repeat(ParseImport);
                break;
            case 3:
                Repeat(() => module.FunctionTypes.Add(TypeIndex()));
                break;
            case 4:
                Repeat(ParseTable);
                break;
            case 5:
                Repeat(ParseMemory);
                break;
            case 6:
                Repeat(ParseGlobal);
                break;
            case 7:
                Repeat(ParseExport);
                break;
            case 8:
                module.StartFunction = reader.Index();
                break;
            case 9:
                Repeat(ParseElement);
                break;
            case 10:
                Repeat(ParseBody);
                break;
            case 11:
                Repeat(ParseData);
                break;
            case 12:
                reader.U32(); // data count: only needed to validate memory.init in one pass
                break;
            case 13:
                throw WasmFormatException.Unsupported("exception handling (tag section)", at);
            default:
                throw new WasmFormatException($"unknown section {id}", at);
        }
    }

    private void Repeat(Action parseOne)
    {
        for (int n = reader.Count(); n > 0; n--)
        {
            parseOne();
        }
    }

    private int TypeIndex()
    {
        int at = reader.Position;
        int type = reader.Index();
        return type < module.Types.Count ? type : throw new WasmFormatException($"type index {type} out of range", at);
    }

    private void ParseType()
    {
        int at = reader.Position;
        if (reader.Byte() != 0x60)
        {
            throw WasmFormatException.Unsupported("types other than functions (GC proposal)", at);
        }

        var parameters = new WasmType[reader.Count()];
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i] = reader.ValueType();
        }

        at = reader.Position;
        int results = reader.Count();
        if (results > 1)
        {
            throw WasmFormatException.Unsupported("functions with several results (multi-value)", at);
        }

        module.Types.Add(new FunctionType(parameters, results == 0 ? WasmType.None : reader.ValueType()));
    }

    private void ParseImport()
    {
        string from = reader.Name();
        string name = reader.Name();
        int at = reader.Position;
        switch (reader.Byte())
        {
            case 0:
                module.FunctionImports.Add(new FunctionImport(from, name, TypeIndex()));
                break;
            case 1:
                ParseTable();
                break;
            case 2:
                ParseMemory();
                break;
            case 3:
                var type = reader.ValueType();
                module.Globals.Add(new WasmGlobal(type, IsMutable()) { ImportModule = from, Name = name, Initial = new(-1, 0) });
                break;
            case 4:
                throw WasmFormatException.Unsupported($"exception handling (import of tag {from}.{name})", at);
            default:
                throw new WasmFormatException($"invalid kind of import {from}.{name}", at);
        }
    }

    private bool IsMutable()
    {
        int at = reader.Position;
        return reader.Byte() switch
        {
            0 => false,
            1 => true,
            var b => throw new WasmFormatException($"invalid mutability 0x{b:x2}", at),
        };
    }

    private void ParseTable()
    {
        int at = reader.Position;
        if (reader.Byte() != 0x70)
        {
            throw WasmFormatException.Unsupported("tables of anything but functions", at);
        }

        int minimum = Limits("table");
        if (tables++ > 0)
        {
            throw WasmFormatException.Unsupported("more than one table", at);
        }

        if (minimum > MaxTableSlots)
        {
            throw WasmFormatException.Unsupported($"a table of more than {MaxTableSlots} slots ({minimum})", at);
        }
    }

    private void ParseMemory()
    {
        int at = reader.Position;
        module.InitialPages = Limits("memory");
        if (memories++ > 0)
        {
            throw WasmFormatException.Unsupported("more than one memory", at);
        }
    }

    private int tables;
    private int memories;

    /// <summary>The minimum of a table's or memory's limits. With flag 4 they, and addresses or indexes, have 64 bits; the maximum does not matter here.</summary>
    private int Limits(string what)
    {
        int at = reader.Position;
        uint flags = reader.U32();
        if ((flags & ~(LimitsHaveMaximum | LimitsAre64)) != 0)
        {
            throw WasmFormatException.Unsupported($"{what} limits 0x{flags:x} (shared, or of custom page size)", at);
        }

        module.IsMemory64 |= (flags & LimitsAre64) != 0;
        ulong minimum = reader.U64();
        if ((flags & LimitsHaveMaximum) != 0)
        {
            reader.U64();
        }

        return minimum <= int.MaxValue ? (int)minimum : throw new WasmFormatException($"{what} of {minimum} pages or slots", at);
    }

    private void ParseGlobal()
    {
        var type = reader.ValueType();
        bool mutable = IsMutable();
        module.Globals.Add(new WasmGlobal(type, mutable) { Initial = ParseConstant() });
    }

    private void ParseExport()
    {
        string name = reader.Name();
        int at = reader.Position;
        int kind = reader.Byte();
        if (kind > (int)ExternalKind.Global)
        {
            throw WasmFormatException.Unsupported($"export \"{name}\" of kind {kind}", at);
        }

        module.Exports.Add(new WasmExport(name, (ExternalKind)kind, reader.Index()));
    }

    private void ParseElement()
    {
        int at = reader.Position;
        uint flags = reader.U32();
        if (flags != 0)
        {
            throw WasmFormatException.Unsupported($"element segments with flags {flags} (passive, declarative or of expressions)", at);
        }

        var offset = ParseConstant();
        var functions = new int[reader.Count()];
        for (int i = 0; i < functions.Length; i++)
        {
            functions[i] = reader.Index();
        }

        module.Elements.Add(new ElementSegment(offset, functions, at));
    }

    private void ParseBody()
    {
        int size = reader.Count();
        module.Bodies.Add(new ByteRange(reader.Position, size));
        reader.Skip(size);
    }

    private void ParseData()
    {
        int at = reader.Position;
        uint flags = reader.U32();
        if (flags != 0)
        {
            throw WasmFormatException.Unsupported($"data segments with flags {flags} (passive or of another memory)", at);
        }

        var offset = ParseConstant();
        int size = reader.Count();
        module.Data.Add(new DataSegment(offset, new ByteRange(reader.Position, size)));
        reader.Skip(size);
    }
}
