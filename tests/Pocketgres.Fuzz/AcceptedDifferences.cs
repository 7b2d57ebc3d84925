namespace Pocketgres.Fuzz;

/// <summary>Differences from native PostgreSQL that are known and meant: accepted.txt, a line each with ours, theirs (* for any) and a text the statement contains (* for any).</summary>
sealed class AcceptedDifferences
{
    readonly List<string[]> _lines = [];

    public static AcceptedDifferences Load()
    {
        var accepted = new AcceptedDifferences();
        using var reader = new StreamReader(typeof(AcceptedDifferences).Assembly.GetManifestResourceStream("Pocketgres.Fuzz.accepted.txt")!);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#')
            {
                accepted._lines.Add(line.Split((char[]?)null, 4, StringSplitOptions.RemoveEmptyEntries));
            }
        }

        return accepted;
    }

    public bool Contains(string sql, string ours, string theirs) => _lines.Exists(l =>
        (l[0] == "*" || l[0] == ours) && (l[1] == "*" || l[1] == theirs) && (l[2] == "*" || sql.Contains(l[2], StringComparison.Ordinal)));
}
