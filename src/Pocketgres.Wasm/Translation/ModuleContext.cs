using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Emit;
using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Translation;

namespace Pocketgres.Wasm;

/// <summary>What the translation of every function of one module shares.</summary>
internal sealed class ModuleContext(AssemblyEmitter emitter, WasmModule module, ModuleLinkage linkage, ImportBinder imports, GlobalLayout globals, PatchPlan patches,
    RecursionPlan recursion, InterruptPlan interrupts, IReadOnlySet<CallSite> inlined, HostFunction? memoryGrow, HostFunctions hosts, CodeVariant variant)
{
    /// <summary>Name of the type that holds methods split off functions.</summary>
    public const string OutlinedType = "Outlined";

    /// <summary>Methods per type: a type with all 13,725 of them loads slowly.</summary>
    public const int MethodsPerType = 1000;

    private InliningPlan? inlining; // needs the rows before it

    public AssemblyEmitter Emitter { get; } = emitter;

    public WasmModule Module { get; } = module;

    public ModuleLinkage Linkage { get; } = linkage;

    public ImportBinder Imports { get; } = imports;

    public GlobalLayout Globals { get; } = globals;

    public PatchPlan Patches { get; } = patches;

    public RecursionPlan Recursion { get; } = recursion;

    public InterruptPlan Interrupts { get; } = interrupts;

    /// <summary>Methods that take the kernel's lock around host functions.</summary>
    public LockedMethods Locked { get; } = new(emitter, patches.Locked.Concat(HostInstructions(memoryGrow, hosts)), module.DefinedFunctionCount + imports.Thunks.Count + 1);

    public InliningPlan Inlining => inlining ??= new(Module, inlined, FirstInlinedRow);

    /// <summary>See <see cref="TranslationOptions.Variant"/>.</summary>
    public CodeVariant Variant { get; } = variant;

    /// <summary>The host function behind the <c>memory.grow</c> instruction, if there is one.</summary>
    public HostFunction? MemoryGrow { get; } = memoryGrow;

    /// <summary>The host function behind a wait or a notify.</summary>
    public HostFunction AtomicHost(WasmOpcode op)
    {
        var (name, signature) = op switch
        {
            WasmOpcode.AtomicNotify => ("memory.atomic.notify", "iii"),
            WasmOpcode.AtomicWait32 => ("memory.atomic.wait32", "iiij"),
            _ => ("memory.atomic.wait64", "iijj"),
        };
        return hosts.TryGet(name, out var host) && host.Signature == signature
            ? host
            : throw new TranslationException($"the module uses {name}, but there is no host function \"{name}\" with the signature {signature}");
    }

    /// <summary>Methods split off the functions translated so far, in row order.</summary>
    public List<(string Name, OutlinedMethod Method)> Outlined { get; } = [];

    /// <summary>Row of the first method that exists to be inlined: rows are defined functions, thunks, locked methods, inlined functions, outlined methods, table initialisers.</summary>
    public int FirstInlinedRow => Locked.FirstRow + Locked.Hosts.Count;

    /// <summary>Row of the next outlined method.</summary>
    public int NextOutlinedRow => FirstInlinedRow + Inlining.Functions.Count + Outlined.Count;

    /// <summary>Name of a method that is split off a function.</summary>
    public string OutlinedName(int function, int part) => $"{Linkage.MethodName(function)}_part{part}";

    /// <summary>Name of a method with its namespace and type.</summary>
    public string FullName(string type, string method) => $"{Linkage.AssemblyName}.{type}.{method}";

    /// <summary>Name of a defined function's method with its type.</summary>
    public static string FullName(ModuleLinkage linkage, int function) =>
        $"{linkage.AssemblyName}.{TypeName(function - linkage.Module.ImportedFunctionCount)}.{linkage.MethodName(function)}";

    /// <summary>Name of the type that holds a defined function, counted without imports.</summary>
    public static string TypeName(int definedIndex) => $"F{definedIndex / MethodsPerType}";

    /// <summary>The method to call for a function index.</summary>
    public EntityHandle Function(int index)
    {
        int defined = index - Module.ImportedFunctionCount;
        if (defined < 0)
        {
            return Imports.Handle(index);
        }

        return Patches.For(index)?.Replacement is { } host ? Locked.Method(host) : MetadataTokens.MethodDefinitionHandle(defined + 1);
    }

    // The host functions behind instructions.
    private static IEnumerable<HostFunction> HostInstructions(HostFunction? memoryGrow, HostFunctions hosts) =>
        hosts.All.Where(h => h.IsLocked && (h == memoryGrow || h.Name.StartsWith("memory.atomic.", StringComparison.Ordinal)));
}
