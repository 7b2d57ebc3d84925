namespace Pocketgres;

/// <summary>How <see cref="PostgresInstance.DumpAsync"/> dumps.</summary>
public sealed record DumpOptions
{
    /// <summary>Options of pg_dump, but for those that name a server or a file: <c>["--schema-only"]</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>How <see cref="PostgresInstance.RestoreAsync"/> restores.</summary>
public sealed record RestoreOptions
{
    /// <summary>Removes all that is in the database first.</summary>
    public bool Replace { get; init; }

    /// <summary>Passes over errors, as pg_restore and psql do by themselves, and keeps what came.</summary>
    public bool KeepGoing { get; init; }

    /// <summary>Options of pg_restore (archives) or psql (scripts): <c>["--no-owner", "--jobs=4"]</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>How <see cref="PostgresInstance.ExportAsync"/> exports.</summary>
public sealed record ExportOptions
{
    /// <summary>For which server.</summary>
    public ExportFormat Format { get; init; }
}

/// <summary>Servers that a cluster is exported for.</summary>
public enum ExportFormat
{
    /// <summary>A data directory for a native PostgreSQL 18 on x86-64.</summary>
    Native,

    /// <summary>An archive (.tgz) that PGlite of PostgreSQL 18 loads by <c>loadDataDir</c>.</summary>
    PGlite,
}

/// <summary>How <see cref="PostgresInstance.ImportAsync"/> imports.</summary>
public sealed record ImportOptions
{
    /// <summary>Builds indexes anew whose order is another one here; without it a directory that has some is refused.</summary>
    public bool Reindex { get; init; }

    /// <summary>Does everything and keeps nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>A superuser of the cluster.</summary>
    public string User { get; init; } = "postgres";

    /// <summary>Where postgresql.conf is, if not in the data directory; null to look where Debian has it.</summary>
    public string? ConfigurationDirectory { get; init; }
}
