namespace Pocketgres.Kernel.Files.Faults;

/// <summary>What a <see cref="PowerLossFileSystem"/> knows of an inode: where the disk has it and what the disk does not have yet.</summary>
internal sealed class PowerLossNode(long inode)
{
    /// <summary>Its number in the cache.</summary>
    public long Inode { get; } = inode;

    /// <summary>A regular file's content on the disk.</summary>
    public OpenFile? Disk { get; set; }

    /// <summary>A regular file's content in the cache.</summary>
    public OpenFile? Cached { get; set; }

    /// <summary>A directory's place on the disk; null while it has no durable name (and for the root).</summary>
    public PowerLossNode? Parent { get; set; }

    /// <summary>A directory's name in <see cref="Parent"/>.</summary>
    public string Name { get; set; } = "";

    public bool IsDirectory { get; init; }

    public bool IsRoot { get; init; }

    /// <summary>Names in the cache, names on the disk, open files, changes not on the disk yet: when all are gone so is the inode.</summary>
    public int CacheNames { get; set; }

    public int DiskNames { get; set; }

    public int Opens { get; set; }

    public int PendingChanges { get; set; }

    public bool IsUnused => CacheNames + DiskNames + Opens + PendingChanges == 0;

    /// <summary>Ranges written and not synced, oldest first; may overlap.</summary>
    public List<(long Start, long End)> Dirty { get; } = [];

    /// <summary>The smallest size since the last sync: what lies behind it on the disk is void.</summary>
    public long CutTo { get; set; } = long.MaxValue;

    /// <summary>Whether the size changed since the last sync.</summary>
    public bool SizeChanged { get; set; }
}

/// <summary>A change of names that the disk does not have yet. A rename is one change, in two directories or one.</summary>
internal sealed class PowerLossChange
{
    public required PowerLossNode Node { get; init; }

    /// <summary>Where the name is taken away, or null.</summary>
    public PowerLossNode? From { get; init; }

    public string FromName { get; init; } = "";

    /// <summary>Where it is added (replacing what has it), or null.</summary>
    public PowerLossNode? To { get; init; }

    public string ToName { get; init; } = "";

    public bool Touches(PowerLossNode directory) => From == directory || To == directory;
}
