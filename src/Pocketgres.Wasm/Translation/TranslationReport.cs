namespace Pocketgres.Wasm;

/// <summary>How an imported function was bound.</summary>
public enum ImportBindingKind
{
    /// <summary>To the main module's export of that name.</summary>
    MainExport,

    /// <summary>To the module's own export of that name.</summary>
    Self,

    /// <summary>To a host function.</summary>
    Host,

    /// <summary>To a generated <c>invoke_*</c> thunk, which catches longjmp.</summary>
    Invoke,

    /// <summary>To a global offset table slot, filled at load time.</summary>
    Got,

    /// <summary>To a slot the loader fills or the layout defines (memory base, table base, stack pointer).</summary>
    Base,

    /// <summary>To nothing: calling it raises <c>UnresolvedImportException</c>.</summary>
    Unresolved,
}

/// <summary>An import and what it was bound to.</summary>
/// <param name="Name">The import's name.</param>
/// <param name="Signature">Its signature; empty for globals.</param>
/// <param name="Kind">What supplies it.</param>
/// <param name="Target">The supplier in words, or why there is none.</param>
public sealed record ImportBinding(string Name, string Signature, ImportBindingKind Kind, string Target);

/// <summary>Size of one translated function.</summary>
/// <param name="Index">Function index.</param>
/// <param name="Name">Name of the emitted method.</param>
/// <param name="WasmBytes">Size of the WebAssembly body.</param>
/// <param name="ILBytes">Size of the method's IL (after splitting).</param>
/// <param name="Instructions">Number of IL instructions (after splitting).</param>
/// <param name="Blocks">Number of WebAssembly blocks and branch-table entries: a measure of basic blocks.</param>
/// <param name="OutlinedParts">Methods split off this function.</param>
public sealed record FunctionReport(int Index, string Name, int WasmBytes, int ILBytes, int Instructions, int Blocks, int OutlinedParts);

/// <summary>A patch that was applied.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Matches">How often its pattern matched.</param>
public sealed record PatchReport(string Name, int Matches);

/// <summary>How often an atomic instruction occurs.</summary>
/// <param name="Instructions">In all functions together.</param>
/// <param name="Functions">Functions that have it.</param>
public readonly record struct AtomicCount(int Instructions, int Functions);

/// <summary>What a translation did, for build logs.</summary>
public sealed class TranslationReport
{
    /// <summary>Number of functions translated.</summary>
    public required int Functions { get; init; }

    /// <summary>Number of exported functions, including those given by index.</summary>
    public required int ExportedFunctions { get; init; }

    /// <summary>Total size of WebAssembly bodies, bytes.</summary>
    public required long WasmBytes { get; init; }

    /// <summary>Total size of the functions' IL including outlined parts, bytes.</summary>
    public required long ILBytes { get; init; }

    /// <summary>The biggest functions, biggest first.</summary>
    public required IReadOnlyList<FunctionReport> Largest { get; init; }

    /// <summary>Functions that were split.</summary>
    public required IReadOnlyList<FunctionReport> Outlined { get; init; }

    /// <summary>Number of calls that are inlined on request.</summary>
    public required int InlinedCalls { get; init; }

    /// <summary>How often each of <see cref="AtomicInstructions.All"/> occurs that does.</summary>
    public required IReadOnlyDictionary<string, AtomicCount> Atomics { get; init; }

    /// <summary>Names of functions and of kinds of atomic instructions by the numbers that the checker of races has for them (<see cref="CodeVariant.CheckRaces"/>), else empty.</summary>
    public required IReadOnlyDictionary<int, string> RaceSites { get; init; }

    /// <summary>Every imported function and global and how it was bound.</summary>
    public required IReadOnlyList<ImportBinding> Imports { get; init; }

    /// <summary>Every patch and how often it matched.</summary>
    public required IReadOnlyList<PatchReport> Patches { get; init; }

    /// <summary>Number of functions that call through the table and therefore compare the stack pointer with a limit.</summary>
    public required int BoundedThroughTable { get; init; }

    /// <summary>Other functions that do, because they lie on cycles of direct calls.</summary>
    public required IReadOnlyList<string> BoundedInCycles { get; init; }

    /// <summary>Side modules: lowest offset used; the next module's <see cref="TranslationOptions.SideGlobalsTop"/>.</summary>
    public required int SideGlobalsBottom { get; init; }

    /// <summary>Names of imports nothing supplies.</summary>
    public IEnumerable<ImportBinding> Unresolved => Imports.Where(i => i.Kind == ImportBindingKind.Unresolved);
}
