using System.Text;
using Pocketgres.Installation;

namespace Pocketgres.Build.Modules;

/// <summary>A WebAssembly module to translate.</summary>
/// <param name="Name">Program name, or a library's file name without <c>.so</c>.</param>
/// <param name="Origin">Where the bytes come from, for messages.</param>
/// <param name="Bytes">The module.</param>
/// <param name="IsTest">Whether it is one of PostgreSQL's test modules, which lie in a directory of their own (<see cref="EngineArtifacts.TestModules"/>).</param>
internal sealed record ModuleSource(string Name, string Origin, ReadOnlyMemory<byte> Bytes, bool IsTest = false)
{
    /// <summary>Name of the translated assembly: the module's name in .NET's casing after <see cref="EngineArtifacts.AssemblyPrefix"/>.</summary>
    public string AssemblyName => EngineArtifacts.AssemblyPrefix + PascalCase(Name);

    // utf8_and_big5 -> Utf8AndBig5, uuid-ossp -> UuidOssp.
    private static string PascalCase(string name)
    {
        var result = new StringBuilder();
        bool upper = true;
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c))
            {
                upper = true;
                continue;
            }

            result.Append(upper ? char.ToUpperInvariant(c) : c);
            upper = false;
        }

        return result.Length > 0 ? result.ToString() : throw new BuildException($"module name \"{name}\" has no letters");
    }
}
