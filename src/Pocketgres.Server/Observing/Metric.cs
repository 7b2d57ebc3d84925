namespace Pocketgres.Server.Observing;

/// <summary>What is measured.</summary>
/// <param name="Name">Name, postgres_exporter's where it means the same.</param>
/// <param name="Description">What it is, in a line.</param>
/// <param name="IsCounter">Whether it only grows while the server runs.</param>
/// <param name="Labels">Names of the labels.</param>
public sealed record Metric(string Name, string Description, bool IsCounter, IReadOnlyList<string> Labels);

/// <summary>One value of a metric.</summary>
/// <param name="Labels">The labels' values, in the order of their names.</param>
/// <param name="Value">The value.</param>
public readonly record struct Sample(IReadOnlyList<string> Labels, double Value);

/// <summary>A metric and its values at one time.</summary>
/// <param name="Metric">What was measured.</param>
/// <param name="Samples">The values; none when there was nothing to measure.</param>
public sealed record MetricReading(Metric Metric, IReadOnlyList<Sample> Samples);
