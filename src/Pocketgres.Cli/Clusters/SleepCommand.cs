using System.CommandLine;
using System.Globalization;
using Pocketgres.Bucket;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>sleep</c>: asks the process that has a cluster open to close it.</summary>
internal sealed class SleepCommand : ISubcommand
{
    private readonly Argument<string> _url = BucketArgument.Create();
    private readonly Option<string?> _wait = new("--wait") { HelpName = "SECONDS", Description = "How long to wait (default 60).", Arity = ArgumentArity.ExactlyOne };

    public SleepCommand()
    {
        Command = new Command("sleep", "Ask the server that has a cluster in a bucket open, wherever it runs, to close it, and wait until it has. It looks every 10 s, and ends its sessions\n" +
            "(57P01). With idle= in its URL, or as a host, it goes on listening and wakes at the next connection; otherwise its process ends.\n" +
            "Exit codes: 0 it is closed, or nobody has it; 1 not within that time, or the store refuses; 2 bad URL; 4 no cluster there; 5 damaged.")
        {
            _url, _wait,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        string text = result.GetValue(_wait) ?? "60";
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) || seconds is 0 or > 86_400)
        {
            throw new UsageException($"--wait takes seconds, from 1 to 86400, not \"{text}\"");
        }

        return BucketArgument.Run(result.GetValue(_url)!, async (store, url, cancellationToken) =>
        {
            var status = await ClusterStatus.ReadAsync(store, url.Options.HeartbeatLimit, cancellationToken).ConfigureAwait(false);
            if (status.Use != ClusterUse.Open)
            {
                StandardStreams.WriteOutput(status.Use == ClusterUse.Asleep ? "asleep already\n" : $"nobody has it open; {status.Holder ?? "its last server"} did not close it: the next start recovers\n");
                return ExitCode.Success;
            }

            if (await status.AskToSleepAsync(store, TimeSpan.FromSeconds(seconds), cancellationToken).ConfigureAwait(false))
            {
                StandardStreams.WriteOutput("asleep\n");
                return ExitCode.Success;
            }

            return Program.Fail($"{status.Holder} has not closed it within {text} s: see its log, or wait longer (--wait)", ExitCode.Failed);
        });
    }
}
