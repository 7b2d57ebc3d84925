using Pocketgres.Pglite;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Package;

/// <summary>An npm package that the build reads files of.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The exact version.</param>
/// <param name="OverrideVariable">Environment variable with a ready tarball or unpacked directory, for machines without npm or network.</param>
/// <param name="Sha256">SHA-256 of every file that is read, by name within <c>dist</c>.</param>
internal sealed record NpmPackage(string Name, string Version, string OverrideVariable, IReadOnlyDictionary<string, string> Sha256)
{
    /// <summary>The server's own package, with the bundles of contrib.</summary>
    public static NpmPackage Pglite { get; } = new(PglitePackage.NpmName, PglitePackage.NpmVersion, "POCKETGRES_PGLITE_DIR",
        PglitePackage.Sha256.Concat(BundlesOf(PglitePackage.NpmName)).ToDictionary(StringComparer.Ordinal));

    /// <summary>The packages of further extensions. One directory may hold the bundles of all of them.</summary>
    public static IReadOnlyList<NpmPackage> Extensions { get; } = [.. ExtensionCatalog.Load().Packages.Where(p => p.Name != PglitePackage.NpmName)
        .Select(p => new NpmPackage(p.Name, p.Version, "POCKETGRES_EXTENSIONS_DIR", BundlesOf(p.Name).ToDictionary(StringComparer.Ordinal)))];

    /// <summary>Name and version as npm writes them.</summary>
    public string Id => $"{Name}@{Version}";

    /// <summary>Directory of the cache.</summary>
    public string DirectoryName => $"{Name[(Name.LastIndexOf('/') + 1)..]}-{Version}";

    private static IEnumerable<KeyValuePair<string, string>> BundlesOf(string name) =>
        ExtensionCatalog.Load().Bundles.Where(b => b.Package == name).Select(b => KeyValuePair.Create(b.File, b.Sha256));
}
