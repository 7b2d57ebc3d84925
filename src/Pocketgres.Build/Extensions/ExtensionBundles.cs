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
            var bundle = ExtensionBundle.Read(listed.File, package[listed.File]);
            ExtensionInfo[] entries = [.. catalog.Extensions.Where(e => e.Bundle == listed.File)];
            BundleCheck.Check(bundle, entries);
            bundles.Add(bundle.Without(entries.Where(e => !e.Enabled)));
        }

        return bundles;
    }
}
