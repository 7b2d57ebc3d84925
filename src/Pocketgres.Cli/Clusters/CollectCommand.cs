using System.CommandLine;
using Pocketgres.Bucket.Collection;
using Pocketgres.Cli.Serve;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>gc</c>: removes from a bucket what a cluster needs no more.</summary>
internal sealed class CollectCommand : ISubcommand
{
    private readonly Argument<string> _url = BucketArgument.Create();
    private readonly Option<bool> _dry = new("--dry-run") { Description = "Say what would be removed, and remove nothing." };

    public CollectCommand()
    {
        Command = new Command("gc", "Remove from the bucket what nothing needs any more: images older than retention= in the URL (7d) and a day, and the log and the pages that only they\n" +
            "need. What branches read stays. The server that has the cluster does this once a day; both may, at once, and it may be interrupted.\n" +
            "Exit codes: 0 done; 1 the store does not answer or refuses; 2 bad URL; 4 no cluster there; 5 damaged, or of a newer version: nothing is removed then.")
        {
            _url, _dry,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail) => BucketArgument.Run(result.GetValue(_url)!, async (store, url, cancellationToken) =>
    {
        bool isDry = result.GetValue(_dry);
        var done = await new Collector(store, url.Store.Prefix, url.Options.Retention) { IsDry = isDry, Step = TestHooks.BucketStep() }.RunAsync(cancellationToken).ConfigureAwait(false);
        StandardStreams.WriteOutput(FormattableString.Invariant(
            $"{(isDry ? "would remove" : "removed")} {done.Images} images, {done.Records} log records and {done.Packs} packs, {done.Bytes} of {done.StoredBytes} bytes; "));
        StandardStreams.WriteOutput(FormattableString.Invariant(
            $"any moment since {done.Oldest.UtcDateTime:u} can be restored; branches that read from here: {done.Branches}\n"));
        return ExitCode.Success;
    });
}
