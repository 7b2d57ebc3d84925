using System.CommandLine;
using System.Globalization;
using System.Text;
using Pocketgres.Bucket;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.History;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>points</c>: the moments that a cluster in a bucket can be restored to.</summary>
internal sealed class PointsCommand : ISubcommand
{
    private const int Shown = 20;

    private readonly Argument<string> _url = BucketArgument.Create();
    private readonly Option<bool> _all = new("--all") { Description = "Every image, not the newest twenty and the oldest." };
    private readonly Option<bool> _json = new("--json") { Description = "One line of JSON." };

    public PointsCommand()
    {
        Command = new Command("points", "Show the moments that a cluster in a bucket can be restored to, by branch --at: its images and the end of its log, each with its place in the log and its\n" +
            "time. Any moment between the first and the last can be had; one shortly behind an image is the quickest to open.\n" +
            "Exit codes: 0 shown; 1 the store does not answer or refuses; 2 bad URL; 4 no cluster there; 5 damaged, or of a newer version.")
        {
            _url, _all, _json,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail) => BucketArgument.Run(result.GetValue(_url)!, async (store, url, cancellationToken) =>
    {
        var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
            ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name}");
        var all = new Inventory(await store.ListAsync("", null, cancellationToken).ConfigureAwait(false));
        var points = new List<(HistoryPoint Point, bool IsImage)>();
        if (all.Images.Count > 0)
        {
            var history = new LogHistory(store, FormatObject.Decode(format.Content).Cluster, all);
            var numbers = all.Images.Select(i => i.Number).ToList();
            foreach (long number in result.GetValue(_all) || numbers.Count <= Shown ? numbers : [numbers[0], .. numbers[^Shown..]])
            {
                points.Add((await history.AtAsync(number, cancellationToken).ConfigureAwait(false), true));
            }

            if (history.Last > numbers[^1])
            {
                points.Add((await history.AtAsync(history.Last, cancellationToken).ConfigureAwait(false), false));
            }
        }

        StandardStreams.WriteOutput(result.GetValue(_json) ? Json(points) : Table(points));
        return ExitCode.Success;
    });

    private static string Table(List<(HistoryPoint Point, bool IsImage)> points)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{"record",16}  {"lsn",17}  {"time",-28}  what\n");
        foreach (var (point, isImage) in points)
        {
            text.Append(CultureInfo.InvariantCulture, $"{point.Record,16}  {HistoryPoint.Write(point.Lsn),17}  {point.Time:yyyy-MM-ddTHH:mm:ss.fffffffZ}  {(isImage ? "image" : "end of the log")}\n");
        }

        return text.ToString();
    }

    private static string Json(List<(HistoryPoint Point, bool IsImage)> points)
    {
        var json = new StringBuilder("[");
        foreach (var (point, isImage) in points)
        {
            json.Append(json.Length > 1 ? ", " : "").Append(CultureInfo.InvariantCulture,
                $"{{\"record\": {point.Record}, \"lsn\": \"{HistoryPoint.Write(point.Lsn)}\", \"time\": \"{point.Time:yyyy-MM-ddTHH:mm:ss.fffffffZ}\", \"image\": {(isImage ? "true" : "false")}}}");
        }

        return json.Append("]\n").ToString();
    }
}
