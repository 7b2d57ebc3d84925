namespace Pocketgres.Server.Sleeping;

/// <summary>Where a cluster is between sleep and wake.</summary>
public enum SleepState
{
    /// <summary>It is in its bucket only: nothing runs, nothing is asked.</summary>
    Asleep,

    /// <summary>It is being opened; connections wait.</summary>
    Waking,

    /// <summary>It serves.</summary>
    Awake,

    /// <summary>It is being closed; connections wait, and wake it again.</summary>
    GoingToSleep,
}
