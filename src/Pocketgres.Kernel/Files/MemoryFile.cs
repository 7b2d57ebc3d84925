namespace Pocketgres.Kernel.Files;

/// <summary>An open file or directory of a <see cref="MemoryFileSystem"/>. It keeps its inode alive after unlink.</summary>
internal sealed unsafe class MemoryFile : OpenFile
{
    private readonly MemoryFileSystem _fileSystem;
    private readonly MemoryNode _node;

    public MemoryFile(MemoryFileSystem fileSystem, MemoryNode node, OpenFlags flags)
    {
        _fileSystem = fileSystem;
        _node = node;
        _node.Opens++;
        Flags = flags;
    }

    public override int ReadAt(byte* buffer, int count, long offset) =>
        _node.IsDirectory ? -(int)Errno.EISDIR : _fileSystem.Read(_node, buffer, count, offset);

    public override int WriteAt(byte* buffer, int count, long offset) =>
        _node.IsDirectory ? -(int)Errno.EBADF : _fileSystem.Write(_node, buffer, count, offset);

    public override Errno Status(out FileStatus status)
    {
        status = _fileSystem.Status(_node);
        return Errno.None;
    }

    // Without the file system's lock: Postgres asks in the planning of each query.
    public override Errno Size(out long size)
    {
        if (_node.IsRegular)
        {
            size = _node.Size;
            return Errno.None;
        }

        return base.Size(out size);
    }

    public override Errno Truncate(long length) =>
        _node.IsDirectory || (Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly ? Errno.EINVAL : _fileSystem.Truncate(_node, length);

    public override Errno Allocate(long offset, long length) =>
        (Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly ? Errno.EBADF : _fileSystem.Allocate(_node, offset, length);

    public override Errno ChangeMode(int mode)
    {
        MemoryFileSystem.ChangeMode(_node, mode);
        return Errno.None;
    }

    public override Errno SetTimes(long? accessed, long? modified)
    {
        MemoryFileSystem.SetTimes(_node, accessed, modified);
        return Errno.None;
    }

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> listing)
    {
        listing = [];
        if (!_node.IsDirectory)
        {
            return Errno.ENOTDIR;
        }

        var entries = new List<DirectoryEntry>(_node.Children!.Count + 2);
        if (_node.Links > 0)
        {
            entries.Add(new DirectoryEntry(".", _node.Inode, 4));
            entries.Add(new DirectoryEntry("..", _node.Parent!.Inode, 4));
            foreach (var (name, child) in _node.Children)
            {
                entries.Add(new DirectoryEntry(name, child.Inode, (byte)(child.Mode >> 12))); // DT_* are the type bits of the mode
            }
        }

        listing = entries;
        return Errno.None;
    }

    public override int ShareAsMemory(long length) => _node.IsDirectory ? -1 : _fileSystem.Share(_node, length);

    internal override FileSnapshot? Capture(SnapshotFiles files) =>
        _node.Shared != null && _node.Links == 0 ? null : new MemoryFileSnapshot(files.Frozen(_fileSystem, _node), files.Find(_fileSystem));

    protected override void Close() => _fileSystem.Closed(_node);
}
