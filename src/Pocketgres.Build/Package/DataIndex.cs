using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Build.Package;

/// <summary>
/// The list of files inside <c>pglite.data</c>, as emscripten's file packager wrote it into <c>pglite.js</c>:
/// <c>{filename:"/pglite/share/...",start:N,end:N}</c>, then <c>remote_package_size:N</c>. Read as text; the script is never run.
/// </summary>
internal static partial class DataIndex
{
    /// <summary>A file: its absolute path and its place in the data.</summary>
    public readonly record struct Entry(string Path, int Start, int End)
    {
        public int Length => End - Start;
    }

    /// <summary>Reads the list.</summary>
    /// <param name="script">Text of <c>pglite.js</c>.</param>
    /// <param name="dataLength">Length of <c>pglite.data</c>, which the entries must cover without gaps.</param>
    /// <exception cref="BuildException">There is no list, or it does not fit the data.</exception>
    public static IReadOnlyList<Entry> Parse(string script, long dataLength)
    {
        var entries = new List<Entry>();
        foreach (Match m in FilePattern().Matches(script))
        {
            entries.Add(new Entry(m.Groups["path"].Value, Number(m, "start"), Number(m, "end")));
        }

        if (entries.Count == 0)
        {
            throw new BuildException("pglite.js holds no list of files: its form has changed");
        }

        int expected = 0;
        foreach (var entry in entries)
        {
            if (entry.Start != expected || entry.End < entry.Start || !entry.Path.StartsWith('/'))
            {
                throw new BuildException($"the list of files in pglite.js is damaged at {entry.Path}: starts at {entry.Start}, expected {expected}");
            }

            expected = entry.End;
        }

        if (expected != dataLength)
        {
            throw new BuildException($"the list of files in pglite.js ends at {expected}, but pglite.data has {dataLength} bytes");
        }

        return entries;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex("""\{\s*"?filename"?:\s*"(?<path>[^"]+)",\s*"?start"?:\s*(?<start>\d+),\s*"?end"?:\s*(?<end>\d+)\s*\}""", RegexOptions.CultureInvariant)]
    private static partial Regex FilePattern();
}
