using Microsoft.Extensions.Logging;

namespace Pocketgres.Directories;

/// <summary>How a data directory is copied.</summary>
internal sealed record MoveOptions
{
    /// <summary>The superuser, if nothing else is said.</summary>
    public const string DefaultUser = "postgres";

    /// <summary>Where from and to.</summary>
    public required MoveKind Kind { get; init; }

    /// <summary>Whether the copy is for this server.</summary>
    public bool IsImport => Kind == MoveKind.Import;

    /// <summary>Does everything and keeps nothing.</summary>
    public bool IsTrial { get; init; }

    /// <summary>Whether the source is the state of a running server, whose log is replayed as a matter of course.</summary>
    public bool IsSnapshot { get; init; }

    /// <summary>Builds indexes anew whose order is another one here.</summary>
    public bool Reindex { get; init; }

    /// <summary>A superuser of the cluster.</summary>
    public string User { get; init; } = DefaultUser;

    /// <summary>The directory of the configuration files, if they are elsewhere.</summary>
    public string? Configuration { get; init; }

    /// <summary>Gets the log of the copy's server.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Told how far it is, on the thread that does it.</summary>
    public IProgress<DirectoryProgress>? Progress { get; init; }

    /// <summary>Tells it.</summary>
    public void Report(DirectoryPhase phase, long bytes, string? name = null) => Progress?.Report(new DirectoryProgress(phase, bytes, name));
}

/// <summary>Directions.</summary>
internal enum MoveKind
{
    /// <summary>From a native server, PGlite, or an earlier version, to this server.</summary>
    Import,

    /// <summary>From this server to a native one.</summary>
    ToNative,

    /// <summary>From this server to an archive that PGlite loads.</summary>
    ToPGlite,
}
