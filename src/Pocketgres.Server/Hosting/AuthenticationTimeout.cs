using System.Globalization;
using Pocketgres.Engine;

namespace Pocketgres.Server.Hosting;

/// <summary>PostgreSQL's <c>authentication_timeout</c>, for the part of it that a client spends with the host.</summary>
internal static class AuthenticationTimeout
{
    private const string Name = "authentication_timeout";
    private static readonly TimeSpan s_default = TimeSpan.FromMinutes(1), s_minimum = TimeSpan.FromSeconds(1), s_maximum = TimeSpan.FromMinutes(10); // guc_tables.c
    private static readonly (string Unit, double Seconds)[] s_units = [("us", 1e-6), ("ms", 1e-3), ("min", 60), ("s", 1), ("h", 3600), ("d", 86400)];

    /// <summary>What the settings say.</summary>
    /// <exception cref="ClusterException">It is no time, or out of range.</exception>
    public static TimeSpan Of(IReadOnlyDictionary<string, string> settings)
    {
        if (!settings.TryGetValue(Name, out string? text))
        {
            return s_default;
        }

        var (unit, seconds) = s_units.FirstOrDefault(u => text.TrimEnd().EndsWith(u.Unit, StringComparison.Ordinal), ("", 1));
        return double.TryParse(text.TrimEnd()[..^unit.Length], NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value * seconds >= s_minimum.TotalSeconds && value * seconds <= s_maximum.TotalSeconds
            ? TimeSpan.FromSeconds(value * seconds)
            : throw new ClusterException(ClusterError.StartFailed, $"{Name} is \"{text}\": use 1s to 10min");
    }
}
