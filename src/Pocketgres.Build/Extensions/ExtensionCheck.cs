using Pocketgres.Installation.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>Compares the catalog of extensions with what <c>eng/engine.sh</c> has compiled, so that the catalog can be believed.</summary>
internal static class ExtensionCheck
{
    /// <summary>File that lists, a line each, the extensions that were left out because their archives could not be had.</summary>
    public const string LeftOut = ".complete";

    /// <summary>Compares.</summary>
    /// <param name="catalog">What is said.</param>
    /// <param name="directory">What eng/engine.sh printed.</param>
    /// <param name="isFirst">Whether what is missing is to come with the next build.</param>
    /// <returns>The extensions and libraries that are.</returns>
    /// <exception cref="BuildException">Names every difference.</exception>
    public static string[] Check(ExtensionCatalog catalog, string directory, bool isFirst)
    {
        var later = isFirst ? [.. catalog.Extensions.Where(e => e.Enabled && !IsThere(e, directory))] : Array.Empty<ExtensionInfo>();
        string[] differences = [.. Differences(catalog, directory, [.. later.Select(e => e.Name)])];
        if (differences.Length > 0)
        {
            throw new BuildException($"{directory} and the catalog of extensions disagree: {string.Join("; ", differences)}");
        }

        return [.. later.Select(e => e.Name).Concat(later.SelectMany(e => e.Libraries)).Distinct().Order(StringComparer.Ordinal)];
    }

    private static bool IsThere(ExtensionInfo entry, string directory) =>
        (entry.Kind != ExtensionKind.Extension || File.Exists(Path.Combine(ControlFile.FolderIn(directory), entry.Name + ".control")))
        && entry.Libraries.All(l => File.Exists(Path.Combine(directory, "lib", "postgresql", l + ".so")));

    private static IEnumerable<string> Differences(ExtensionCatalog catalog, string directory, HashSet<string> later)
    {
        var installed = ControlFile.FilesIn(directory);
        foreach (string name in installed.Keys.Where(n => catalog.Find(n) is not { Enabled: true }).Order(StringComparer.Ordinal))
        {
            yield return $"{name} is installed, the catalog {(catalog.Find(name) is null ? "does not list it" : "says that it is not available")}";
        }

        var leftOut = File.ReadAllLines(Path.Combine(directory, LeftOut)).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in catalog.Extensions.Where(e => e.Enabled && !leftOut.Contains(e.Name) && !later.Contains(e.Name)))
        {
            foreach (string library in entry.Libraries.Where(l => !File.Exists(Path.Combine(directory, "lib", "postgresql", l + ".so"))))
            {
                yield return $"{entry.Name} needs the library {library}, which is not there";
            }

            if (entry.Kind != ExtensionKind.Extension)
            {
                continue;
            }

            if (!installed.TryGetValue(entry.Name, out string? control))
            {
                yield return $"{entry.Name} is not installed";
                continue;
            }

            foreach (string difference in ControlDifferences(ControlFile.Read(control), entry))
            {
                yield return difference;
            }
        }
    }

    private static IEnumerable<string> ControlDifferences(Dictionary<string, string> control, ExtensionInfo entry)
    {
        foreach (var (parameter, expected) in (IEnumerable<(string, string?)>)
        [
            ("default_version", entry.Version),
            ("requires", entry.Requires.Count > 0 ? string.Join(", ", entry.Requires) : null),
            ("trusted", entry.Trusted ? "true" : null),
        ])
        {
            string? actual = control.GetValueOrDefault(parameter);
            if (parameter == "requires" && actual is not null)
            {
                actual = string.Join(", ", ControlFile.Names(actual));
            }

            if (actual != expected)
            {
                yield return $"{entry.Name}: {parameter} is {actual ?? "not given"}, the catalog says {expected ?? "nothing"}";
            }
        }
    }
}
