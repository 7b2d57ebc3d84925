namespace Pocketgres.Kernel.Files;

/// <summary>
/// One mounted file system. Paths are absolute inside it ("/", "/base/1"), '/'-separated and already normalised (no ".", ".." or "//").
/// Every call is made by the process that holds the kernel's lock, so implementations need no lock of their own;
/// only <see cref="OpenFile.Sync"/> runs without it. Errors are return values: Postgres probes for missing files all the time.
/// </summary>
public interface IFileSystem
{
    /// <summary>open(2). On success <paramref name="file"/> has one reference.</summary>
    Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file);

    /// <summary>stat(2), or lstat(2) when <paramref name="followLink"/> is false.</summary>
    Errno Stat(string path, bool followLink, out FileStatus status);

    /// <summary>mkdir(2).</summary>
    Errno MakeDirectory(string path, int mode);

    /// <summary>rmdir(2).</summary>
    Errno RemoveDirectory(string path);

    /// <summary>unlink(2).</summary>
    Errno Unlink(string path);

    /// <summary>rename(2): replaces an existing <paramref name="target"/> atomically.</summary>
    Errno Rename(string from, string target);

    /// <summary>link(2).</summary>
    Errno Link(string existing, string created);

    /// <summary>symlink(2): <paramref name="target"/> is stored as given.</summary>
    Errno SymbolicLink(string target, string path);

    /// <summary>readlink(2).</summary>
    Errno ReadLink(string path, out string target);

    /// <summary>chmod(2); only the permission bits of <paramref name="mode"/> count.</summary>
    Errno ChangeMode(string path, int mode);

    /// <summary>utimensat(2), times in nanoseconds since 1970; null leaves a time as it is.</summary>
    Errno SetTimes(string path, bool followLink, long? accessed, long? modified);

    /// <summary>truncate(2).</summary>
    Errno Truncate(string path, long length);

    /// <summary>access(2); <paramref name="mode"/> is a mask of R_OK 4, W_OK 2, X_OK 1.</summary>
    Errno Access(string path, int mode);

    /// <summary>statfs(2).</summary>
    Errno StatFileSystem(string path, out FileSystemStatus status);

    /// <summary>
    /// Finds the first symbolic link among the components of <paramref name="path"/> (the last one counts only with
    /// <paramref name="includeLast"/>), so that the mount table can follow it into another file system.
    /// A file system that follows links by itself (the host's) answers false.
    /// </summary>
    /// <param name="path">Path inside this file system.</param>
    /// <param name="includeLast">Whether a link in the last component counts.</param>
    /// <param name="linkEnd">Index just behind the link's own component.</param>
    /// <param name="target">The link's text.</param>
    bool FindLink(string path, bool includeLast, out int linkEnd, out string target)
    {
        linkEnd = 0;
        target = "";
        return false;
    }

    /// <summary>N when opening <paramref name="path"/> means dup(N), as for /dev/fd/N and /dev/stdin; else -1.</summary>
    int DescriptorAlias(string path) => -1;
}

/// <summary>open(2) flags with the values of Linux on 32-bit, which the translated C library uses.</summary>
[Flags]
public enum OpenFlags
{
#pragma warning disable CS1591
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    AccessMode = 3,
    Create = 0x40,
    Exclusive = 0x80,
    Truncate = 0x200,
    Append = 0x400,
    NonBlocking = 0x800,
    DataSync = 0x1000,
    Direct = 0x4000,
    Directory = 0x10000,
    NoFollow = 0x20000,
    CloseOnExec = 0x80000,
    Sync = 0x101000,
#pragma warning restore CS1591
}

/// <summary>What stat(2) reports. Times are nanoseconds since 1970. <paramref name="Mode"/> holds the file type bits too (0x4000 directory, 0x8000 file, 0xA000 link).</summary>
public readonly record struct FileStatus(
    long Device, long Inode, int Mode, int Links, int UserId, int GroupId, long Size, long Blocks, long Accessed, long Modified, long Changed)
{
    /// <summary>Mask of the file type bits in <see cref="Mode"/>.</summary>
    public const int TypeMask = 0xF000;

    /// <summary>True for a directory.</summary>
    public bool IsDirectory => (Mode & TypeMask) == 0x4000;

    /// <summary>True for a regular file.</summary>
    public bool IsRegular => (Mode & TypeMask) == 0x8000;

    /// <summary>True for a symbolic link.</summary>
    public bool IsLink => (Mode & TypeMask) == 0xA000;
}

/// <summary>What statfs(2) reports, in blocks of <paramref name="BlockSize"/> bytes.</summary>
public readonly record struct FileSystemStatus(int BlockSize, long Blocks, long FreeBlocks, long AvailableBlocks, long Files, long FreeFiles);

/// <summary>A directory entry; <paramref name="Type"/> is DT_DIR 4, DT_REG 8, DT_LNK 10, DT_SOCK 12, DT_FIFO 1, DT_CHR 2, DT_UNKNOWN 0.</summary>
public sealed record DirectoryEntry(string Name, long Inode, byte Type);
