namespace Pocketgres.Build.Extensions;

/// <summary>An extension's control file.</summary>
internal static class ControlFile
{
    /// <summary>The folder of control files in an installation.</summary>
    public static string FolderIn(string directory) => Path.Combine(directory, "share", "postgresql", "extension");

    /// <summary>Control files of an installation by their extensions' names.</summary>
    public static Dictionary<string, string> FilesIn(string directory) => Directory.Exists(FolderIn(directory))
        ? Directory.GetFiles(FolderIn(directory), "*.control").ToDictionary(f => Path.GetFileNameWithoutExtension(f)!, StringComparer.Ordinal)
        : [];

    /// <summary>Reads the parameters: "name = 'value'" or "name = value"; these files use no escapes.</summary>
    public static Dictionary<string, string> Read(string file) => File.ReadLines(file)
        .Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split('=', 2, StringSplitOptions.TrimEntries)).Where(p => p.Length == 2)
        .ToDictionary(p => p[0], p => p[1].Trim('\''), StringComparer.Ordinal);

    /// <summary>The names in a list such as that of <c>requires</c>; none without one.</summary>
    public static string[] Names(string? list) => list?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
}
