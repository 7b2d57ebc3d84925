using System.CommandLine;
using System.Globalization;
using Pocketgres.Bucket;
using Pocketgres.ObjectStore;

namespace Pocketgres.Cli.ObjectStores;

/// <summary><c>branch</c>: another cluster in the bucket, which begins as one that is there, now or at a moment.</summary>
internal sealed class BranchCommand : ISubcommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly Argument<string> _origin = new("URL") { Description = "The cluster, as s3://BUCKET/PREFIX; it may be open and at work." };

    private readonly Argument<string> _target = new("NEW_URL") { Description = "Where the branch is to be, in the same bucket; nothing may be there." };

    private readonly Option<string?> _at = new("--at")
    {
        HelpName = "TIME",
        Arity = ArgumentArity.ExactlyOne,
        Description = "As the cluster was then (2026-11-24T10:00:00Z; without a zone it is UTC): what was stored by then, and nothing newer.",
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
        if (origin.Bucket != target.Bucket || origin.Parameters.GetValueOrDefault("endpoint") != target.Parameters.GetValueOrDefault("endpoint"))
        {
            throw new UsageException($"{target} is in another bucket than {origin}: a branch uses the objects of its origin, so it must be in the same one");
        }

        DateTime? time = null;
        if (result.GetValue(_at) is { } text)
        {
            const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
            time = DateTime.TryParse(text, CultureInfo.InvariantCulture, Utc, out var moment)
                ? moment
                : throw new UsageException($"--at is \"{text}\": write a time such as 2026-11-24T10:00:00Z");
        }

        return CommandFailure.Guard(async cancellationToken =>
        {
            using var bucket = new RetryingObjectStore(origin.Open(Environment.GetEnvironmentVariable), s_patience);
            var point = await new Branching(bucket, origin.Prefix, target.Prefix).RunAsync(time, cancellationToken).ConfigureAwait(false);
            StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture, $"{target} is a branch of {origin} at log record {point.Sequence}\n"));
            return ExitCode.Success;
        });
    }

    private static StoreUrl Read(string text) => BucketUrl.TryParse(text, out var url, out string? error) ? url.Store : throw new UsageException(error);
}
