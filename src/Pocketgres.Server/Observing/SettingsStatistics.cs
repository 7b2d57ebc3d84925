using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Observing;

/// <summary>Settings that are numbers or switches as metrics <c>pg_settings_NAME</c>, in seconds and bytes, as postgres_exporter has them.</summary>
internal static class SettingsStatistics
{
    private const string Query = """
        SELECT name, setting, coalesce(unit, ''), short_desc FROM pg_catalog.pg_settings
        WHERE vartype IN ('bool', 'integer', 'real') AND name !~ '[^A-Za-z0-9_.]' ORDER BY name
        """;

    private static readonly Dictionary<string, (string Suffix, double Factor)> s_units = new(StringComparer.Ordinal)
    {
        [""] = ("", 1),
        ["us"] = ("_seconds", 1e-6),
        ["ms"] = ("_seconds", 1e-3),
        ["s"] = ("_seconds", 1),
        ["min"] = ("_seconds", 60),
        ["h"] = ("_seconds", 3600),
        ["d"] = ("_seconds", 86400),
        ["B"] = ("_bytes", 1),
        ["kB"] = ("_bytes", 1 << 10),
        ["8kB"] = ("_bytes", 8 << 10),
        ["16kB"] = ("_bytes", 16 << 10),
        ["MB"] = ("_bytes", 1 << 20),
        ["GB"] = ("_bytes", 1 << 30),
    };

    /// <summary>Reads them.</summary>
    public static async Task<IReadOnlyList<MetricReading>> ReadAsync(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(Query, connection) { AllResultTypesAreUnknown = true };
        var readings = new List<MetricReading>();
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            string name = reader.GetString(0), setting = reader.GetString(1);
            if (s_units.TryGetValue(reader.GetString(2), out var unit))
            {
                double value = setting switch { "on" => 1, "off" => 0, _ => double.Parse(setting, CultureInfo.InvariantCulture) };
                readings.Add(new MetricReading(
                    new Metric($"pg_settings_{name.Replace('.', '_')}{unit.Suffix}", reader.GetString(3), IsCounter: false, []),
                    [new Sample([], value == -1 ? value : value * unit.Factor)])); // -1 is no amount: it means off, or as another setting
            }
        }

        return readings;
    }
}
