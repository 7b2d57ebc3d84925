using System.CommandLine;
using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.ObjectStore;
using Pocketgres.Server;
using Pocketgres.Server.Checking;
using Pocketgres.Server.Watching;

namespace Pocketgres.Cli.Check;

/// <summary><c>check</c>: is a data directory sound?</summary>
internal sealed class CheckCommand
{
    public const string Name = "check";

    private readonly Argument<string> _directory = new("DIR")
    {
        Description = "The data directory, also as file:DIR; no server may have it open. Or s3://BUCKET/PREFIX or az://CONTAINER/PREFIX, which may be open.",
    };

    private readonly Option<bool> _filesOnly = new("--files-only") { Description = "Read the files only: no server, no amcheck." };

    private readonly Option<bool> _parentCheck = new("--parent-check")
    {
        Description = "Check B-trees from level to level too, and find each entry from the root: slower.",
    };

    // Of the child that does the work: the process that waits for it.
    private readonly Option<string?> _worker = new("--worker") { Hidden = true, Arity = ArgumentArity.ExactlyOne };

    public CheckCommand()
    {
        Command = new Command(Name,
            "Check a data directory that is not being served: the control file, the files a server needs, the checksum of every page, and with amcheck\n" +
            "every table and every B-tree and GIN index of every database. Nothing in the directory is changed: the server that amcheck needs writes to\n" +
            "memory, recovery included.\n" +
            "Of a cluster in a bucket: every object that one of its images or its log needs, then the control file and the pages of the newest image; no amcheck.\n" +
            "The verdict is the last line on stdout, problems come before it. Exit codes: 0 intact; 6 damaged; 7 undecided, because something could not be\n" +
            "checked or (--files-only) recovery may repair it; 4 it is in use or cannot be read.")
        {
            _directory, _filesOnly, _parentCheck, _worker,
        };
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>Runs the check; returns the exit code.</summary>
    /// <exception cref="UsageException">The arguments make no sense.</exception>
    public int Run(ParseResult result)
    {
        var options = new DirectoryCheckOptions
        {
            Rows = !result.GetValue(_filesOnly),
            Parents = result.GetValue(_parentCheck),
            Found = line => StandardStreams.WriteOutput(line + "\n"),
            Checking = result.GetValue(_worker) is null ? null : what => StandardStreams.WriteOutput($"{CheckSupervisor.CurrentMark}{what}\n"),
        };
        if (options is { Rows: false, Parents: true })
        {
            throw new UsageException("--files-only and --parent-check contradict each other: give one of them");
        }

        if (StoreUrl.Matches(result.GetValue(_directory)!))
        {
            return options.Parents ? throw new UsageException("--parent-check is for data directories: leave it out, or check a copy")
                : BucketCheckRun.Run(result.GetValue(_directory)!, options.Rows);
        }

        string directory = Directory(result.GetValue(_directory)!);
        if (options.Rows && result.GetValue(_worker) is null)
        {
            List<string> arguments = [Name, directory, "--worker", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)];
            return CheckSupervisor.Run(options.Parents ? [.. arguments, _parentCheck.Name] : arguments);
        }

        return Run(directory, options, result.GetValue(_worker) is { } parent ? int.Parse(parent, CultureInfo.InvariantCulture) : null);
    }

    private static int Run(string directory, DirectoryCheckOptions options, int? parent)
    {
        using var interrupt = new Interrupt();
        using var watch = parent is { } pid ? ProcessWatch.Start(pid) : null;
        watch?.Ended.ContinueWith(_ => interrupt.Cancel(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        try
        {
            var report = DirectoryCheck.RunAsync(directory, options, interrupt.Token).GetAwaiter().GetResult();
            StandardStreams.WriteOutput(CheckVerdictText.Of(report) + "\n");
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
        catch (OperationCanceledException)
        {
            return Program.Fail("the check was interrupted", ExitCode.SignalBase + interrupt.Signal);
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
}
