namespace Pocketgres.Kernel.Files.Faults;

/// <summary>An open file of a <see cref="FaultFileSystem"/>.</summary>
internal sealed unsafe class FaultFile : OpenFile
{
    private readonly FaultFileSystem _fileSystem;
    private readonly OpenFile _inner;
    private readonly string _path;

    public FaultFile(FaultFileSystem fileSystem, OpenFile inner, string path)
    {
        _fileSystem = fileSystem;
        _inner = inner;
        _path = path;
        Flags = inner.Flags;
    }

    public override int PollDescriptor => _inner.PollDescriptor;

    public override int HostDescriptor => _inner.HostDescriptor;

    public override bool IsSeekable => _inner.IsSeekable;

    public override int ReadAt(byte* buffer, int count, long offset)
    {
        var error = _fileSystem.Check(FileOperations.Read, _path, ref count);
        return error != Errno.None ? -(int)error : _inner.ReadAt(buffer, count, offset);
    }

    public override int WriteAt(byte* buffer, int count, long offset)
    {
        var error = _fileSystem.Check(FileOperations.Write, _path, ref count);
        return error != Errno.None ? -(int)error : _inner.WriteAt(buffer, count, offset);
    }

    public override int Read(byte* buffer, int count)
    {
        if (IsSeekable)
        {
            return base.Read(buffer, count);
        }

        var error = _fileSystem.Check(FileOperations.Read, _path, ref count);
        return error != Errno.None ? -(int)error : _inner.Read(buffer, count);
    }

    public override int Write(byte* buffer, int count)
    {
        if (IsSeekable)
        {
            return base.Write(buffer, count);
        }

        var error = _fileSystem.Check(FileOperations.Write, _path, ref count);
        return error != Errno.None ? -(int)error : _inner.Write(buffer, count);
    }

    public override Errno Status(out FileStatus status)
    {
        status = default;
        return _fileSystem.Check(FileOperations.Look, _path) is var e and not Errno.None ? e : _inner.Status(out status);
    }

    public override Errno Truncate(long length) =>
        _fileSystem.Check(FileOperations.Resize, _path) is var e and not Errno.None ? e : _inner.Truncate(length);

    public override Errno Allocate(long offset, long length) =>
        _fileSystem.Check(FileOperations.Resize, _path) is var e and not Errno.None ? e : _inner.Allocate(offset, length);

    public override Errno Sync(bool dataOnly) =>
        _fileSystem.Check(FileOperations.Sync, _path) is var e and not Errno.None ? e : _inner.Sync(dataOnly);

    public override Errno SyncFileSystem() =>
        _fileSystem.Check(FileOperations.Sync, _path) is var e and not Errno.None ? e : _inner.SyncFileSystem();

    public override Errno ChangeMode(int mode) =>
        _fileSystem.Check(FileOperations.SetStatus, _path) is var e and not Errno.None ? e : _inner.ChangeMode(mode);

    public override Errno SetTimes(long? accessed, long? modified) =>
        _fileSystem.Check(FileOperations.SetStatus, _path) is var e and not Errno.None ? e : _inner.SetTimes(accessed, modified);

    public override Errno Advise(long offset, long length, int advice) => _inner.Advise(offset, length, advice);

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> entries)
    {
        entries = [];
        return _fileSystem.Check(FileOperations.Look, _path) is var e and not Errno.None ? e : _inner.ReadDirectory(out entries);
    }

    public override int ShareAsMemory(long length) => _inner.ShareAsMemory(length);

    protected override void Close() => _inner.Release();
}
