namespace Pocketgres.Kernel.Files.Overlays;

/// <summary>
/// Another file system as it was when this object was made, to be changed freely: names, modes and whatever is written live in memory, what nobody has
/// written is read where it lies. The other one is only ever read.
/// </summary>
/// <remarks>
/// The names are read once, at the start; contents are read later, so nobody may change the other file system meanwhile (a file that became shorter is
/// EIO). Sockets and devices are left out. As with <see cref="MemoryFileSystem"/>, symbolic links are followed by the <see cref="MountTable"/>: what
/// they point to outside is not covered. Used under one kernel's lock.
/// Not IDisposable on purpose: it outlives the kernels that mount it. Memory is given back by <see cref="Free"/>.
/// </remarks>
#pragma warning disable CA1001 // see remarks
public sealed class OverlayFileSystem : IFileSystem
#pragma warning restore CA1001
{
    private const int PermissionBits = 0xFFF;

    private readonly MemoryFileSystem _upper = new();
    private readonly IFileSystem _lower;

    // By inode in memory, which is never used again: what an unlinked file leaves here does no harm.
    private readonly Dictionary<long, OverlayNode> _nodes = [];

    /// <summary>Reads the tree of names.</summary>
    /// <param name="lower">What lies below. It stays the caller's and must stay as it is.</param>
    /// <exception cref="FileSystemException">A name or a directory cannot be read.</exception>
    public OverlayFileSystem(IFileSystem lower)
    {
        _lower = lower;
        try
        {
            CopyNames("/", []);
        }
        catch
        {
            _upper.Dispose();
            throw;
        }
    }

    /// <summary>Bytes in memory: what was written, in units of 8 KiB.</summary>
    public long UsedBytes => _upper.UsedBytes;

    internal IFileSystem Lower => _lower;

    internal long LiveChunks => _upper.LiveChunks;

    /// <summary>Gives the memory back, but for files still open.</summary>
    public void Free() => _upper.Dispose();

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        var error = _upper.Open(path, flags, mode, out file);
        if (error != Errno.None || file!.Status(out var status) != Errno.None || !_nodes.TryGetValue(status.Inode, out var node))
        {
            return error;
        }

        node.Cut(status.Size); // O_TRUNC
        file = new OverlayFile(this, node, file);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Truncate(string path, long length)
    {
        var error = _upper.Truncate(path, length);
        if (error == Errno.None && _upper.Stat(path, followLink: true, out var status) == Errno.None && _nodes.TryGetValue(status.Inode, out var node))
        {
            node.Cut(length);
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status) => _upper.Stat(path, followLink, out status);

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => _upper.MakeDirectory(path, mode);

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => _upper.RemoveDirectory(path);

    /// <inheritdoc/>
    public Errno Unlink(string path) => _upper.Unlink(path);

    /// <inheritdoc/>
    public Errno Rename(string from, string target) => _upper.Rename(from, target);

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => _upper.Link(existing, created);

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path) => _upper.SymbolicLink(target, path);

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target) => _upper.ReadLink(path, out target);

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode) => _upper.ChangeMode(path, mode);

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified) => _upper.SetTimes(path, followLink, accessed, modified);

    /// <inheritdoc/>
    public Errno Access(string path, int mode) => _upper.Access(path, mode);

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status) => _upper.StatFileSystem(path, out status);

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target) => _upper.FindLink(path, includeLast, out linkEnd, out target);

    // Files are made empty and given their length: holes until somebody writes. Names of one file below stay names of one file.
    private void CopyNames(string directory, Dictionary<(long Device, long Inode), string> linked)
    {
        FileSystemException.ThrowIf(_lower.Stat(directory, followLink: true, out var directoryStatus), "look at", directory);
        foreach (var entry in FileTree.List(_lower, directory).ToList())
        {
            string path = FileTree.Combine(directory, entry.Name);
            FileSystemException.ThrowIf(_lower.Stat(path, followLink: false, out var status), "look at", path);
            if (status.IsDirectory)
            {
                Must(_upper.MakeDirectory(path, status.Mode & PermissionBits), path);
                CopyNames(path, linked);
            }
            else if (status.Links > 1 && (status.IsLink || status.IsRegular) && !linked.TryAdd((status.Device, status.Inode), path))
            {
                Must(_upper.Link(linked[(status.Device, status.Inode)], path), path);
            }
            else if (status.IsLink)
            {
                FileSystemException.ThrowIf(_lower.ReadLink(path, out string target), "read", path);
                Must(_upper.SymbolicLink(target, path), path);
            }
            else if (status.IsRegular)
            {
                CopyName(path, status);
            }
        }

        Must(_upper.ChangeMode(directory, directoryStatus.Mode & PermissionBits), directory);
    }

    private void CopyName(string path, FileStatus status)
    {
        Must(_upper.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, status.Mode & PermissionBits, out var file), path);
        Must(file!.Truncate(status.Size), path);
        Must(file.SetTimes(status.Accessed, status.Modified), path);
        Must(file.Status(out var created), path);
        file.Release();
        if (status.Size > 0)
        {
            _nodes.Add(created.Inode, new OverlayNode(path, status.Size));
        }
    }

    private static void Must(Errno error, string path) => FileSystemException.ThrowIf(error, "keep in memory", path);
}
