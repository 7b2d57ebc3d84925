using System.Globalization;
using System.Runtime.CompilerServices;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The file in a data directory that says which of its databases, or that all of it, were copied elsewhere: whoever serves the directory later hears that the copy lacks what is written here.
/// A line each: time, database, target, separated by tabs. Copies of the directory do not have it.
/// </summary>
internal static class CopyNote
{
    /// <summary>The file's name.</summary>
    public const string Name = "pocketgres.copied";

    /// <summary>Instead of a database's name: all of them, as a directory.</summary>
    public const string AllDatabases = "*";

    // It is a notice: no more of it is looked at, whatever it has become.
    private const int MaximumLines = 10_000;

    /// <summary>Notes a copy.</summary>
    /// <param name="directory">The data directory.</param>
    /// <param name="database">The database that was copied.</param>
    /// <param name="target">Where to, without a password.</param>
    /// <returns>Null, or why it cannot be noted: no reason to undo the copy.</returns>
    public static string? Add(string directory, string database, string target)
    {
        try
        {
            File.AppendAllText(Path.Combine(directory, Name), string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd HH:mm:ss} UTC\t{OneLine(database)}\t{OneLine(target)}\n"));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the note at the source that it was copied: {e.Message}";
        }
    }

    /// <summary>A line for each database that was copied, about its last copy; none when there is no note or it cannot be read.</summary>
    public static IReadOnlyList<string> Read(string directory)
    {
        string path = Path.Combine(directory, Name);
        try
        {
            return File.Exists(path) ? ReadFile(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // Of its own: a start without a note loads no LINQ.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string[] ReadFile(string path) =>
    [
        .. File.ReadLines(path).Take(MaximumLines).Select(l => l.Split('\t')).Where(l => l.Length == 3).GroupBy(l => l[1], StringComparer.Ordinal).Select(g => g.Last())
            .Select(l => $"{(l[1] == AllDatabases ? "the cluster" : $"the database {l[1]}")} of this directory was copied to {l[2]} at {l[0]}, and what is written here since then is not there; remove {path} if this one is in use on purpose"),
    ];

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Replace('\t', ' ');
}
