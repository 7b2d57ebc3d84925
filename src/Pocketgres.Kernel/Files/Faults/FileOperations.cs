namespace Pocketgres.Kernel.Files.Faults;

/// <summary>Kinds of calls to a file system, for counting and for choosing which ones fail.</summary>
[Flags]
public enum FileOperations
{
    /// <summary>No call.</summary>
    None = 0,

    /// <summary>open(2), also when it creates or truncates.</summary>
    Open = 0x1,

    /// <summary>read(2), pread(2), preadv(2).</summary>
    Read = 0x2,

    /// <summary>write(2), pwrite(2), pwritev(2).</summary>
    Write = 0x4,

    /// <summary>fsync(2), fdatasync(2), syncfs(2).</summary>
    Sync = 0x8,

    /// <summary>truncate(2), ftruncate(2), posix_fallocate(3).</summary>
    Resize = 0x10,

    /// <summary>rename(2).</summary>
    Rename = 0x20,

    /// <summary>unlink(2), rmdir(2).</summary>
    Remove = 0x40,

    /// <summary>mkdir(2), link(2), symlink(2).</summary>
    Create = 0x80,

    /// <summary>chmod(2), utimensat(2).</summary>
    SetStatus = 0x100,

    /// <summary>stat(2), access(2), readlink(2), getdents(2), statfs(2).</summary>
    Look = 0x200,

    /// <summary>What changes files or their durability.</summary>
    Changes = Write | Sync | Resize | Rename | Remove | Create,

    /// <summary>Every call.</summary>
    All = 0x3FF,
}

/// <summary>One call, as rules and observers see it.</summary>
/// <param name="Operation">Its kind, a single flag.</param>
/// <param name="Path">Path in the file system; the old one for rename(2).</param>
public readonly record struct FileCall(FileOperations Operation, string Path);
