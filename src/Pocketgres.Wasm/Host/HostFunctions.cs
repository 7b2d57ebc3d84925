using System.Diagnostics.CodeAnalysis;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text;
using Pocketgres.Wasm.Host;

namespace Pocketgres.Wasm;

/// <summary>The host functions that imports and patches are bound to, by name.</summary>
public sealed class HostFunctions
{
    private readonly SortedDictionary<string, HostFunction> functions = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, HostFunction> functions64 = new(StringComparer.Ordinal);

    private HostFunctions()
    {
    }

    /// <summary>No host functions at all.</summary>
    public static HostFunctions Empty { get; } = new();

    /// <summary>Every function, ordered by name; those for programs of 64-bit addresses only come last.</summary>
    public IReadOnlyCollection<HostFunction> All => [.. functions.Values, .. functions64.Values];

    /// <summary>
    /// SHA-256 (hex) over names, types and signatures: changes, also by how they are locked, when translated code would have to be translated again. The methods'
    /// bodies do not matter.
    /// </summary>
    public string Fingerprint
    {
        get
        {
            var text = new StringBuilder();
            foreach (var f in All)
            {
                text.Append(f.Name).Append('\t').Append(f.AssemblyName).Append('\t').Append(f.AssemblyVersion).Append('\t')
                    .Append(f.FullName).Append('\t').Append(f.Signature).Append(f.IsLocked ? "\tlocked\n" : "\n");
            }

            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>Reads the <c>[HostFunction("name")]</c> marks of compiled assemblies from their metadata, without loading them.</summary>
    /// <exception cref="TranslationException">
    /// Two methods claim one name, or a marked method is not callable from translated code: it must be public and static, in public
    /// types, not generic, with <c>byte*</c> first and int, long, float or double after it.
    /// </exception>
    public static HostFunctions Load(IEnumerable<string> assemblyPaths)
    {
        var result = new HostFunctions();
        foreach (string path in assemblyPaths)
        {
            using var pe = new PEReader(File.OpenRead(path));
            foreach (var f in new HostFunctionScanner(pe.GetMetadataReader()).Scan())
            {
                var functions = f.IsMemory64 ? result.functions64 : result.functions;
                if (!functions.TryAdd(f.Name, f))
                {
                    throw new TranslationException($"host function \"{f.Name}\" is declared twice: by {functions[f.Name].FullName} and by {f.FullName}");
                }
            }
        }

        return result;
    }

    /// <summary>Finds the host function for an import of a program of 64-bit addresses: one that is for such programs only, or else one that is for all.</summary>
    public bool TryGetMemory64(string name, [NotNullWhen(true)] out HostFunction? function) =>
        functions64.TryGetValue(name, out function) || functions.TryGetValue(name, out function);

    /// <summary>Finds a host function.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out HostFunction? function) => functions.TryGetValue(name, out function);
}
