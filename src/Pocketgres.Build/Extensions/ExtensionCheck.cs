using System.Text.RegularExpressions;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>Compares the catalog of extensions with what <c>eng/engine.sh</c> has compiled, so that the catalog can be believed.</summary>
internal static partial class ExtensionCheck
{
    /// <summary>File that lists, a line each, the extensions that were left out because their archives could not be had.</summary>
    public const string LeftOut = ".complete";

    // What PostgreSQL loads by name: replication's (src/backend/replication/walreceiver.c, libpqwalreceiver; pgoutput is the plugin of publications), and the output plugin of contrib that
    // native servers always have.
    private static readonly string[] s_loadedByName = ["libpqwalreceiver", "pgoutput", "test_decoding"];

    // Conversions of encodings and Snowball's dictionaries: initdb's files name their libraries.
    private static readonly string[] s_catalogs = ["postgres.bki", "snowball_create.sql"];

    [GeneratedRegex(@"\$libdir/(\w+)")]
    private static partial Regex LibraryOfACatalog { get; }

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

    /// <summary>The server's own libraries, which every build has and no catalog lists.</summary>
    /// <param name="directory">What eng/engine.sh printed.</param>
    public static string[] OfTheServer(string directory) =>
    [
        .. s_catalogs.Select(c => Path.Combine(directory, "share", "postgresql", c)).Where(File.Exists)
            .SelectMany(f => LibraryOfACatalog.Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value)
            .Concat(s_loadedByName).Distinct().Order(StringComparer.Ordinal),
    ];

    private static bool IsThere(ExtensionInfo entry, string directory) =>
        (entry.Kind != ExtensionKind.Extension || File.Exists(Path.Combine(ControlFile.FolderIn(directory), entry.Name + ".control")))
        && entry.Libraries.All(l => HasLibrary(directory, l));

    private static string LibrariesOf(string directory) => Path.Combine(directory, "lib", "postgresql");

    private static bool HasLibrary(string directory, string name) => File.Exists(Path.Combine(LibrariesOf(directory), name + ".so"));

    private static IEnumerable<string> Differences(ExtensionCatalog catalog, string directory, HashSet<string> later)
    {
        var installed = ControlFile.FilesIn(directory);
        foreach (string name in installed.Keys.Where(n => catalog.Find(n) is not { Enabled: true }).Order(StringComparer.Ordinal))
        {
            yield return $"{name} is installed, the catalog {(catalog.Find(name) is null ? "does not list it" : "says that it is not available")}";
        }

        foreach (string difference in LibraryDifferences(catalog, directory))
        {
            yield return difference;
        }

        var leftOut = File.ReadAllLines(Path.Combine(directory, LeftOut)).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in catalog.Extensions.Where(e => e.Enabled && !leftOut.Contains(e.Name) && !later.Contains(e.Name)))
        {
            foreach (string library in entry.Libraries.Where(l => !HasLibrary(directory, l)))
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

    // A library that is not listed would be no part of what a first build says is to come.
    private static IEnumerable<string> LibraryDifferences(ExtensionCatalog catalog, string directory)
    {
        string[] own = OfTheServer(directory);
        var known = catalog.Extensions.Where(e => e.Enabled).SelectMany(e => e.Libraries).Concat(own).ToHashSet(StringComparer.Ordinal);
        var installed = Directory.Exists(LibrariesOf(directory)) ? Directory.GetFiles(LibrariesOf(directory), "*.so").Select(f => Path.GetFileNameWithoutExtension(f)!) : [];
        foreach (string name in installed.Where(n => !known.Contains(n)).Order(StringComparer.Ordinal))
        {
            yield return $"the library {name} is installed, and neither an enabled entry of the catalog nor the server itself has it";
        }

        foreach (string name in own.Where(n => !HasLibrary(directory, n)))
        {
            yield return $"the server's own library {name} is not there";
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
