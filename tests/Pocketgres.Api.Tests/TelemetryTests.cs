using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Pocketgres.Api.Tests;

/// <summary>What an application's OpenTelemetry sees.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Instances_have_instruments_while_they_run()
    {
        var values = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, l) => Enable(instrument, l) };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => values[instrument.Name + string.Concat(tags.ToArray().Select(t => $" {t.Key}={t.Value}").Order(StringComparer.Ordinal))] = value);
        listener.Start();
        string database = $"telemetry{Guid.NewGuid():N}";
        await using (var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", Database = database }))
        {
            await using (var connection = await pg.DataSource.OpenConnectionAsync())
            {
                await using var command = new NpgsqlCommand("create table t as select generate_series(1, 7); select pg_stat_force_next_flush()", connection);
                await command.ExecuteNonQueryAsync();
            }

            await using var copy = await pg.CloneAsync();
            await UntilAsync(() => values.Keys.Count(k => k.StartsWith($"pg_database_size_bytes datname={database} ", StringComparison.Ordinal)) == 2);
            string[] instances = [.. values.Where(v => v.Key.StartsWith($"pg_stat_user_tables_n_live_tup datname={database} ", StringComparison.Ordinal)).Select(v => v.Key.Split('=')[2])];
            Assert.Equal(2, instances.Distinct().Count());
            Assert.All(instances, i => Assert.Matches(@"^memory:( \(\d+\))? relname$", i));

            // One of the two was cloned, once.
            Assert.Equal([0, 1], Of("pocketgres_clones").Where(v => instances.Contains(v.Instance + " relname")).Select(v => v.Value).Order());
            Assert.Equal([0, 1], Of("pocketgres_snapshots_total").Where(v => instances.Contains(v.Instance + " relname")).Select(v => v.Value).Order());
            Assert.Contains(Of("pocketgres_clone_start_seconds_total"), v => v.Value > 0);
            Assert.All(Of("pocketgres_processes"), v => Assert.True(v.Value > 1));

            IEnumerable<(string Instance, double Value)> Of(string name) =>
                values.Where(v => v.Key.StartsWith(name + " pocketgres.instance=", StringComparison.Ordinal)).Select(v => (v.Key.Split('=')[1], v.Value));
        }

        await UntilAsync(() => !values.Keys.Any(k => k.Contains(database, StringComparison.Ordinal)));

        async Task UntilAsync(Func<bool> condition)
        {
            for (var patience = Stopwatch.StartNew(); ; await Task.Delay(100))
            {
                values.Clear();
                listener.RecordObservableInstruments();
                if (condition())
                {
                    return;
                }

                Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), string.Join('\n', values.Keys.Order(StringComparer.Ordinal)));
            }
        }

        static void Enable(Instrument instrument, MeterListener listener)
        {
            if (instrument.Meter.Name == PocketgresTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        }
    }

    [Fact]
    public async Task Starts_copies_and_stops_are_activities()
    {
        var done = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == PocketgresTelemetry.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = done.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var root = new Activity("test");
        root.Start();
        await using (var pg = await PostgresInstance.StartAsync("memory:"))
        {
            await using var copy = await pg.CloneAsync();
            await copy.StopAsync();
            await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync("file:/dev/null/nowhere"));
        }

        Activity[] ours = [.. done.Where(a => a.RootId == root.RootId)];
        Assert.Equal(["pocketgres.start", "pocketgres.clone", "pocketgres.stop", "pocketgres.start"], ours.Select(a => a.OperationName));
        Assert.Equal(("memory:", ActivityStatusCode.Unset), (ours[1].GetTagItem("pocketgres.instance"), ours[1].Status));
        Assert.Equal(ActivityStatusCode.Error, ours[3].Status);
    }
}
