using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm;

/// <summary>
/// A WebAssembly module as read from its binary form. Function bodies are not decoded before translation, and the module is not
/// validated against the type system: an ill-typed body makes translation fail or yields invalid IL, never silently wrong code.
/// </summary>
public sealed class WasmModule
{
    internal WasmModule(byte[] bytes) => Bytes = bytes;

    /// <summary>Number of imported functions; indexes below it are imports.</summary>
    public int ImportedFunctionCount => FunctionImports.Count;

    /// <summary>Number of functions the module defines.</summary>
    public int DefinedFunctionCount => Bodies.Count;

    /// <summary>True for a module that is placed at load time (imports <c>__memory_base</c> or <c>__table_base</c>): a side module (.so).</summary>
    public bool IsSideModule { get; internal set; }

    /// <summary>Bytes of static data a side module needs.</summary>
    public int MemorySize { get; internal set; }

    /// <summary>log2 of the alignment of that data.</summary>
    public int MemoryAlignment { get; internal set; }

    /// <summary>Table slots a side module needs.</summary>
    public int TableSize { get; internal set; }

    /// <summary>Shared libraries named as needed.</summary>
    public IReadOnlyList<string> Needed => NeededLibraries;

    /// <summary>Names of imports whose symbols are weak: they may stay unresolved.</summary>
    public IReadOnlySet<string> WeakImports => Weak;

    /// <summary>Names under which the module exports functions.</summary>
    public IEnumerable<string> ExportedFunctions => Exports.Where(e => e.Kind == ExternalKind.Function).Select(e => e.Name);

    /// <summary>Initial size of the module's memory in 64 KiB pages.</summary>
    public int InitialPages { get; internal set; }

    /// <summary>True if addresses and table indexes have 64 bits (memory64 proposal).</summary>
    public bool IsMemory64 { get; internal set; }

    /// <summary>Index of the start function, or -1.</summary>
    public int StartFunction { get; internal set; } = -1;

    internal byte[] Bytes { get; }

    internal List<FunctionType> Types { get; } = [];

    internal List<FunctionImport> FunctionImports { get; } = [];

    internal List<int> FunctionTypes { get; } = [];

    internal List<WasmGlobal> Globals { get; } = [];

    internal List<WasmExport> Exports { get; } = [];

    internal List<ElementSegment> Elements { get; } = [];

    internal List<DataSegment> Data { get; } = [];

    internal List<ByteRange> Bodies { get; } = [];

    internal List<string> NeededLibraries { get; } = [];

    internal Dictionary<int, string> FunctionNames { get; } = [];

    internal HashSet<string> Weak { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads a module.</summary>
    /// <exception cref="WasmFormatException">The bytes are not a module, are damaged, or use an unsupported feature.</exception>
    public static WasmModule Parse(ReadOnlyMemory<byte> bytes) => new WasmModuleParser(bytes.ToArray()).Parse();

    /// <summary>A function's signature: result letter (v, i, j, f, d), then parameter letters.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No function has this index.</exception>
    public string FunctionSignature(int index) => TypeOf(index).Signature;

    /// <summary>Index of the function exported by this name, or -1.</summary>
    public int FindExport(string name) => Exports.Find(e => e.Kind == ExternalKind.Function && e.Name == name)?.Index ?? -1;

    /// <summary>
    /// Index of the defined function of this name: an exported one, or else one that the name section names. Static functions of several C files may share a name.
    /// </summary>
    /// <exception cref="PatchException">There is no such function, or more than one.</exception>
    public int FindFunction(string name)
    {
        if (FindExport(name) is var exported && IsDefinedFunction(exported))
        {
            return exported;
        }

        int[] named = [.. FunctionNames.Where(f => f.Value == name && IsDefinedFunction(f.Key)).Select(f => f.Key)];
        return named.Length == 1
            ? named[0]
            : throw new PatchException([named.Length == 0
                ? $"the module has no function {name}"
                : $"the module has {named.Length} functions {name}: {string.Join(", ", named)}"]);
    }

    /// <summary>Indexes of the defined functions whose name in the name section has a property, in order.</summary>
    public IEnumerable<int> FunctionsNamed(Func<string, bool> property) =>
        FunctionNames.Where(f => IsDefinedFunction(f.Key) && property(f.Value)).Select(f => f.Key).Order();

    /// <summary>Address of the variable exported by this name.</summary>
    /// <exception cref="PatchException">The module exports no such variable.</exception>
    public long FindVariable(string name) =>
        Exports.Find(e => e.Kind == ExternalKind.Global && e.Name == name) is { } export && Globals[export.Index] is { Mutable: false, IsImported: false } global
            ? global.Initial.Value
            : throw new PatchException([$"the module exports no variable {name}"]);

    internal int FunctionCount => FunctionImports.Count + Bodies.Count;

    internal bool IsDefinedFunction(int index) => index >= FunctionImports.Count && index < FunctionCount;

    internal FunctionType TypeOf(int function)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(function);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(function, FunctionCount);
        int imports = FunctionImports.Count;
        return Types[function < imports ? FunctionImports[function].Type : FunctionTypes[function - imports]];
    }
}
