using System.Text.RegularExpressions;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Scanning;

/// <summary>An extension that a line needs.</summary>
/// <param name="Extension">Its name.</param>
/// <param name="IsAvailable">Whether this version ships it.</param>
/// <param name="File">The file.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Evidence">The text that says so.</param>
internal sealed record ScanFinding(string Extension, bool IsAvailable, string File, int Line, string Evidence);

/// <summary>
/// Finds extensions in SQL and in code of migrations: what names them (CREATE EXTENSION, Prisma's extensions list, Django's operations) and what
/// only exists with them (the catalog's tells). Comments do not count. It reads text, it does not parse: a function of the application's own
/// that is called like an extension's is found too.
/// </summary>
internal sealed partial class MigrationScanner
{
    private readonly ExtensionCatalog _catalog;
    private readonly List<(ExtensionInfo Extension, Regex Pattern)> _tells = [];

    public MigrationScanner(ExtensionCatalog catalog)
    {
        _catalog = catalog;
        foreach (var extension in catalog.Extensions)
        {
            if (PatternOf(extension.Tells) is { } pattern)
            {
                _tells.Add((extension, new Regex(pattern, RegexOptions.CultureInvariant)));
            }
        }
    }

    /// <summary>Scans a file's text.</summary>
    /// <param name="file">The file's name: its extension decides which comments there are.</param>
    /// <param name="text">The text.</param>
    public IEnumerable<ScanFinding> Scan(string file, string text)
    {
        string code = CommentStripper.Strip(Path.GetExtension(file), text);
        foreach (Match m in CreateExtension().Matches(code))
        {
            yield return At(m.Groups["name"].Value, m);
        }

        foreach (Match m in DjangoCreateExtension().Matches(code))
        {
            yield return At(m.Groups["name"].Value, m);
        }

        if (Path.GetExtension(file).Equals(".prisma", StringComparison.OrdinalIgnoreCase))
        {
            foreach (Match m in PrismaExtensions().Matches(code))
            {
                foreach (Match item in PrismaItem().Matches(m.Groups["list"].Value))
                {
                    // "uuidOssp(map: "uuid-ossp")": the mapped name is the extension's.
                    yield return At(item.Groups["map"].Success ? item.Groups["map"].Value : item.Groups["name"].Value, m);
                }
            }
        }

        foreach (var (extension, pattern) in _tells)
        {
            foreach (Match m in pattern.Matches(code))
            {
                yield return At(extension.Name, m);
            }
        }

        ScanFinding At(string name, Match match) => new(
            name, _catalog.Find(name) is { Enabled: true }, file, code.AsSpan(0, match.Index).Count('\n') + 1, LineOf(code, match));
    }

    private static string LineOf(string code, Match match)
    {
        // Patterns may begin with the white space before.
        int at = match.Index + match.Value.Length - match.Value.TrimStart().Length;
        int start = code.LastIndexOf('\n', Math.Max(at - 1, 0)) + 1;
        int end = code.IndexOf('\n', at);
        string line = code[start..(end < 0 ? code.Length : end)].Trim();
        return line.Length <= 120 ? line : line[..117] + "...";
    }

    // SQL names in any case; words of code as they are written.
    private static string? PatternOf(ExtensionTells tells)
    {
        var parts = new List<string>();
        if (tells.Functions.Count > 0)
        {
            parts.Add($@"(?i:(?<![\w.""'])(?:public\.|extensions\.)?(?:{Any(tells.Functions)})\s*\()");
        }

        if (tells.OperatorClasses.Count > 0)
        {
            parts.Add($@"(?i:\b(?:{Any(tells.OperatorClasses)})\b)");
        }

        if (tells.Types.Count > 0)
        {
            string types = $@"(?:public\.|extensions\.)?(?:{Any(tells.Types)})";

            // A column "name type", a cast "::type" or "as type)", a type on its own in quotes as Knex, Drizzle and TypeORM write it.
            parts.Add($@"(?i:(?<=[(,]\s*""?\w+""?\s+|\badd\s+column\s+(?:if\s+not\s+exists\s+)?""?\w+""?\s+|\btype\s+){types}(?:\s*\([\w\s,]*\))?(?:\[\])*(?=\s*(?:[,;)]|$|\bnot\b|\bnull\b|\bdefault\b|\bprimary\b|\bunique\b|\breferences\b|\bcollate\b|\bgenerated\b|\bcheck\b|\busing\b)))");
            parts.Add($@"(?i:(?:::\s*|\bas\s+(?={types}\s*\))){types}\b)");
            parts.Add($@"(?i:(?<=[""'`]){types}(?:\(\d+\))?(?=[""'`]))");
        }

        parts.AddRange(tells.Code.Select(c => (char.IsLetterOrDigit(c[0]) ? @"(?<!\w)" : "") + Regex.Escape(c) + (char.IsLetterOrDigit(c[^1]) ? @"(?!\w)" : "")));
        return parts.Count > 0 ? string.Join('|', parts) : null;
    }

    private static string Any(IEnumerable<string> words) => string.Join('|', words.Select(Regex.Escape));

    [GeneratedRegex("""(?i)\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?[\\]?["'`]?(?<name>[a-z_][\w-]*)""", RegexOptions.CultureInvariant)]
    private static partial Regex CreateExtension();

    [GeneratedRegex("""\bCreateExtension\(\s*(?:name\s*=\s*)?["'](?<name>[\w-]+)["']""", RegexOptions.CultureInvariant)]
    private static partial Regex DjangoCreateExtension();

    [GeneratedRegex("""\bextensions\s*=\s*\[(?<list>[^\]]*)\]""", RegexOptions.CultureInvariant)]
    private static partial Regex PrismaExtensions();

    [GeneratedRegex("""(?<name>\w+)\s*(?:\((?:[^)]*\bmap:\s*"(?<map>[^"]+)")?[^)]*\))?""", RegexOptions.CultureInvariant)]
    private static partial Regex PrismaItem();
}
