namespace Pocketgres.Build.Modules;

/// <summary>Everything that is translated: programs and shared libraries. Extensions included.</summary>
internal sealed class ModuleSources
{
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

    /// <summary>The shared libraries, ordered by name so that translation is deterministic; test modules last, so that they change nothing for others.</summary>
    public IReadOnlyList<ModuleSource> Libraries { get; }

    /// <summary>Orders modules.</summary>
    /// <exception cref="BuildException">Two of them would become one assembly.</exception>
    public static ModuleSources Create(ModuleSource postgres, IEnumerable<ModuleSource> programs, IEnumerable<ModuleSource> libraries)
    {
        var sources = new ModuleSources(postgres, [.. programs.OrderBy(p => p.Name, StringComparer.Ordinal)], [.. libraries.OrderBy(l => l.IsTest).ThenBy(l => l.Name, StringComparer.Ordinal)]);
        foreach (var same in sources.All.GroupBy(m => m.AssemblyName, StringComparer.OrdinalIgnoreCase))
        {
            if (same.Count() > 1)
            {
                throw new BuildException($"{string.Join(" and ", same.Select(m => m.Origin))} would both become the assembly {same.Key}");
            }
        }

        return sources;
    }
}
