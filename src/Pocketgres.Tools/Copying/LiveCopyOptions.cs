namespace Pocketgres.Copying;

/// <summary>How to copy a database that is written meanwhile.</summary>
internal sealed record LiveCopyOptions
{
    /// <summary>How to copy what is there at the beginning.</summary>
    public DatabaseCopyOptions Copy { get; init; } = new();

    /// <summary>How the target's server reaches the source: a URL or libpq's keywords and values. Kept by that server.</summary>
    public required string SourceAtTarget { get; init; }

    /// <summary>Whether to cut over as soon as the target has what the source has.</summary>
    public bool CutOver { get; init; }
}

/// <summary>What a live copy has come to when it was cut over.</summary>
/// <param name="ReadOnly">How long nobody could write, neither at the source nor at the target.</param>
/// <param name="Tables">Tables whose rows were compared.</param>
/// <param name="Rows">Their rows.</param>
/// <param name="LeftBehind">What the target does not have, or has otherwise; a line each.</param>
internal sealed record LiveCopyReport(TimeSpan ReadOnly, int Tables, long Rows, IReadOnlyList<string> LeftBehind);
