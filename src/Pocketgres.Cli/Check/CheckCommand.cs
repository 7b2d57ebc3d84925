using System.CommandLine;
using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Cli.Check;

/// <summary><c>check</c>: is a data directory sound?</summary>
internal sealed class CheckCommand
{
    public const string Name = "check";

    private readonly Argument<string> _directory = new("DIR") { Description = "The data directory, also as file:DIR. No server may have it open." };

    public CheckCommand()
    {
        Command = new Command(Name,
            "Check a data directory that is not being served: the control file, the files a server needs, the checksum of every page. Reads only.\n" +
            "The verdict is the last line on stdout, problems come before it. Exit codes: 0 intact; 6 damaged; 7 undecided, start and stop it once, then\n" +
            "check again; 4 it is in use or cannot be read. What the rows say is not checked: that will be amcheck's work.")
        {
            _directory,
        };
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>Runs the check; returns the exit code.</summary>
    /// <exception cref="UsageException">The argument makes no sense.</exception>
    public int Run(ParseResult result)
    {
        try
        {
            var report = ClusterCheck.Run(Directory(result.GetValue(_directory)!));
            foreach (string problem in report.Problems)
            {
                StandardStreams.WriteOutput(problem + "\n");
            }

            StandardStreams.WriteOutput(Verdict(report) + "\n");
            return report.Verdict switch
            {
                CheckVerdict.Intact => ExitCode.Success,
                CheckVerdict.Damaged => ExitCode.Damaged,
                _ => ExitCode.Undecided,
            };
        }
        catch (ClusterException e)
        {
            return Program.Fail(e.Message, e.Error == ClusterError.WrongVersion ? ExitCode.WrongVersion : ExitCode.DirectoryUnusable);
        }
    }

    private static string Directory(string text)
    {
        if (!text.StartsWith("file:", StringComparison.Ordinal))
        {
            return text;
        }

        return PostgresUrl.TryParse(text, out var url, out string? error) ? url.DataDirectory! : throw new UsageException(error);
    }

    private static string Verdict(CheckReport report)
    {
        string state = report.IsUnrestoredBackup ? "; it is a backup that was not started yet"
            : report.CleanlyStopped ? "" : "; the server was not stopped cleanly, the next start recovers";
        string read = string.Create(CultureInfo.InvariantCulture, $"{report.Pages} pages in {report.Files} files");
        string problems = string.Create(CultureInfo.InvariantCulture, $"{report.ProblemCount} problem{(report.ProblemCount == 1 ? "" : "s")}");
        return report.Verdict switch
        {
            CheckVerdict.Intact => $"intact: {read}{state}",
            CheckVerdict.Damaged => $"damaged: {problems}, {read}: restore a backup",
            _ => $"undecided: {problems}, {read}{state}: start and stop it once, then check again",
        };
    }
}
