using System.CommandLine;
using System.Globalization;
using Pocketgres.Bucket;
using Pocketgres.Bucket.History;
using Pocketgres.Cli.Serve;
using Pocketgres.ObjectStore;

namespace Pocketgres.Cli.ObjectStores;

/// <summary><c>branch</c>: another cluster in the bucket, which begins as one that is there, now or at a moment.</summary>
internal sealed class BranchCommand : ISubcommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly Argument<string> _origin = new("URL") { Description = "The cluster, as s3://BUCKET/PREFIX or az://CONTAINER/PREFIX; it may be open and at work." };

    private readonly Argument<string> _target = new("NEW_URL") { Description = "Where the branch is to be, in the same bucket; nothing may be there." };

    private readonly Option<string?> _at = new("--at")
    {
        HelpName = "MOMENT",
        Arity = ArgumentArity.ExactlyOne,
        Description = "As the cluster was then: a time (2026-11-24T10:00:00Z; without a zone it is UTC), or a place in the log (0/1A2B3C4D): what was stored by then, "
            + "and nothing newer. \"points\" shows what can be had.",
    };

    public BranchCommand()
    {
        Command = new Command("branch",
            "Make a branch of a cluster in a bucket: another cluster with the same content, in a few requests whatever the size, as no data are copied.\n" +
            "Both go on independently; the branch has no replication slots. With --at, this restores the cluster to a moment, beside the one that goes on.")
        {
            _origin, _target, _at,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        StoreUrl origin = Read(result.GetValue(_origin)!), target = Read(result.GetValue(_target)!);
        if (!origin.IsSameBucket(target))
        {
            throw new UsageException($"{target} is in another bucket than {origin}: a branch uses the objects of its origin, so it must be in the same one");
        }

        var moment = result.GetValue(_at) is { } text ? Moment(text) : (BranchMoment?)null;
        return CommandFailure.Guard(async cancellationToken =>
        {
            using var bucket = new RetryingObjectStore(origin.Open(Environment.GetEnvironmentVariable), s_patience);
            var (record, _) = await new Branching(bucket, origin.Prefix, target.Prefix) { Step = TestHooks.BucketStep() }.RunAsync(moment, cancellationToken).ConfigureAwait(false);
            StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture, $"{target} is a branch of {origin} at log record {record}\n"));
            return ExitCode.Success;
        });
    }

    private static BranchMoment Moment(string text) =>
        HistoryPoint.TryReadLsn(text, out ulong lsn) ? new BranchMoment(null, lsn)
        : DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? new BranchMoment(time)
        : throw new UsageException($"--at is \"{text}\": write a time such as 2026-11-24T10:00:00Z, or a place in the log such as 0/1A2B3C4D");

    private static StoreUrl Read(string text) => BucketUrl.TryParse(text, out var url, out string? error) ? url.Store : throw new UsageException(error);
}
