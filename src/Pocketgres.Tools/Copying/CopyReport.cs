namespace Pocketgres.Copying;

/// <summary>How to copy.</summary>
public sealed record DatabaseCopyOptions
{
    /// <summary>Remove all that is in the target first, instead of refusing a target that is not empty. It is gone then, also when the copy fails later.</summary>
    public bool Replace { get; init; }

    /// <summary>How many tables are copied at the same time. Two by default.</summary>
    public int Jobs { get; init; } = 2;

    /// <summary>Keep owners and grants; every role of the source must be in the target. By default everything belongs to the target's user.</summary>
    public bool Owners { get; init; }

    /// <summary>The program pg_dump, which must not be older than the source; null for the one in this process, or, where the source is newer or is reached over TLS, one in PATH or where Debian has it.</summary>
    public string? PgDump { get; init; }

    /// <summary>The snapshot of the source that is copied, which somebody else holds; null for one of its own.</summary>
    internal string? Snapshot { get; init; }
}

/// <summary>What was copied; both sides were counted, and their checksums are equal.</summary>
/// <param name="Tables">Tables with rows of their own.</param>
/// <param name="Rows">Their rows.</param>
/// <param name="LargeObjects">Large objects.</param>
/// <param name="LeftBehind">What the source has and the target does not, or has otherwise; a line each.</param>
public sealed record DatabaseCopyReport(int Tables, long Rows, int LargeObjects, IReadOnlyList<string> LeftBehind);

/// <summary>How far a copy is.</summary>
/// <param name="What">What was finished last.</param>
/// <param name="Done">Estimated share of the work, from 0 to 1.</param>
public sealed record DatabaseCopyProgress(string What, double Done);
