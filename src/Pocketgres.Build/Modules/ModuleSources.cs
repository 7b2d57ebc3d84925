using Pocketgres.Build.Extensions;
using Pocketgres.Build.Package;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Modules;

/// <summary>Everything that is translated: programs and shared libraries. Extensions included.</summary>
internal sealed class ModuleSources
{
    private const string LibraryExtension = ".so";

    private ModuleSources(ModuleSource postgres, IReadOnlyList<ModuleSource> programs, IReadOnlyList<ModuleSource> libraries)
    {
        Postgres = postgres;
        Programs = programs;
        Libraries = libraries;
    }

    /// <summary>The server program.</summary>
    public ModuleSource Postgres { get; }

    /// <summary>The other programs, ordered by name.</summary>
    public IReadOnlyList<ModuleSource> Programs { get; }

    /// <summary>All of them.</summary>
    public IEnumerable<ModuleSource> All => [Postgres, .. Programs, .. Libraries];

    /// <summary>The shared libraries, ordered by name so that translation is deterministic; those of add-ons last, so that they change nothing for others.</summary>
    public IReadOnlyList<ModuleSource> Libraries { get; }

    /// <summary>Collects the modules of the npm package.</summary>
    /// <exception cref="BuildException">Two modules would become one assembly.</exception>
    public static ModuleSources From(PackageFiles package, IReadOnlyList<DataIndex.Entry> index, IEnumerable<ExtensionBundle> bundles) => Create(
        new ModuleSource("postgres", PglitePackage.PostgresWasm, package[PglitePackage.PostgresWasm]),
        [new ModuleSource("initdb", PglitePackage.InitdbWasm, package[PglitePackage.InitdbWasm])],
        index.Where(e => IsLibrary(e.Path)).Select(e => new ModuleSource(
            Path.GetFileNameWithoutExtension(e.Path), $"{PglitePackage.Data}:{e.Path}", package[PglitePackage.Data].AsMemory(e.Start, e.Length)))
            .Concat(bundles.SelectMany(b => b.Libraries.Select(f => new ModuleSource(
                Path.GetFileNameWithoutExtension(f.Path), $"{b.FileName}:{f.Path}", f.Content, b.AddOn)))));

    /// <summary>As <see cref="From"/>, from given modules.</summary>
    public static ModuleSources Create(ModuleSource postgres, IEnumerable<ModuleSource> programs, IEnumerable<ModuleSource> libraries)
    {
        var sources = new ModuleSources(postgres, [.. programs.OrderBy(p => p.Name, StringComparer.Ordinal)], [.. libraries.OrderBy(l => l.AddOn, StringComparer.Ordinal).ThenBy(l => l.Name, StringComparer.Ordinal)]);
        foreach (var same in sources.All.GroupBy(m => m.AssemblyName, StringComparer.OrdinalIgnoreCase))
        {
            if (same.Count() > 1)
            {
                throw new BuildException($"{string.Join(" and ", same.Select(m => m.Origin))} would both become the assembly {same.Key}");
            }
        }

        return sources;
    }

    /// <summary>True for the path of a shared library.</summary>
    public static bool IsLibrary(string path) => path.EndsWith(LibraryExtension, StringComparison.Ordinal);
}
