using System.Globalization;
using System.Text;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http;

/// <summary>
/// Metrics in Prometheus' text format, version 0.0.4. Written here and not by OpenTelemetry's exporter, because that never forgets labels it has once seen: after
/// 2,000 tables came and went, it reports no new ones.
/// </summary>
internal static class PrometheusText
{
    /// <summary>What it is served as.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>The text of readings; of metrics without a value there is none.</summary>
    public static string Of(IEnumerable<MetricReading> readings)
    {
        var text = new StringBuilder();
        foreach (var (metric, samples) in readings)
        {
            if (samples.Count == 0)
            {
                continue;
            }

            text.Append("# HELP ").Append(metric.Name).Append(' ').Append(metric.Description.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal));
            text.Append("\n# TYPE ").Append(metric.Name).Append(metric.IsCounter ? " counter\n" : " gauge\n");
            foreach (var sample in samples)
            {
                text.Append(metric.Name);
                AppendLabels(text, metric.Labels, sample.Labels);
                text.Append(' ').Append(Number(sample.Value)).Append('\n');
            }
        }

        return text.ToString();
    }

    private static void AppendLabels(StringBuilder text, IReadOnlyList<string> names, IReadOnlyList<string> values)
    {
        for (int i = 0; i < names.Count; i++)
        {
            text.Append(i == 0 ? '{' : ',').Append(names[i]).Append("=\"");
            foreach (char c in values[i])
            {
                _ = c switch
                {
                    '\\' => text.Append("\\\\"),
                    '"' => text.Append("\\\""),
                    '\n' => text.Append("\\n"),
                    _ => text.Append(c),
                };
            }

            text.Append('"');
        }

        if (names.Count > 0)
        {
            text.Append('}');
        }
    }

    private static string Number(double value) => double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);
}
