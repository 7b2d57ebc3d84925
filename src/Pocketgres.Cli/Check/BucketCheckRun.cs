using Pocketgres.Bucket.Checking;
using Pocketgres.Cli.Clusters;
using Pocketgres.Engine;

namespace Pocketgres.Cli.Check;

/// <summary><c>check</c> of a cluster in a bucket: its objects, and the pages of its newest image.</summary>
internal static class BucketCheckRun
{
    /// <summary>Runs it; returns the exit code.</summary>
    /// <param name="url">The cluster.</param>
    /// <param name="pages">Whether to check the pages too.</param>
    public static int Run(string url, bool pages) => BucketArgument.Run(url, async (store, _, cancellationToken) =>
    {
        var report = await new BucketCheck(store, line => StandardStreams.WriteOutput(line + "\n")).RunAsync(pages, cancellationToken).ConfigureAwait(false);
        long problems = report.Problems.Count + (report.Files?.ProblemCount ?? 0);
        bool isDamaged = report.Problems.Count > 0 || report.Files is { Verdict: CheckVerdict.Damaged };
        string what = FormattableString.Invariant($"{report.Images} images, {report.Records} log records and {report.Packs} packs with {report.Bytes} bytes")
            + (report.Files is { } files ? FormattableString.Invariant($", {files.Pages} pages in {files.Files} files of the newest image") : "")
            + (report.Files is { CleanlyStopped: false } ? "; no server was stopped when that was made, the next start recovers" : "");
        StandardStreams.WriteOutput(
            isDamaged ? FormattableString.Invariant($"damaged: {problems} problems, {what}: branch it at a moment whose objects are whole\n")
            : problems > 0 ? FormattableString.Invariant($"undecided: {problems} problems, {what}: start and stop it once, then check again\n")
            : $"intact: {what}\n");
        return isDamaged ? ExitCode.Damaged : problems > 0 ? ExitCode.Undecided : ExitCode.Success;
    });
}
