using Pocketgres.Build.Modules;
using Pocketgres.Build.Package;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>The bundles that are shipped, compared with the catalog.</summary>
internal static class ExtensionBundles
{
    /// <summary>Reads the bundles with at least one enabled extension; an extension that is not enabled is left out.</summary>
    /// <exception cref="BuildException">Bundle and catalog disagree.</exception>
    public static IReadOnlyList<ExtensionBundle> Read(PackageFiles package)
    {
        var catalog = ExtensionCatalog.Load();
        var bundles = new List<ExtensionBundle>();
        foreach (var listed in catalog.Bundles)
        {
            ExtensionInfo[] entries = [.. catalog.Extensions.Where(e => e.Bundle == listed.File)];
            var bundle = ExtensionBundle.Read(listed.File, package[listed.File], listed.AddOn, [.. entries.SelectMany(e => e.DataDirectories)]);
            BundleCheck.Check(bundle, entries);
            bundles.Add(bundle.Without(entries.Where(e => !e.Enabled)));
        }

        return bundles;
    }

    /// <summary>Makes sure that what the catalog calls enabled can be loaded.</summary>
    /// <exception cref="BuildException">A library of an enabled extension imports something that nothing supplies.</exception>
    public static void RequireResolved(IEnumerable<EngineTranslator.Result> modules)
    {
        var enabled = ExtensionCatalog.Load().Extensions.Where(e => e.Enabled).SelectMany(e => e.Libraries).ToHashSet(StringComparer.Ordinal);
        string[] problems = [.. modules.Where(m => enabled.Contains(m.Source.Name) && m.Report.Unresolved.Any())
            .Select(m => $"{m.Source.Name} imports {string.Join(", ", m.Report.Unresolved.Select(i => i.Name))}")];
        if (problems.Length > 0)
        {
            throw new BuildException(
                $"libraries of enabled extensions import what nothing supplies: {string.Join("; ", problems)}; supply it, or disable the extension with the reason");
        }
    }
}
