namespace Pocketgres.Wasm.Tests.Support;

/// <summary>Assembles modules. Imports must come before functions. Signatures: result letter, then parameter letters.</summary>
public sealed class WasmBuilder
{
    private readonly List<string> types = [];
    private readonly List<Action<ByteWriter>> imports = [];
    private readonly List<(int Type, string Locals, Code Body)> functions = [];
    private readonly List<Action<ByteWriter>> globals = [];
    private readonly List<(string Name, byte Kind, int Index)> exports = [];
    private readonly List<Action<ByteWriter>> elements = [];
    private readonly List<Action<ByteWriter>> data = [];
    private readonly List<(byte Id, byte[] Contents)> custom = [];
    private int importedFunctions;
    private int globalCount;
    private int start = -1;
    private ByteWriter? dylink;

    public int? TableSize { get; set; }

    public int? MemoryPages { get; set; } = 1;

    /// <summary>Memory and table have 64-bit addresses and indexes.</summary>
    public bool IsMemory64 { get; init; }

    public int Type(string signature)
    {
        int index = types.IndexOf(signature);
        if (index < 0)
        {
            types.Add(signature);
            index = types.Count - 1;
        }

        return index;
    }

    public int ImportFunction(string name, string signature, string module = "env")
    {
        Assert.Empty(functions);
        int type = Type(signature);
        imports.Add(w =>
        {
            w.Name(module);
            w.Name(name);
            w.Raw(0);
            w.U32(type);
        });
        return importedFunctions++;
    }

    public int ImportGlobal(string module, string name, bool mutable = false)
    {
        imports.Add(w =>
        {
            w.Name(module);
            w.Name(name);
            w.Raw(3, (byte)(IsMemory64 ? 0x7e : 0x7f), (byte)(mutable ? 1 : 0));
        });
        return globalCount++;
    }

    public int Function(string signature, Action<Code> body, string? export = null, string locals = "")
    {
        var code = new Code();
        body(code);
        code.Op(WasmOpcode.End);
        functions.Add((Type(signature), locals, code));
        int index = importedFunctions + functions.Count - 1;
        if (export is not null)
        {
            Export(export, index);
        }

        return index;
    }

    /// <summary>Kind 0 is a function, 2 the memory.</summary>
    public void Export(string name, int index, byte kind = 0) => exports.Add((name, kind, index));

    public int Global(char type, bool mutable, object value, string? export = null)
    {
        globals.Add(w =>
        {
            var init = new Code().Const(value).Op(WasmOpcode.End);
            w.Raw(ByteWriter.TypeCode(type), (byte)(mutable ? 1 : 0));
            w.Raw(init.ToArray());
        });
        if (export is not null)
        {
            exports.Add((export, 3, globalCount));
        }

        return globalCount++;
    }

    /// <summary>Functions at a constant slot, or relative to a global (the table base).</summary>
    public void Elements(int offset, int[] items, int? baseGlobal = null) => elements.Add(w =>
    {
        w.U32(0u);
        Offset(w, offset, baseGlobal);
        w.U32(items.Length);
        Array.ForEach(items, w.U32);
    });

    public void Data(int offset, byte[] contents, int? baseGlobal = null) => data.Add(w =>
    {
        w.U32(0u);
        Offset(w, offset, baseGlobal);
        w.U32(contents.Length);
        w.Raw(contents);
    });

    public void Start(int function) => start = function;

    public void Dylink(int memorySize, int memoryAlignment, int tableSize, string[]? needed = null, string[]? weak = null)
    {
        dylink = new ByteWriter();
        dylink.Name("dylink.0");
        var info = new ByteWriter();
        Array.ForEach([memorySize, memoryAlignment, tableSize, 0], info.U32);
        dylink.Raw(1);
        dylink.Sized(info);
        var libraries = new ByteWriter();
        libraries.U32(needed?.Length ?? 0);
        Array.ForEach(needed ?? [], libraries.Name);
        dylink.Raw(2);
        dylink.Sized(libraries);
        var flags = new ByteWriter();
        flags.U32(weak?.Length ?? 0);
        foreach (string name in weak ?? [])
        {
            flags.Name("env");
            flags.Name(name);
            flags.U32(1u);
        }

        dylink.Raw(4);
        dylink.Sized(flags);
    }

    /// <summary>A name section with names of functions.</summary>
    public void Names(params (int Function, string Name)[] names)
    {
        var functions = new ByteWriter();
        functions.U32(names.Length);
        foreach (var (function, name) in names)
        {
            functions.U32(function);
            functions.Name(name);
        }

        var contents = new ByteWriter();
        contents.Name("name");
        contents.Raw(1);
        contents.Sized(functions);
        Section(0, contents.ToArray());
    }

    /// <summary>Appends a section as it is.</summary>
    public void Section(byte id, params byte[] contents) => custom.Add((id, contents));

    public WasmModule Parse() => WasmModule.Parse(Build());

    public byte[] Build()
    {
        var module = new ByteWriter();
        module.Raw(0, (byte)'a', (byte)'s', (byte)'m', 1, 0, 0, 0);
        if (dylink is not null)
        {
            module.Raw(0);
            module.Sized(dylink);
        }

        Section(module, 1, types, (w, t) =>
        {
            w.Raw(0x60);
            w.U32(t.Length - 1);
            w.Raw([.. t.Skip(1).Select(ByteWriter.TypeCode)]);
            w.U32(t[0] == 'v' ? 0 : 1);
            if (t[0] != 'v')
            {
                w.Raw(ByteWriter.TypeCode(t[0]));
            }
        });
        Section(module, 2, imports, (w, i) => i(w));
        Section(module, 3, functions, (w, f) => w.U32(f.Type));
        Section(module, 4, TableSize is { } slots ? [slots] : Array.Empty<int>(), (w, n) =>
        {
            w.Raw(0x70, Limits);
            w.U32(n);
        });
        Section(module, 5, MemoryPages is { } pages ? [pages] : Array.Empty<int>(), (w, n) =>
        {
            w.Raw(Limits);
            w.U32(n);
        });
        Section(module, 6, globals, (w, g) => g(w));
        Section(module, 7, exports, (w, e) =>
        {
            w.Name(e.Name);
            w.Raw(e.Kind);
            w.U32(e.Index);
        });
        if (start >= 0)
        {
            var contents = new ByteWriter();
            contents.U32(start);
            module.Raw(8);
            module.Sized(contents);
        }

        Section(module, 9, elements, (w, e) => e(w));
        Section(module, 10, functions, (w, f) =>
        {
            var body = new ByteWriter();
            var runs = Runs(f.Locals);
            body.U32(runs.Count);
            foreach (var (letter, count) in runs)
            {
                body.U32(count);
                body.Raw(ByteWriter.TypeCode(letter));
            }

            body.Raw(f.Body.ToArray());
            w.Sized(body);
        });
        Section(module, 11, data, (w, d) => d(w));
        foreach (var (id, contents) in custom)
        {
            module.Raw(id);
            module.U32(contents.Length);
            module.Raw(contents);
        }

        return module.ToArray();
    }

    private byte Limits => (byte)(IsMemory64 ? 4 : 0);

    private static List<(char Letter, int Count)> Runs(string locals)
    {
        var runs = new List<(char Letter, int Count)>();
        foreach (char c in locals)
        {
            if (runs.Count > 0 && runs[^1].Letter == c)
            {
                runs[^1] = (c, runs[^1].Count + 1);
            }
            else
            {
                runs.Add((c, 1));
            }
        }

        return runs;
    }

    private void Offset(ByteWriter w, int offset, int? baseGlobal)
    {
        var code = new Code();
        if (baseGlobal is { } global)
        {
            code.Op(WasmOpcode.GlobalGet, global);
            if (offset != 0)
            {
                _ = IsMemory64 ? code.I64(offset).Op(WasmOpcode.I64Add) : code.I32(offset).Op(WasmOpcode.I32Add);
            }
        }
        else
        {
            _ = IsMemory64 ? code.I64(offset) : code.I32(offset);
        }

        w.Raw(code.Op(WasmOpcode.End).ToArray());
    }

    private static void Section<T>(ByteWriter module, byte id, IReadOnlyCollection<T> items, Action<ByteWriter, T> write)
    {
        if (items.Count == 0)
        {
            return;
        }

        var contents = new ByteWriter();
        contents.U32(items.Count);
        foreach (var item in items)
        {
            write(contents, item);
        }

        module.Raw(id);
        module.Sized(contents);
    }
}
