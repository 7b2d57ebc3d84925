using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>Where an extension's files lie in a bundle.</summary>
internal static class BundlePaths
{
    private const string Extensions = "share/postgresql/extension/";

    /// <summary>The control file.</summary>
    public static string Control(string name) => $"{Extensions}{name}.control";

    /// <summary>The files whose names follow from the catalog: control file, libraries, data.</summary>
    public static IEnumerable<string> Fixed(ExtensionInfo entry) =>
    [
        .. entry.Kind == ExtensionKind.Extension ? [Control(entry.Name)] : Array.Empty<string>(),
        .. entry.Libraries.Select(l => $"lib/postgresql/{l}.so"),
        .. entry.DataFiles.Select(f => "share/postgresql/" + f),
    ];

    /// <summary>True for an installation or update script.</summary>
    public static bool IsScriptOf(ExtensionInfo entry, string path) =>
        path.StartsWith($"{Extensions}{entry.Name}--", StringComparison.Ordinal) && path.EndsWith(".sql", StringComparison.Ordinal);

    /// <summary>True for a file in one of its data directories.</summary>
    public static bool IsDataOf(ExtensionInfo entry, string path) => entry.DataDirectories.Any(d => path.StartsWith(d + "/", StringComparison.Ordinal));

    /// <summary>True for any file of the extension.</summary>
    public static bool BelongsTo(ExtensionInfo entry, string path) => IsScriptOf(entry, path) || IsDataOf(entry, path) || Fixed(entry).Contains(path);
}
