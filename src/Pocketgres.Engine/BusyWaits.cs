namespace Pocketgres.Engine;

/// <summary>The setting <c>pocketgres.busy_wait</c>, given at start (not in configuration files, which Postgres reads): on by default.</summary>
internal static class BusyWaits
{
    /// <summary>Name of the setting. To Postgres it is a custom one, which it shows and does not look at.</summary>
    public const string Setting = "pocketgres.busy_wait";

    /// <summary>What the settings ask for.</summary>
    /// <exception cref="ClusterException">A value that is neither on nor off.</exception>
    public static bool Allowed(IReadOnlyDictionary<string, string> settings) => settings.GetValueOrDefault(Setting, "on") switch
    {
        "on" => true,
        "off" => false,
        var other => throw new ClusterException(ClusterError.StartFailed, $"{Setting} is \"{other}\": use on or off."),
    };
}
