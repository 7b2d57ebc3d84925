using System.CommandLine;
using System.Text;
using Pocketgres.Bucket;
using Pocketgres.Cli.Serve;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>status</c>: what can be seen of a cluster in its bucket.</summary>
internal sealed class StatusCommand : ISubcommand
{
    private readonly Argument<string> _url = BucketArgument.Create();
    private readonly Option<bool> _json = new("--json") { Description = "One line of JSON." };

    public StatusCommand()
    {
        Command = new Command("status", "Show the state of a cluster in a bucket, without opening it: whether it is open, asleep or abandoned, who has it, its newest image, the log\n" +
            "behind it, sizes and objects. Exit codes: 0 shown; 1 the store does not answer or refuses; 2 bad URL; 4 no cluster there; 5 damaged, or of a newer version.")
        {
            _url, _json,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail) => BucketArgument.Run(result.GetValue(_url)!, async (store, url, cancellationToken) =>
    {
        var status = await ClusterStatus.ReadAsync(store, url.Options.HeartbeatLimit, cancellationToken).ConfigureAwait(false);
        StandardStreams.WriteOutput(result.GetValue(_json) ? Json(status) : string.Concat(status.Lines().Select(l => $"{l.Name}: {l.Value}\n")));
        return ExitCode.Success;
    });

    private static string Json(ClusterStatus status)
    {
        var json = new StringBuilder("{");
        foreach (var (name, value) in status.Lines())
        {
            json.Append(json.Length > 1 ? ", " : "").AppendJson(name).Append(": ");
            _ = value.All(char.IsAsciiDigit) && value.Length < 19 ? json.Append(value) : json.AppendJson(value);
        }

        return json.Append("}\n").ToString();
    }
}
