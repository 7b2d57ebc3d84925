
namespace Pocketgres.Kernel.Files;

/// <summary>What a device does.</summary>
internal enum DeviceKind
{
    None,
    Null,
    Zero,
    Full,
    Random,
    Output,
    Directory,
}

/// <summary>An open device. It has no offset: reads and writes ignore it, and seeking moves nothing that matters.</summary>
internal sealed unsafe class DeviceFile : OpenFile
{
    private readonly DeviceKind _kind;
    private readonly FileStatus _status;
    private readonly OutputSink? _sink;
    private readonly List<DirectoryEntry>? _entries;

    public DeviceFile(DeviceKind kind, FileStatus status, OpenFlags flags, OutputSink? sink, List<DirectoryEntry>? entries)
    {
        _kind = kind;
        _status = status;
        _sink = sink;
        _entries = entries;
        Flags = flags;
    }

    public override bool IsSeekable => _kind is DeviceKind.Null or DeviceKind.Zero or DeviceKind.Full or DeviceKind.Random or DeviceKind.Directory;

    public override bool IsTerminal => _kind == DeviceKind.Output && (_status.Mode & FileStatus.TypeMask) == 0x2000;

    public override int ReadAt(byte* buffer, int count, long offset)
    {
        switch (_kind)
        {
            case DeviceKind.Zero or DeviceKind.Full:
                new Span<byte>(buffer, count).Clear();
                return count;
            case DeviceKind.Random:
                HostRandom.Fill(new Span<byte>(buffer, count));
                return count;
            case DeviceKind.Directory:
                return -(int)Errno.EISDIR;
            default:
                return 0;
        }
    }

    public override int WriteAt(byte* buffer, int count, long offset)
    {
        switch (_kind)
        {
            case DeviceKind.Full:
                return -(int)Errno.ENOSPC;
            case DeviceKind.Output:
                _sink?.Invoke(new ReadOnlySpan<byte>(buffer, count));
                return count;
            case DeviceKind.Directory:
                return -(int)Errno.EBADF;
            default:
                return count;
        }
    }

    public override int Read(byte* buffer, int count) => ReadAt(buffer, count, 0);

    public override int Write(byte* buffer, int count) => WriteAt(buffer, count, 0);

    public override Errno Sync(bool dataOnly) => Errno.EINVAL; // "bound to a special file which does not support synchronization"

    public override Errno Status(out FileStatus status)
    {
        status = _status;
        return Errno.None;
    }

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> entries)
    {
        entries = _entries ?? [];
        return _entries is null ? Errno.ENOTDIR : Errno.None;
    }
}
