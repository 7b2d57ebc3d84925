using System.Diagnostics;
using System.Diagnostics.Metrics;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Diagnostics;

/// <summary>The statistics of all instances of this process as instruments of one meter. Thread-safe; nothing is read until somebody collects.</summary>
internal static class InstanceMeter
{
    // A collection asks one instrument after the other: all of them see the same reading.
    private static readonly TimeSpan s_validFor = TimeSpan.FromSeconds(1);

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<PostgresServer, (string Name, ServerStatistics Statistics)> s_servers = [];
    private static readonly Dictionary<string, List<Measurement<double>>> s_values = new(StringComparer.Ordinal);
    private static readonly Stopwatch s_age = new();
    private static Meter? s_meter;

    /// <summary>Adds an instance's server, which is removed when the instance has ended.</summary>
    public static void Add(string url, PostgresServer server, Task ended)
    {
        lock (s_lock)
        {
            s_servers.Add(server, (NameFor(url), new ServerStatistics(server)));
            if (s_meter is null)
            {
                s_meter = new Meter(PocketgresTelemetry.MeterName);
                _ = Task.Run(MakeInstruments); // the first instance need not wait for it
            }
        }

        _ = ended.ContinueWith(
            _ =>
            {
                lock (s_lock)
                {
                    s_servers.Remove(server);
                }
            },
            TaskScheduler.Default);
    }

    // Its URL, and a number if others have the same: a low one, so that the instances of many tests are few to a collector.
    private static string NameFor(string url)
    {
        var taken = s_servers.Values.Select(s => s.Name).ToHashSet();
        return Enumerable.Range(1, taken.Count + 1).Select(i => i == 1 ? url : $"{url} ({i})").First(n => !taken.Contains(n));
    }

    private static void MakeInstruments()
    {
        // Of the process (process_*), an application has its own.
        foreach (var metric in ServerStatistics.Metrics.Where(m => !m.Name.StartsWith("process_", StringComparison.Ordinal)))
        {
            _ = metric.IsCounter
                ? s_meter!.CreateObservableCounter(metric.Name, () => Values(metric.Name), description: metric.Description)
                : (Instrument)s_meter!.CreateObservableGauge(metric.Name, () => Values(metric.Name), description: metric.Description);
        }
    }

    private static Measurement<double>[] Values(string name)
    {
        lock (s_values)
        {
            if (!s_age.IsRunning || s_age.Elapsed > s_validFor)
            {
                Task.Run(ReadAsync).GetAwaiter().GetResult(); // collectors are synchronous
                s_age.Restart();
            }

            return s_values.TryGetValue(name, out var values) ? [.. values] : [];
        }
    }

    private static async Task ReadAsync()
    {
        (string Name, ServerStatistics Statistics)[] servers;
        lock (s_lock)
        {
            servers = [.. s_servers.Values];
        }

        var readings = await Task.WhenAll(servers.Select(s => s.Statistics.ReadAsync())).ConfigureAwait(false);
        s_values.Clear();
        foreach (var (server, reading) in servers.Zip(readings))
        {
            foreach (var (metric, samples) in reading)
            {
                if (!s_values.TryGetValue(metric.Name, out var values))
                {
                    s_values[metric.Name] = values = [];
                }

                values.AddRange(samples.Select(sample => new Measurement<double>(
                    sample.Value, [new(PocketgresTelemetry.InstanceTag, server.Name), .. metric.Labels.Zip(sample.Labels, (n, v) => new KeyValuePair<string, object?>(n, v))])));
            }
        }
    }
}
