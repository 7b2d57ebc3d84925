using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Emit;
using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Translation;

namespace Pocketgres.Wasm;

/// <summary>What the translation of every function of one module shares.</summary>
internal sealed class ModuleContext(AssemblyEmitter emitter, WasmModule module, ModuleLinkage linkage, ImportBinder imports, GlobalLayout globals, PatchPlan patches,
    PrivateCodePlan privateCode, RecursionPlan recursion, IReadOnlySet<CallSite> inlined, HostFunction? memoryGrow, HostFunctions hosts)
{
    /// <summary>Name of the type that holds methods split off functions.</summary>
    public const string OutlinedType = "Outlined";

    /// <summary>Methods per type: a type with all 13,725 of them loads slowly.</summary>
    public const int MethodsPerType = 1000;

    public AssemblyEmitter Emitter { get; } = emitter;

    public WasmModule Module { get; } = module;

    public ModuleLinkage Linkage { get; } = linkage;

    public ImportBinder Imports { get; } = imports;

    public GlobalLayout Globals { get; } = globals;

    public PatchPlan Patches { get; } = patches;

    public PrivateCodePlan PrivateCode { get; } = privateCode;

    public RecursionPlan Recursion { get; } = recursion;

    public InliningPlan Inlining { get; } = new(module, inlined, module.DefinedFunctionCount + imports.Thunks.Count + 1);

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

    /// <summary>Row of the next outlined method: rows are defined functions, thunks, inlined functions, outlined methods, table initialisers.</summary>
    public int NextOutlinedRow => Module.DefinedFunctionCount + Imports.Thunks.Count + Inlining.Functions.Count + Outlined.Count + 1;

    /// <summary>Name of a method that is split off a function.</summary>
    public string OutlinedName(int function, int part) => $"{Linkage.MethodName(function)}_part{part}";

    /// <summary>Name of a method with its namespace and type.</summary>
    public string FullName(string type, string method) => $"{Linkage.AssemblyName}.{type}.{method}";

    /// <summary>Name of the type that holds a defined function, counted without imports.</summary>
    public static string TypeName(int definedIndex) => $"F{definedIndex / MethodsPerType}";

    /// <summary>The method whose address stands in the table. A host function takes no lock: its forwarding method does, if that is needed.</summary>
    public EntityHandle TableEntry(int index) =>
        PrivateCode.TakesLockAtEntry(index) && Module.IsDefinedFunction(index)
            ? MetadataTokens.MethodDefinitionHandle(index - Module.ImportedFunctionCount + 1)
            : Function(index);

    /// <summary>The method to call for a function index.</summary>
    public EntityHandle Function(int index)
    {
        int defined = index - Module.ImportedFunctionCount;
        if (defined < 0)
        {
            return Imports.Handle(index);
        }

        return Patches.For(index)?.Replacement is { } host ? Emitter.Method(host) : MetadataTokens.MethodDefinitionHandle(defined + 1);
    }
}
