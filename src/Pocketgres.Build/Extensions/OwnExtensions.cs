using Pocketgres.Installation.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>Extensions that are no part of every build: what <c>eng/extension.sh</c> has compiled from folders of source.</summary>
internal static class OwnExtensions
{
    /// <summary>What the folders have, as entries of the catalog.</summary>
    /// <param name="catalog">What is known of them beyond their control files: that they must be preloaded, what implies them.</param>
    /// <param name="directories">A folder for each, with <c>lib/postgresql</c> and <c>share/postgresql/extension</c>.</param>
    public static ExtensionCatalog Read(ExtensionCatalog catalog, IEnumerable<string> directories) => ExtensionCatalog.Of(directories.SelectMany(d => Entries(catalog, d)));

    private static IEnumerable<ExtensionInfo> Entries(ExtensionCatalog catalog, string directory)
    {
        string[] libraries = LibrariesIn(directory);
        var controls = ControlFile.FilesIn(directory);
        foreach (var (name, file) in controls.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            var control = ControlFile.Read(file);
            yield return Known(name) with
            {
                Kind = ExtensionKind.Extension,
                Version = control.GetValueOrDefault("default_version"),
                Requires = ControlFile.Names(control.GetValueOrDefault("requires")),
                Trusted = control.GetValueOrDefault("trusted") == "true",
                Libraries = libraries,
                Comment = control.GetValueOrDefault("comment") ?? Known(name).Comment,
            };
        }

        foreach (string library in controls.Count == 0 ? libraries : [])
        {
            yield return Known(library) with { Kind = ExtensionKind.Library, Version = null, Libraries = [library] };
        }

        ExtensionInfo Known(string name) => catalog.Find(name) is { } known
            ? known with { Enabled = true, Reason = null }
            : new ExtensionInfo { Name = name, Kind = ExtensionKind.Extension, Comment = "an extension of one's own", Enabled = true };
    }

    private static string[] LibrariesIn(string directory)
    {
        string folder = Path.Combine(directory, "lib", "postgresql");
        return Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.so").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)] : [];
    }
}
