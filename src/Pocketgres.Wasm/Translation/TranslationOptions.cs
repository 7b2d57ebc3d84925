using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm;

/// <summary>What to translate, and what it is linked to.</summary>
public sealed record TranslationOptions
{
    /// <summary>The module.</summary>
    public required WasmModule Module { get; init; }

    /// <summary>Simple name of the assembly to produce; also the namespace of its types.</summary>
    public required string AssemblyName { get; init; }

    /// <summary>Version of the assembly to produce; side modules are bound to their main module's version.</summary>
    public Version AssemblyVersion { get; init; } = new(1, 0, 0, 0);

    /// <summary>The main program a side module is bound to: <see cref="TranslatedModule.Linkage"/> or <see cref="ModuleLinkage.Create"/>.</summary>
    public ModuleLinkage? Main { get; init; }

    /// <summary>Host functions that imports and patches may use.</summary>
    public HostFunctions HostFunctions { get; init; } = HostFunctions.Empty;

    /// <summary>Changes to make to the module.</summary>
    public ModulePatches? Patches { get; init; }

    /// <summary>
    /// Additional exports of a main program, name to function index: symbols it contains but does not export. They appear in the
    /// manifest and satisfy side modules' imports.
    /// </summary>
    public IReadOnlyDictionary<string, int> ExportsByIndex { get; init; } = new Dictionary<string, int>();

    /// <summary>What bounds recursion. A side module gets its main program's.</summary>
    public RecursionFacts Recursion { get; init; } = RecursionFacts.None;

    /// <summary>
    /// How often functions of a main program are called in a run that stands for its use, by the names of their methods. Where a choice is left, those that are called
    /// often compare no stack pointers. Empty: nothing is known.
    /// </summary>
    public IReadOnlyDictionary<string, long> Calls { get; init; } = new Dictionary<string, long>();

    /// <summary>What makes the program interruptible. A side module gets its main program's.</summary>
    public InterruptFacts Interrupts { get; init; } = InterruptFacts.None;

    /// <summary>How the code differs from the usual one, for finding faults.</summary>
    public CodeVariant Variant { get; init; } = CodeVariant.None;

    /// <summary>
    /// Side modules: the offset (negative) below which this module's globals are laid out. Pass the previous module's
    /// <see cref="TranslationReport.SideGlobalsBottom"/>, so that any set of modules can be loaded together.
    /// </summary>
    public int SideGlobalsTop { get; init; } = InstanceLayout.SideGlobalsHigh;

    /// <summary>
    /// Calls to inline, out of <see cref="TranslatedModule.Calls"/> of a translation of the same module without any: those that a profile shows to be hot.
    /// Nothing else in the IL changes.
    /// </summary>
    public IReadOnlySet<CallSite> Inlined { get; init; } = new HashSet<CallSite>();

    /// <summary>
    /// Indexes of functions that are never split, however big. Splitting costs speed; it is only a gain for cold giants. Others are split when
    /// they exceed what the JIT optimises (60,000 bytes of IL, 20,000 instructions, 2,000 basic blocks).
    /// </summary>
    public IReadOnlySet<int> KeepWhole { get; init; } = new HashSet<int>();
}
