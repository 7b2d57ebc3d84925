using System.Buffers.Binary;
using System.Text;

namespace Pocketgres.Wasm.Abi;

/// <summary>
/// What the kernel must know of a translated module beside its code: written by the translator next to the assembly,
/// read by the dynamic linker. The binary form is private to one build: reader and writer are this one file.
/// </summary>
internal sealed class ModuleManifest
{
    private const uint Magic = 0x354D5047; // "GPM5"
    private const int FirstByte = 8;

    /// <summary>Simple name of the translated assembly, also the namespace of its types.</summary>
    public required string AssemblyName { get; init; }

    /// <summary>True for a dylink side module (.so), false for a main program.</summary>
    public bool IsSideModule { get; init; }

    /// <summary>True for a program of 64-bit addresses.</summary>
    public bool IsMemory64 { get; init; }

    /// <summary>Number of imported functions; defined function f has MethodDef row <c>f - ImportedFunctions + 1</c>.</summary>
    public int ImportedFunctions { get; init; }

    /// <summary>Number of defined functions.</summary>
    public int DefinedFunctions { get; init; }

    /// <summary>Static data a side module needs (dylink.0), bytes.</summary>
    public int MemorySize { get; init; }

    /// <summary>log2 of the alignment of that data.</summary>
    public int MemoryAlignment { get; init; }

    /// <summary>Table slots a side module needs (dylink.0).</summary>
    public int TableSize { get; init; }

    /// <summary>One past the highest table slot the element segments fill (main: absolute; side: relative to its table base).</summary>
    public int TableEnd { get; init; }

    /// <summary>Initial size of linear memory in 64 KiB pages (main only).</summary>
    public int InitialPages { get; init; }

    /// <summary>Where in linear memory the memory image begins: a program's stack before it is zeros, which are not stored. Side modules: 0.</summary>
    public int MemoryStart { get; init; }

    /// <summary>Function index of the start function, or -1.</summary>
    public int StartFunction { get; init; } = -1;

    /// <summary>Number of <c>Init.T0..Tn(byte* firstSlot)</c> methods that fill the table.</summary>
    public int TableParts { get; init; }

    /// <summary>MethodDef row of <c>Init.T0</c>; the others follow.</summary>
    public int TableRow { get; init; }

    /// <summary>Side module: offsets of the slots that receive the memory base and the table base.</summary>
    public int MemoryBaseSlot { get; init; }

    /// <inheritdoc cref="MemoryBaseSlot"/>
    public int TableBaseSlot { get; init; }

    /// <summary>Exported functions by name.</summary>
    public required IReadOnlyDictionary<string, FunctionExport> Functions { get; init; }

    /// <summary>Exported globals that hold addresses of C variables: main absolute, side relative to its memory base.</summary>
    public required IReadOnlyDictionary<string, int> Variables { get; init; }

    /// <summary>Initial values of mutable globals, by slot.</summary>
    public List<GlobalInit> Globals { get; } = [];

    /// <summary>Global offset table entries a side module imports.</summary>
    public List<GotEntry> Got { get; } = [];

    /// <summary>Shared libraries a side module names as needed.</summary>
    public List<string> Needed { get; } = [];

    /// <summary>Imports that nothing supplies; calling one raises <c>UnresolvedImportException</c> with the name.</summary>
    public List<string> Unresolved { get; } = [];

    /// <summary>An exported function: its index, its table slot (relative for side modules) or -1.</summary>
    public readonly record struct FunctionExport(int Index, int TableSlot);

    /// <summary>Initial value of a mutable global; <paramref name="Is64"/> for i64 and f64.</summary>
    public sealed record GlobalInit(int Slot, bool Is64, long Value);

    /// <summary>A GOT.mem or GOT.func import: the slot to fill with the address or table index of the named symbol.</summary>
    public sealed record GotEntry(int Slot, bool IsFunction, string Name, bool Weak);

    /// <summary>Writes the manifest: the length of what comes first, that, and the tables of functions and variables.</summary>
    public void Save(Stream stream)
    {
        var head = new MemoryStream();
        using (var w = new BinaryWriter(head, Encoding.UTF8, leaveOpen: true))
        {
            WriteHead(w);
        }

        using var all = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        all.Write(Magic);
        all.Write((int)head.Length);
        all.Write(head.ToArray());
        all.Write(SymbolTable<FunctionExport>.Encode(Functions, static (w, f) =>
        {
            w.Write(f.Index);
            w.Write(f.TableSlot);
        }));
        all.Write(SymbolTable<int>.Encode(Variables, static (w, value) => w.Write(value)));
    }

    /// <summary>Reads a manifest written by <see cref="Save"/>.</summary>
    /// <param name="read">Reads its bytes: now, and whenever a symbol is looked up that nobody has asked for before.</param>
    /// <exception cref="InvalidDataException">It is not a manifest of this build.</exception>
    public static ModuleManifest Load(ReadAt read)
    {
        Span<byte> first = stackalloc byte[FirstByte];
        read(0, first);
        if (BinaryPrimitives.ReadUInt32LittleEndian(first) != Magic)
        {
            throw new InvalidDataException("not a module manifest of this version: rebuild the translated modules");
        }

        byte[] head = new byte[BinaryPrimitives.ReadInt32LittleEndian(first[sizeof(uint)..])];
        read(FirstByte, head);
        long start = FirstByte + head.Length;
        var functions = new SymbolTable<FunctionExport>(read, start, 2 * sizeof(int), static f =>
            new FunctionExport(BinaryPrimitives.ReadInt32LittleEndian(f), BinaryPrimitives.ReadInt32LittleEndian(f[sizeof(int)..])));
        var variables = new SymbolTable<int>(read, start + functions.Length, sizeof(int), static v => BinaryPrimitives.ReadInt32LittleEndian(v));
        using var r = new BinaryReader(new MemoryStream(head));
        return ReadHead(r, functions, variables);
    }

    private void WriteHead(BinaryWriter w)
    {
        w.Write(AssemblyName);
        w.Write(IsSideModule);
        w.Write(IsMemory64);
        foreach (int v in (ReadOnlySpan<int>)[ImportedFunctions, DefinedFunctions, MemorySize, MemoryAlignment, TableSize, TableEnd,
            InitialPages, MemoryStart, StartFunction, TableParts, TableRow, MemoryBaseSlot, TableBaseSlot])
        {
            w.Write(v);
        }

        w.Write(Globals.Count);
        foreach (var g in Globals)
        {
            w.Write(g.Slot);
            w.Write(g.Is64);
            w.Write(g.Value);
        }

        w.Write(Got.Count);
        foreach (var g in Got)
        {
            w.Write(g.Slot);
            w.Write(g.IsFunction);
            w.Write(g.Name);
            w.Write(g.Weak);
        }

        foreach (var list in (List<string>[])[Needed, Unresolved])
        {
            w.Write(list.Count);
            list.ForEach(w.Write);
        }
    }

    private static ModuleManifest ReadHead(BinaryReader r, SymbolTable<FunctionExport> functions, SymbolTable<int> variables)
    {
        var m = new ModuleManifest
        {
            AssemblyName = r.ReadString(),
            IsSideModule = r.ReadBoolean(),
            IsMemory64 = r.ReadBoolean(),
            ImportedFunctions = r.ReadInt32(),
            DefinedFunctions = r.ReadInt32(),
            MemorySize = r.ReadInt32(),
            MemoryAlignment = r.ReadInt32(),
            TableSize = r.ReadInt32(),
            TableEnd = r.ReadInt32(),
            InitialPages = r.ReadInt32(),
            MemoryStart = r.ReadInt32(),
            StartFunction = r.ReadInt32(),
            TableParts = r.ReadInt32(),
            TableRow = r.ReadInt32(),
            MemoryBaseSlot = r.ReadInt32(),
            TableBaseSlot = r.ReadInt32(),
            Functions = functions,
            Variables = variables,
        };
        for (int n = r.ReadInt32(); n > 0; n--)
        {
            m.Globals.Add(new GlobalInit(r.ReadInt32(), r.ReadBoolean(), r.ReadInt64()));
        }

        for (int n = r.ReadInt32(); n > 0; n--)
        {
            m.Got.Add(new GotEntry(r.ReadInt32(), r.ReadBoolean(), r.ReadString(), r.ReadBoolean()));
        }

        foreach (var list in (List<string>[])[m.Needed, m.Unresolved])
        {
            for (int n = r.ReadInt32(); n > 0; n--)
            {
                list.Add(r.ReadString());
            }
        }

        return m;
    }
}
