namespace Pocketgres.Kernel.Files.Faults;

/// <summary>How the simulated host behaves between fsyncs.</summary>
public sealed record PowerLossOptions
{
    /// <summary>Decides what reaches the disk without being asked to.</summary>
    public int Seed { get; init; }

    /// <summary>
    /// Chance, 0 to 1, that a write starts to reach the disk at once, as the host's own write-back does. Of such a write each sector arrives or not
    /// with even odds: a torn page.
    /// </summary>
    public double WriteBack { get; init; }

    /// <summary>Chance, 0 to 1, that a change of names (create, rename, unlink) reaches the disk at once, and with it what came before in its directories.</summary>
    public double NameWriteBack { get; init; }

    /// <summary>Bytes that the disk writes as one: 512 or 4096.</summary>
    public int SectorSize { get; init; } = 512;

    /// <summary>Whether syncfs(2) works; else it answers ENOSYS and everything is synced file by file.</summary>
    public bool SyncsWhole { get; init; } = true;

    /// <summary>
    /// fsync of a new file also makes its name durable, as Linux' file systems (ext4, XFS, btrfs) do and as Postgres expects of new relation
    /// files. False is the letter of POSIX.
    /// </summary>
    public bool NamesWithFiles { get; init; } = true;
}
