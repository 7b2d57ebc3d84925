namespace Pocketgres.Kernel.Files;

/// <summary>
/// A file system in native memory: a tree of inodes whose contents are copy-on-write chunks, so that <see cref="Clone"/> costs time for
/// the number of files, not of bytes. Calls behave as Linux' do for the superuser (permission bits are kept, not enforced).
/// </summary>
/// <remarks>
/// Symbolic links are followed by the <see cref="MountTable"/> (<see cref="FindLink"/>); a path given directly must not lead through one.
/// Used under one kernel's lock; a second kernel uses a clone.
/// </remarks>
public sealed partial class MemoryFileSystem : IFileSystem, IDisposable
{
    private readonly ChunkPool _pool;
    private MemoryNode _root;
    private readonly long _device;
    private long _limitChunks;
    private long _usedChunks;
    private long _nextInode = 2;
    private int _linkCount;
    private int _hardLinks; // calls of link(2) that succeeded
    private int _openFiles;
    private bool _disposed;

    /// <summary>An empty file system.</summary>
    /// <param name="sizeLimit">Bytes of content after which writes fail with ENOSPC, rounded up to 8 KiB; holes are free, as on a disk.</param>
    /// <param name="device">st_dev; give each file system of a kernel its own.</param>
    public MemoryFileSystem(long sizeLimit = long.MaxValue, long device = 1)
    {
        _pool = new ChunkPool();
        _device = device;
        SizeLimit = sizeLimit;
        _root = new MemoryNode { Inode = 1, Mode = MemoryNode.Directory | 0x1ED, Links = 2, Children = MemoryNode.NewChildren() };
        _root.Parent = _root;
        _root.Accessed = _root.Modified = _root.Changed = Now;
    }

    /// <summary>Bytes of content after which writes fail with ENOSPC, rounded up to 8 KiB. May change at any time, under the lock.</summary>
    public long SizeLimit
    {
        get => _limitChunks == long.MaxValue ? long.MaxValue : _limitChunks * ChunkPool.ChunkSize;
        set => _limitChunks = value == long.MaxValue ? long.MaxValue : (value + ChunkPool.ChunkSize - 1) / ChunkPool.ChunkSize;
    }

    /// <summary>Bytes of content, in units of 8 KiB, that count against the limit.</summary>
    public long UsedBytes => _usedChunks * ChunkPool.ChunkSize;

    /// <summary>Chunks of native memory in use by this file system and all its clones.</summary>
    public long LiveChunks => _pool.LiveChunks;

    /// <summary>Native memory mapped for this file system and all its clones, bytes.</summary>
    public long MappedBytes => _pool.MappedBytes;

    private static long Now => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) * 100;

    private long Room => _limitChunks - _usedChunks;

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        file = null;
        if ((flags & (OpenFlags.Create | OpenFlags.Directory)) == (OpenFlags.Create | OpenFlags.Directory))
        {
            return Errno.EINVAL;
        }

        var access = flags & OpenFlags.AccessMode;
        var error = Lookup(path, out var node);
        if (error == Errno.ENOENT && (flags & OpenFlags.Create) != 0)
        {
            error = Create(path, MemoryNode.Regular | (mode & 0xFFF), out node);
        }
        else if (error == Errno.None)
        {
            if ((flags & (OpenFlags.Create | OpenFlags.Exclusive)) == (OpenFlags.Create | OpenFlags.Exclusive))
            {
                return Errno.EEXIST;
            }

            if (node!.IsLink)
            {
                return (flags & OpenFlags.Directory) != 0 ? Errno.ENOTDIR : Errno.ELOOP;
            }

            if (node.IsDirectory)
            {
                if (access != OpenFlags.ReadOnly || (flags & (OpenFlags.Create | OpenFlags.Truncate)) != 0)
                {
                    return Errno.EISDIR;
                }
            }
            else if ((flags & OpenFlags.Directory) != 0)
            {
                return Errno.ENOTDIR;
            }
            else if ((flags & OpenFlags.Truncate) != 0)
            {
                error = Truncate(node, 0);
            }
        }

        if (error != Errno.None)
        {
            return error;
        }

        file = new MemoryFile(this, node!, flags & ~(OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate | OpenFlags.CloseOnExec));
        _openFiles++;
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        var error = Lookup(path, out var node);
        status = error == Errno.None ? node!.Status(_device) : default;
        return error;
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => path == "/" ? Errno.EEXIST : Create(path, MemoryNode.Directory | (mode & 0x3FF), out _);

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path)
    {
        if (path == "/")
        {
            return Errno.EBUSY;
        }

        var error = LookupEntry(path, out var directory, out var name, out var node);
        if (error != Errno.None)
        {
            return error;
        }

        if (!node!.IsDirectory)
        {
            return Errno.ENOTDIR;
        }

        if (node.Children!.Count > 0)
        {
            return Errno.ENOTEMPTY;
        }

        Detach(directory!, name, node);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Unlink(string path)
    {
        if (path == "/")
        {
            return Errno.EISDIR;
        }

        var error = LookupEntry(path, out var directory, out var name, out var node);
        if (error != Errno.None)
        {
            return error;
        }

        if (node!.IsDirectory)
        {
            return Errno.EISDIR;
        }

        Detach(directory!, name, node);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Rename(string from, string target)
    {
        if (from == "/" || target == "/")
        {
            return Errno.EBUSY;
        }

        var error = LookupParent(from, out var source, out var sourceName);
        if (error != Errno.None || (error = LookupParent(target, out var into, out var targetName)) != Errno.None)
        {
            return error;
        }

        var node = source!.Child(sourceName);
        if (node == null)
        {
            return Errno.ENOENT;
        }

        // Linux' order: source above target is EINVAL, target above source ENOTEMPTY, then the kinds, then emptiness.
        if (node.IsDirectory && IsSelfOrAncestor(node, into!))
        {
            return Errno.EINVAL;
        }

        var replaced = into!.Child(targetName);
        if (replaced != null)
        {
            if (replaced.IsDirectory && IsSelfOrAncestor(replaced, source))
            {
                return Errno.ENOTEMPTY;
            }

            if (replaced == node)
            {
                return Errno.None;
            }

            if (node.IsDirectory != replaced.IsDirectory)
            {
                return node.IsDirectory ? Errno.ENOTDIR : Errno.EISDIR;
            }

            if (replaced.IsDirectory && replaced.Children!.Count > 0)
            {
                return Errno.ENOTEMPTY;
            }

            Detach(into, targetName, replaced);
        }

        source.Children!.Remove(sourceName.ToString());
        into.Children![targetName.ToString()] = node;
        if (node.IsDirectory)
        {
            source.Links--;
            into.Links++;
            node.Parent = into;
        }

        source.Modified = source.Changed = into.Modified = into.Changed = node.Changed = Now;
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Link(string existing, string created)
    {
        var error = Lookup(existing, out var node);
        if (error != Errno.None || (error = LookupParent(created, out var directory, out var name)) != Errno.None)
        {
            return error;
        }

        if (name.IsEmpty || directory!.Child(name) != null)
        {
            return Errno.EEXIST;
        }

        if (node!.IsDirectory)
        {
            return Errno.EPERM;
        }

        directory.Children![name.ToString()] = node;
        node.Links++;
        _hardLinks++;
        _linkCount += node.IsLink ? 1 : 0;
        directory.Modified = directory.Changed = node.Changed = Now;
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path)
    {
        if (target.Length == 0)
        {
            return Errno.ENOENT;
        }

        var error = path == "/" ? Errno.EEXIST : Create(path, MemoryNode.SymbolicLink | 0x1FF, out var node, target);
        return error;
    }

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        target = "";
        var error = Lookup(path, out var node);
        if (error != Errno.None)
        {
            return error;
        }

        target = node!.Target ?? "";
        return node.IsLink ? Errno.None : Errno.EINVAL;
    }

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode)
    {
        var error = Lookup(path, out var node);
        if (error == Errno.None)
        {
            ChangeMode(node!, mode);
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified)
    {
        var error = Lookup(path, out var node);
        if (error == Errno.None)
        {
            SetTimes(node!, accessed, modified);
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno Truncate(string path, long length)
    {
        var error = Lookup(path, out var node);
        return error != Errno.None ? error : node!.IsDirectory ? Errno.EISDIR : !node.IsRegular ? Errno.EINVAL : Truncate(node, length);
    }

    /// <inheritdoc/>
    public Errno Access(string path, int mode)
    {
        if ((mode & ~7) != 0)
        {
            return Errno.EINVAL;
        }

        var error = Lookup(path, out var node);
        return error != Errno.None ? error
            : (mode & 1) != 0 && !node!.IsDirectory && (node.Mode & 0x49) == 0 ? Errno.EACCES : Errno.None;
    }

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        // Without a limit, report a roomy 1 TiB: some programs compute percentages.
        long total = _limitChunks == long.MaxValue ? (1L << 40) / ChunkPool.ChunkSize : _limitChunks;
        long free = Math.Max(0, total - _usedChunks);
        status = new FileSystemStatus(ChunkPool.ChunkSize, total, free, free, 1 << 30, (1 << 30) - _nextInode);
        return Lookup(path, out _);
    }

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target)
    {
        linkEnd = 0;
        target = "";
        if (_linkCount == 0)
        {
            return false;
        }

        var node = _root;
        int i = 1;
        while (i < path.Length && node.IsDirectory)
        {
            int slash = path.IndexOf('/', i);
            int stop = slash < 0 ? path.Length : slash;
            var child = node.Child(path.AsSpan(i, stop - i));
            if (child == null)
            {
                return false;
            }

            if (child.IsLink && (includeLast || slash >= 0))
            {
                linkEnd = stop;
                target = child.Target!;
                return true;
            }

            node = child;
            i = stop + 1;
        }

        return false;
    }

    internal static void ChangeMode(MemoryNode node, int mode)
    {
        node.Mode = (node.Mode & FileStatus.TypeMask) | (mode & 0xFFF);
        node.Changed = Now;
    }

    internal static void SetTimes(MemoryNode node, long? accessed, long? modified)
    {
        node.Accessed = accessed ?? node.Accessed;
        node.Modified = modified ?? node.Modified;
        node.Changed = Now;
    }

    internal FileStatus Status(MemoryNode node) => node.Status(_device);
}
