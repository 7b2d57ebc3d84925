using System.CommandLine;
using System.Diagnostics;
using Pocketgres.ObjectStore;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>probe</c>: whether a store can hold a cluster.</summary>
internal sealed class ProbeCommand : ISubcommand
{
    private readonly Argument<string> _url = BucketArgument.Create();

    public ProbeCommand()
    {
        Command = new Command("probe", "Find out whether a store can hold a cluster: creates an object twice below the prefix, which must fail the second time, reads it, a part of it, and\n" +
            "removes it. Exit codes: 0 it can; 1 it cannot, does not answer or refuses; 2 bad URL.")
        {
            _url,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail) => BucketArgument.Run(result.GetValue(_url)!, async (store, url, cancellationToken) =>
    {
        await StoreProbe.RunAsync(store, "", cancellationToken).ConfigureAwait(false);

        // The first request pays for the connection; this one is what a commit waits for at least.
        long start = Stopwatch.GetTimestamp();
        _ = await store.GetAsync("probe/none", null, cancellationToken).ConfigureAwait(false);
        StandardStreams.WriteOutput(FormattableString.Invariant(
            $"{store.Name} can hold a cluster: it creates an object only if there is none, and returns what was written; a request takes {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0.0} ms\n"));
        return ExitCode.Success;
    });
}
