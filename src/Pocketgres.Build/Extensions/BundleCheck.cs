using System.Text;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>Compares a bundle with what the catalog says about it, so that the catalog can be believed.</summary>
internal static class BundleCheck
{
    /// <summary>Compares.</summary>
    /// <exception cref="BuildException">Names every difference.</exception>
    public static void Check(ExtensionBundle bundle, IReadOnlyList<ExtensionInfo> entries)
    {
        string[] differences = [.. Differences(bundle, entries)];
        if (differences.Length > 0)
        {
            throw new BuildException($"{bundle.FileName} and the catalog of extensions disagree: {string.Join("; ", differences)}");
        }
    }

    private static IEnumerable<string> Differences(ExtensionBundle bundle, IReadOnlyList<ExtensionInfo> entries)
    {
        if (entries.Count == 0)
        {
            yield return "the catalog lists no extension of it";
        }

        var unclaimed = bundle.Installed.Select(f => f.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            foreach (string path in BundlePaths.Fixed(entry))
            {
                if (!unclaimed.Remove(path))
                {
                    yield return $"{entry.Name} needs {path}, which the bundle does not have";
                }
            }

            if (unclaimed.RemoveWhere(p => BundlePaths.IsScriptOf(entry, p)) == 0 && entry.Kind == ExtensionKind.Extension)
            {
                yield return $"{entry.Name} has no script";
            }

            foreach (string directory in entry.DataDirectories.Where(d => unclaimed.RemoveWhere(p => p.StartsWith(d + "/", StringComparison.Ordinal)) == 0))
            {
                yield return $"{entry.Name} needs files in {directory}, of which the bundle has none";
            }

            foreach (string difference in entry.Kind == ExtensionKind.Extension ? ControlDifferences(bundle, entry) : [])
            {
                yield return difference;
            }
        }

        foreach (string path in unclaimed)
        {
            yield return $"{path} belongs to no extension";
        }
    }

    private static IEnumerable<string> ControlDifferences(ExtensionBundle bundle, ExtensionInfo entry)
    {
        if (bundle.Installed.FirstOrDefault(f => f.Path == BundlePaths.Control(entry.Name)) is not { } file)
        {
            yield break; // reported as missing
        }

        var control = ReadControl(Encoding.UTF8.GetString(file.Content.Span));
        foreach (var (parameter, expected) in (IEnumerable<(string, string?)>)
        [
            ("default_version", entry.Version),
            ("comment", entry.Comment),
            ("requires", entry.Requires.Count > 0 ? string.Join(", ", entry.Requires) : null),
            ("trusted", entry.Trusted ? "true" : null),

            // Some name a library that they do not have, some have one that they do not name.
            ("module_pathname", entry.Libraries.Count > 0 && control.ContainsKey("module_pathname")
                ? "$libdir/" + entry.Libraries[0] : control.GetValueOrDefault("module_pathname")),
        ])
        {
            string? actual = control.GetValueOrDefault(parameter);
            if (parameter == "requires" && actual is not null)
            {
                actual = string.Join(", ", actual.Split(',', StringSplitOptions.TrimEntries));
            }

            if (actual != expected)
            {
                yield return $"{entry.Name}: {parameter} is {actual ?? "not given"}, the catalog says {expected ?? "nothing"}";
            }
        }
    }

    // "name = 'value'" or "name = value"; these files use no escapes.
    private static Dictionary<string, string> ReadControl(string text) => text.Split('\n')
        .Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split('=', 2, StringSplitOptions.TrimEntries)).Where(p => p.Length == 2)
        .ToDictionary(p => p[0], p => p[1].Trim('\''), StringComparer.Ordinal);
}
