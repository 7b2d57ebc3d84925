using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm;

/// <summary>What side modules must know of the main module they are bound to: its assembly and its exports, not its code.</summary>
public sealed class ModuleLinkage
{
    private readonly Dictionary<string, int> exports = new(StringComparer.Ordinal);
    private readonly string?[] names;

    private ModuleLinkage(WasmModule module, string assemblyName, Version assemblyVersion, IReadOnlyDictionary<string, int> exportsByIndex)
    {
        Module = module;
        AssemblyName = assemblyName;
        AssemblyVersion = assemblyVersion;
        names = new string?[module.FunctionCount];
        foreach (var e in module.Exports.Where(e => e.Kind == ExternalKind.Function))
        {
            exports[e.Name] = e.Index;
            names[e.Index] ??= e.Name;
        }

        foreach (var (name, index) in exportsByIndex.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            if (!module.IsDefinedFunction(index))
            {
                throw new TranslationException($"export \"{name}\" by index: the module defines no function {index}");
            }

            if (!exports.TryAdd(name, index) && exports[name] != index)
            {
                throw new TranslationException($"export \"{name}\" by index {index}: the module exports this name itself, as function {exports[name]}");
            }

            names[index] ??= name;
        }

        foreach (var (index, name) in module.FunctionNames)
        {
            if (index < names.Length)
            {
                names[index] ??= name;
            }
        }
    }

    /// <summary>Simple name of the assembly.</summary>
    public string AssemblyName { get; }

    /// <summary>Version of the assembly.</summary>
    public Version AssemblyVersion { get; }

    internal WasmModule Module { get; }

    internal IReadOnlyDictionary<string, int> Exports => exports;

    /// <summary>Functions that may call through the table without having compared the stack pointer, or call such: only where <see cref="TranslationOptions.Calls"/> were known.</summary>
    internal IReadOnlySet<int> Dispatching { get; set; } = new HashSet<int>();

    /// <summary>Describes a main module without translating it (when its assembly comes from a cache, and was translated without <see cref="TranslationOptions.Calls"/>).</summary>
    /// <param name="module">The module.</param>
    /// <param name="assemblyName">The name its assembly was given.</param>
    /// <param name="assemblyVersion">The version its assembly was given; 1.0.0.0 if null.</param>
    /// <param name="exportsByIndex">Its additional exports; the same as at translation.</param>
    public static ModuleLinkage Create(
        WasmModule module, string assemblyName, Version? assemblyVersion = null, IReadOnlyDictionary<string, int>? exportsByIndex = null) =>
        new(module, assemblyName, assemblyVersion ?? new Version(1, 0, 0, 0), exportsByIndex ?? new Dictionary<string, int>());

    /// <summary>Name that the module has for a function, or that of its method.</summary>
    internal string FunctionName(int function) => names[function] ?? MethodName(function);

    /// <summary>Name of the method a defined function becomes: its index, then its name if the module exports it or has a name section.</summary>
    internal string MethodName(int function) => names[function] is { } name ? $"f{function}_{name}" : $"f{function}";
}
