using System.Runtime.InteropServices;
using Pocketgres.Kernel.Net;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// A descriptor that the .NET process was started with: standard input, output or error, be it a terminal, a pipe, a file or a socket. Its offset and flags are shared with
/// other programs, so it is left as it is: blocking as a rule, and so used only when poll(2) says that it is ready. It is never closed.
/// </summary>
internal sealed unsafe class InheritedFile : OpenFile
{
    private const int PipeBuffer = 4096; // PIPE_BUF: so many bytes a pipe takes at once when poll(2) reports room
    private const int SeekSet = 0, SeekCurrent = 1;

    private readonly HostFileSystem _fileSystem;
    private readonly int _fd;
    private readonly bool _isRegular;

    private InheritedFile(HostFileSystem fileSystem, int fd, int flags)
    {
        _fileSystem = fileSystem;
        _fd = fd;
        _isRegular = lseek(fd, 0, SeekCurrent) >= 0 && Status(out var status) == Errno.None && (status.Mode & FileStatus.TypeMask) == 0x8000;
        Flags = (OpenFlags)flags & (OpenFlags.AccessMode | OpenFlags.Append);
    }

    /// <summary>The descriptors 0 to 2 of the .NET process; those that are closed there are closed here too.</summary>
    public static FileDescriptorTable StandardDescriptors(HostFileSystem fileSystem)
    {
        var table = new FileDescriptorTable();
        for (int fd = 0; fd <= 2; fd++)
        {
            int flags = fcntl(fd, GetFlags, 0);
            if (flags >= 0)
            {
                table.Replace(fd, new InheritedFile(fileSystem, fd, flags));
            }
        }

        return table;
    }

    /// <summary>The host's offset, which others may move.</summary>
    public override long Position
    {
        get => Math.Max(0, lseek(_fd, 0, SeekCurrent));
        set => _ = lseek(_fd, value, SeekSet);
    }

    public override int HostDescriptor => _fd;

    public override int PollDescriptor => _isRegular ? -1 : _fd;

    public override bool IsSeekable => _isRegular;

    public override bool IsTerminal => Terminal.Is(_fd);

    public override int Read(byte* buffer, int count) => IsReady(PollEvents.In) ? Result(read(_fd, buffer, count)) : -(int)Errno.EAGAIN;

    public override int Write(byte* buffer, int count) =>
        IsReady(PollEvents.Out) ? Result(write(_fd, buffer, _isRegular ? count : Math.Min(count, PipeBuffer))) : -(int)Errno.EAGAIN;

    public override int ReadAt(byte* buffer, int count, long offset) => Result(pread(_fd, buffer, count, offset));

    public override int WriteAt(byte* buffer, int count, long offset) => Result(pwrite(_fd, buffer, count, offset));

    public override Errno Status(out FileStatus status)
    {
        HostStatus s;
        byte empty = 0;
        const uint basic = 0x7ff; // STATX_BASIC_STATS
        if (statx(_fd, &empty, AtEmptyPath, basic, &s) < 0)
        {
            status = default;
            return HostErrno.Last();
        }

        status = _fileSystem.Convert(s);
        return Errno.None;
    }

    public override Errno Truncate(long length) => ftruncate(_fd, length) < 0 ? HostErrno.Last() : Errno.None;

    public override Errno Sync(bool dataOnly) => (dataOnly ? fdatasync(_fd) : fsync(_fd)) < 0 ? HostErrno.Last() : Errno.None;

    // An error or the end counts as ready: the call that follows says which.
    private bool IsReady(short events)
    {
        if (_isRegular)
        {
            return true;
        }

        var entry = new HostCalls.HostPoll { Descriptor = _fd, Events = events };
        return poll(&entry, 1, 0) > 0;
    }

    // Interrupted: tried again, as what was not ready is.
    private static int Result(nint n) => n >= 0 ? (int)n : Marshal.GetLastPInvokeError() == EINTR ? -(int)Errno.EAGAIN : -(int)HostErrno.Last();
}
