using System.CommandLine;
using System.Globalization;
using System.Text;
using Pocketgres.Installation.Extensions;
using Pocketgres.Scanning;

namespace Pocketgres.Cli.Extensions;

/// <summary><c>scan PATH...</c>: which extensions an application's migrations and code need, and whether they are there.</summary>
internal sealed class ScanCommand
{
    private readonly Argument<string[]> _paths = new("PATH")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "Files, or directories with .sql, .prisma, .ts, .js, .mjs, .cjs, .py, .rs, .rb, .go, .java, .kt, .cs, .php, .ex files.",
    };

    public ScanCommand() => Command = new Command(
        "scan", "Find out which extensions migrations and code need. Exit code: 0 all are available, 1 some are not, 2 a path cannot be read.") { _paths };

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>True when the command line asked for this command.</summary>
    public bool IsIn(ParseResult result) => result.CommandResult.Command == Command;

    /// <summary>Runs what was parsed.</summary>
    /// <exception cref="UsageException">A path cannot be read.</exception>
    public int Run(ParseResult result)
    {
        var catalog = InstalledExtensions.Load();
        var scanner = new MigrationScanner(catalog);
        var findings = new List<ScanFinding>();
        int files = 0;
        foreach (string file in result.GetValue(_paths)!.SelectMany(ScannedFiles.Below))
        {
            files++;
            findings.AddRange(scanner.Scan(file, ScannedFiles.Read(file)));
        }

        StandardStreams.WriteOutput(Report(catalog, findings, files));
        return findings.All(f => f.IsAvailable) ? ExitCode.Success : ExitCode.NotAvailable;
    }

    /// <summary>One line an extension, then where it was seen.</summary>
    internal static string Report(ExtensionCatalog catalog, IReadOnlyList<ScanFinding> findings, int files)
    {
        var text = new StringBuilder();
        var byName = findings.GroupBy(f => f.Extension, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToList();
        foreach (var group in byName)
        {
            var extension = catalog.Find(group.Key);
            text.Append(group.Key).Append(": ").Append(extension switch
            {
                { Enabled: true, Preload: PreloadNeed.Required } => $"available with -c shared_preload_libraries={group.Key}",
                { Enabled: true } => "available",
                { Reason: var reason } => "NOT AVAILABLE: " + reason,
                null => "NOT AVAILABLE: not known",
            }).Append('\n');
            foreach (var f in group.DistinctBy(f => (f.File, f.Line)).Take(5))
            {
                text.Append(CultureInfo.InvariantCulture, $"  {f.File}:{f.Line}: {f.Evidence}\n");
            }
        }

        int missing = byName.Count(g => !g.First().IsAvailable);
        return text.Append(CultureInfo.InvariantCulture,
            $"{files} file{(files == 1 ? "" : "s")}, {byName.Count} extension{(byName.Count == 1 ? "" : "s")} needed, {missing} not available\n").ToString();
    }
}
