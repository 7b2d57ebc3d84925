using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Server.Checking;

namespace Pocketgres.Cli.Check;

/// <summary>The last line of <c>check</c>: the verdict, what it is about, and what to do.</summary>
internal static class CheckVerdictText
{
    /// <summary>Begins lines about what could not be checked.</summary>
    public const string NotChecked = "not checked: ";

    public static string Of(DirectoryCheckReport report)
    {
        var files = report.Files;
        string what = $"{Count(files.Pages, "page", "pages")} in {Count(files.Files, "file", "files")}";
        if (report.Rows is { } rows)
        {
            what += $", {Count(rows.Tables, "table", "tables")} and {Count(rows.Indexes, "index", "indexes")} in {Count(rows.Databases, "database", "databases")}";
        }

        string problems = Count(files.ProblemCount + (report.Rows?.DamageCount ?? 0), "problem", "problems");
        return report.Verdict switch
        {
            CheckVerdict.Intact => $"intact: {what}{State(report)}",
            CheckVerdict.Damaged => $"damaged: {problems}, {what}{State(report)}: restore a backup",
            _ when report.Rows is { Unchecked.Count: > 0 } => $"undecided: {problems}, {what}{State(report)}: not everything could be checked",
            _ when report.Files is { CleanlyStopped: true, IsUnrestoredBackup: false } => $"undecided: {problems}, {what}: check again without --files-only",
            _ => $"undecided: {problems}, {what}{State(report)}: start and stop it once, then check again",
        };
    }

    private static string State(DirectoryCheckReport report)
    {
        string why = report.Files.IsUnrestoredBackup ? "; it is a backup that was not started yet"
            : report.Files.CleanlyStopped ? ""
            : "; the server was not stopped cleanly";
        return why.Length == 0 ? "" : $"{why}, {(report.Recovered ? "this is what recovery at the next start will make of it" : "the next start recovers")}";
    }

    private static string Count(long number, string one, string many) => string.Create(CultureInfo.InvariantCulture, $"{number} {(number == 1 ? one : many)}");
}
