using System.Globalization;
using System.Text.Json;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A metric as Prometheus' own parser reads it from `/metrics`.</summary>
/// <param name="Type">counter, gauge; unknown where none is said.</param>
/// <param name="Help">What it is.</param>
/// <param name="Labels">Names of its labels, in order.</param>
/// <param name="Values">Values by their labels: "name=value,...".</param>
sealed record PrometheusMetric(string Type, string Help, IReadOnlyList<string> Labels, IReadOnlyDictionary<string, string> Values)
{
    static readonly JsonSerializerOptions Lower = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The value of these labels.</summary>
    public double this[string labels] => double.Parse(Values[labels], CultureInfo.InvariantCulture);

    /// <summary>Parses what was scraped. Counters have the suffix _total, which the parser adds where it is missing.</summary>
    public static async Task<IReadOnlyDictionary<string, PrometheusMetric>> ParseAsync(string text)
    {
        var environment = new Dictionary<string, string> { ["PYTHONPATH"] = Workspace.PrometheusParser };
        ToolResult parsed = await Tool.RunAsync("/usr/bin/python3", [Path.Combine(Workspace.ClientScripts, "python", "prometheus_parse.py")], environment, input: text);
        return JsonSerializer.Deserialize<Dictionary<string, PrometheusMetric>>(parsed.Succeeded().Output, Lower)!;
    }
}
