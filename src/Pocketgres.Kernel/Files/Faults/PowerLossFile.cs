namespace Pocketgres.Kernel.Files.Faults;

/// <summary>An open file of a <see cref="PowerLossFileSystem"/>.</summary>
internal sealed unsafe class PowerLossFile : OpenFile
{
    private readonly PowerLossFileSystem _fileSystem;
    private readonly PowerLossNode _node;
    private readonly OpenFile _cached;

    public PowerLossFile(PowerLossFileSystem fileSystem, PowerLossNode node, OpenFile cached)
    {
        _fileSystem = fileSystem;
        _node = node;
        _cached = cached;
        Flags = cached.Flags;
    }

    public override int ReadAt(byte* buffer, int count, long offset) =>
        _fileSystem.Locked(() => _cached.ReadAt(buffer, count, offset), -(int)Errno.EIO);

    public override int WriteAt(byte* buffer, int count, long offset) => _fileSystem.Locked(
        () =>
        {
            int n = _cached.WriteAt(buffer, count, offset);
            if (n > 0)
            {
                _fileSystem.Written(_node, buffer, n, offset, (Flags & OpenFlags.DataSync) != 0); // O_SYNC includes O_DSYNC
            }

            return n;
        },
        -(int)Errno.EIO);

    public override Errno Truncate(long length) => Resize(() => _cached.Truncate(length));

    public override Errno Allocate(long offset, long length) => Resize(() => _cached.Allocate(offset, length));

    public override Errno Sync(bool dataOnly) => Do(() => _fileSystem.Sync(_node));

    public override Errno SyncFileSystem() => _fileSystem.SyncsWhole ? Do(_fileSystem.SyncAll) : Errno.ENOSYS;

    public override Errno ChangeMode(int mode) => _fileSystem.Locked(
        () =>
        {
            _fileSystem.ChangeDiskMode(_node, mode);
            return _cached.ChangeMode(mode);
        },
        Errno.EIO);

    public override Errno SetTimes(long? accessed, long? modified) => _fileSystem.Locked(() => _cached.SetTimes(accessed, modified), Errno.EIO);

    public override Errno Status(out FileStatus status)
    {
        FileStatus s = default;
        var error = _fileSystem.Locked(() => _cached.Status(out s), Errno.EIO);
        status = s;
        return error;
    }

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> entries)
    {
        IReadOnlyList<DirectoryEntry> list = [];
        var error = _fileSystem.Locked(() => _cached.ReadDirectory(out list), Errno.EIO);
        entries = list;
        return error;
    }

    protected override void Close() => _fileSystem.Closed(_node, _cached);

    private Errno Do(Action action) => _fileSystem.Locked(
        () =>
        {
            action();
            return Errno.None;
        },
        Errno.EIO);

    private Errno Resize(Func<Errno> call) => _fileSystem.Locked(
        () =>
        {
            var error = call();
            if (error == Errno.None && _cached.Status(out var status) == Errno.None)
            {
                _fileSystem.Resized(_node, status.Size);
            }

            return error;
        },
        Errno.EIO);
}
