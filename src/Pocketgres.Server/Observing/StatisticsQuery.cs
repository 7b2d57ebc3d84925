using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Observing;

/// <summary>A query whose first columns are labels and whose other ones are metrics. A metric that is NULL has no value.</summary>
internal sealed partial class StatisticsQuery
{
    private readonly string _sql;

    private StatisticsQuery(string sql, string[] labels, params (string Name, string Description, bool IsCounter)[] metrics)
    {
        _sql = sql;
        Metrics = [.. metrics.Select(m => new Metric(m.Name, m.Description, m.IsCounter, labels))];
    }

    /// <summary>The metrics, in the order of the columns.</summary>
    public IReadOnlyList<Metric> Metrics { get; }

    /// <summary>Asks.</summary>
    /// <exception cref="PostgresException">The query failed; the connection can be used for others.</exception>
    public async Task<IReadOnlyList<MetricReading>> ReadAsync(NpgsqlConnection connection)
    {
#pragma warning disable CA2100 // One of our own queries.
        using var command = new NpgsqlCommand(_sql, connection) { AllResultTypesAreUnknown = true };
#pragma warning restore CA2100
        var samples = Metrics.Select(_ => new List<Sample>()).ToArray();
        int labelCount = Metrics[0].Labels.Count;
        await using (var reader = await command.ExecuteReaderAsync().ConfigureAwait(false))
        {
            while (await reader.ReadAsync().ConfigureAwait(false))
            {
                string[] labels = [.. Enumerable.Range(0, labelCount).Select(reader.GetString)];
                for (int i = 0; i < samples.Length; i++)
                {
                    if (!reader.IsDBNull(labelCount + i))
                    {
                        samples[i].Add(new Sample(labels, double.Parse(reader.GetString(labelCount + i), CultureInfo.InvariantCulture)));
                    }
                }
            }
        }

        return [.. Metrics.Zip(samples, (metric, values) => new MetricReading(metric, values))];
    }

    private static (string Name, string Description, bool IsCounter) Counter(string name, string description) => (name, description, true);

    private static (string Name, string Description, bool IsCounter) Gauge(string name, string description) => (name, description, false);
}
