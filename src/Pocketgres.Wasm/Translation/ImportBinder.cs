using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Emit;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Decides what supplies each imported function: for side modules main's exports first (except those that are
/// the host's), then the module itself; then the host.
/// <c>invoke_*</c> imports and imports nothing supplies become generated methods ("thunks").
/// </summary>
internal sealed class ImportBinder
{
    /// <summary>The host function that code asks where a C++ exception arrives.</summary>
    private const string ThrownException = "pocket_thrown_exception";

    private readonly AssemblyEmitter emitter;
    private readonly TranslationOptions options;
    private readonly ModuleLinkage self;
    private readonly EntityHandle[] handles;
    private readonly Dictionary<int, HostFunction> behindThunks = [];

    public ImportBinder(AssemblyEmitter emitter, TranslationOptions options, ModuleLinkage self)
    {
        this.emitter = emitter;
        this.options = options;
        this.self = self;
        var module = options.Module;
        HasCppExceptions = module.FunctionImports.Any(i => i.Name == ThrownException);
        handles = new EntityHandle[module.FunctionImports.Count];
        for (int i = 0; i < handles.Length; i++)
        {
            var binding = Bind(i);
            Bindings.Add(binding);
            if (behindThunks.ContainsKey(i) || binding.Kind is ImportBindingKind.Invoke or ImportBindingKind.Unresolved)
            {
                handles[i] = MetadataTokens.MethodDefinitionHandle(module.Bodies.Count + Thunks.Count + 1);
                Thunks.Add(i);
            }
        }
    }

    /// <summary>How each imported function was bound, by index.</summary>
    public List<ImportBinding> Bindings { get; } = [];

    /// <summary>Imported functions that need a thunk; thunk k is method row <c>defined functions + k + 1</c>.</summary>
    public List<int> Thunks { get; } = [];

    /// <summary>The host function behind an imported function whose thunk takes the kernel's lock or converts what goes in and out; null: it has another thunk, or none.</summary>
    public HostFunction? Host(int import) => behindThunks.GetValueOrDefault(import);

    /// <summary>The functions of the module itself that imported functions are bound to.</summary>
    public Dictionary<int, int> OwnFunctions { get; } = [];

    /// <summary>The method an imported function is called by.</summary>
    public EntityHandle Handle(int import) => handles[import];

    /// <summary>A function that thunks call (<c>setThrew</c>): of main, or of the module itself if it is the main program.</summary>
    public EntityHandle ProgramFunction(string name, string signature, string neededBy)
    {
        var linkage = options.Main ?? self;
        if (!linkage.Exports.TryGetValue(name, out int index) || linkage.Module.TypeOf(index).Signature != signature)
        {
            throw new TranslationException($"{neededBy} needs the main program to export \"{name}\" with the signature {signature}");
        }

        return linkage == self ? Own(index) : MainMethod(index);
    }

    /// <summary>The imports of a side module that are these functions of the main program.</summary>
    public static HashSet<int> Imported(WasmModule module, ModuleLinkage main, IReadOnlySet<int> of) =>
        [.. Enumerable.Range(0, module.ImportedFunctionCount).Where(i => main.Exports.TryGetValue(module.FunctionImports[i].Name, out int f) && of.Contains(f))];

    /// <summary>emscripten's <c>invoke_*</c>: a call through the table that a longjmp may end.</summary>
    public static bool IsInvoke(string import) => import.StartsWith("invoke_", StringComparison.Ordinal);

    /// <summary>Whether the module has C++ code that catches exceptions. Others must not catch one: <c>setThrew(1, 0)</c> is nothing to code that knows of longjmp only, which would go on.</summary>
    public bool HasCppExceptions { get; }

    private ImportBinding Bind(int import)
    {
        var module = options.Module;
        var (from, name, _) = module.FunctionImports[import];
        string signature = module.TypeOf(import).Signature;
        ImportBinding Bound(ImportBindingKind kind, string target) => new(name, signature, kind, target);

        if (IsInvoke(name))
        {
            return signature.Length >= 2 && signature[1] == (module.IsMemory64 ? 'j' : 'i')
                ? Bound(ImportBindingKind.Invoke, "thunk")
                : throw new TranslationException($"import {name} has the signature {signature}: the first parameter must be the table index");
        }

        string? mismatch = null;
        if (options.Main is { } main)
        {
            string symbol = name switch
            {
                "setTempRet0" => "_emscripten_tempret_set",
                "getTempRet0" => "_emscripten_tempret_get",
                _ => name,
            };
            if (Export(main, symbol) is var index and >= 0)
            {
                if (Matches(main, index, signature, ref mismatch))
                {
                    handles[import] = MainMethod(index);
                    return Bound(ImportBindingKind.MainExport, $"{main.AssemblyName}!{main.MethodName(index)}");
                }
            }
            else if (Export(self, name) is var own and >= 0 && Matches(self, own, signature, ref mismatch))
            {
                handles[import] = Own(own);
                OwnFunctions[import] = own;
                return Bound(ImportBindingKind.Self, self.MethodName(own));
            }
        }

        if (mismatch is null && FindHost(name) is { } host)
        {
            if (host.Signature != signature && !IsAdaptable(host.Signature, signature))
            {
                throw new TranslationException($"import {from}.{name} has the signature {signature}, but host function {host.FullName} has {host.Signature}");
            }

            if (host.IsLocked || host.Signature != signature)
            {
                behindThunks[import] = host;
            }
            else
            {
                handles[import] = emitter.Method(host);
            }

            return Bound(ImportBindingKind.Host, host.FullName);
        }

        return Bound(ImportBindingKind.Unresolved, mismatch ?? (module.Weak.Contains(name) ? "weak" : "nothing supplies it"));
    }

    private HostFunction? FindHost(string name)
    {
        HostFunction? host;
        return (options.Module.IsMemory64 ? options.HostFunctions.TryGetMemory64(name, out host) : options.HostFunctions.TryGet(name, out host)) ? host : null;
    }

    /// <summary>
    /// Whether signatures differ only in that the host's function takes or returns the lower halves of addresses and sizes, or returns what the program does not ask for
    /// (emscripten's calls differ in that from version to version).
    /// </summary>
    private bool IsAdaptable(string host, string import)
    {
        if (!options.Module.IsMemory64 || host.Length != import.Length)
        {
            return false;
        }

        for (int i = import[0] == 'v' ? 1 : 0; i < host.Length; i++)
        {
            if (host[i] != import[i] && !(host[i] == 'i' && import[i] == 'j'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Index of a function a module defines and exports, or -1 (re-exported imports do not count).</summary>
    private static int Export(ModuleLinkage linkage, string name) =>
        linkage.Exports.TryGetValue(name, out int index) && linkage.Module.IsDefinedFunction(index) ? index : -1;

    private static bool Matches(ModuleLinkage linkage, int function, string signature, ref string? mismatch)
    {
        string actual = linkage.Module.TypeOf(function).Signature;
        if (actual == signature)
        {
            return true;
        }

        mismatch = $"{linkage.AssemblyName} exports it with the signature {actual}";
        return false;
    }

    private MethodDefinitionHandle Own(int function) =>
        MetadataTokens.MethodDefinitionHandle(function - options.Module.ImportedFunctionCount + 1);

    private MemberReferenceHandle MainMethod(int function)
    {
        var main = options.Main!;
        string type = ModuleContext.TypeName(function - main.Module.ImportedFunctionCount);
        return emitter.Method(main.AssemblyName, main.AssemblyVersion, main.AssemblyName, type, main.MethodName(function),
            main.Module.TypeOf(function).Signature);
    }
}
