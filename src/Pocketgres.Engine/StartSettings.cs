namespace Pocketgres.Engine;

/// <summary>
/// Settings of ours that are on or off, given at start (not in configuration files, which Postgres reads). To Postgres they are custom settings, which it shows and does not look at.
/// </summary>
internal static class StartSettings
{
    /// <summary>A thread whose waits are short looks for its next event for a moment before it sleeps.</summary>
    public const string BusyWait = "pocketgres.busy_wait";

    /// <summary>Processes run beside each other, on as many cores as there are; off: one at a time.</summary>
    public const string SeveralCores = "pocketgres.several_cores";

    /// <summary>A session does not parse and analyse an unnamed statement again that it has run before.</summary>
    public const string StatementCache = "pocketgres.statement_cache";

    /// <summary>The server is in binary upgrade mode, as pg_upgrade has its servers (<c>postgres -b</c>). Off unless it is asked for.</summary>
    public const string BinaryUpgrade = "pocketgres.binary_upgrade";

    /// <summary>What the settings say about this one.</summary>
    /// <exception cref="ClusterException">A value that is neither on nor off.</exception>
    public static bool IsOn(IReadOnlyDictionary<string, string> settings, string name, bool byDefault = true) => settings.GetValueOrDefault(name, byDefault ? "on" : "off") switch
    {
        "on" => true,
        "off" => false,
        var other => throw new ClusterException(ClusterError.StartFailed, $"{name} is \"{other}\": use on or off."),
    };
}
