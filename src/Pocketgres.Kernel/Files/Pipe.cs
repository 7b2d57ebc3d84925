using System.Runtime.InteropServices;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// One end of a pipe(2). It is a host pipe (64 KiB, non-blocking, close-on-exec), so that poll works on it and end of file and EPIPE come
/// from the host when the last reference to the other end goes.
/// </summary>
public sealed unsafe class Pipe : OpenFile
{
    private readonly int _fd;
    private readonly object _pipe; // the same for both ends

    private Pipe(int fd, OpenFlags flags, object pipe)
    {
        _fd = fd;
        _pipe = pipe;
        Flags = flags;
    }

    /// <inheritdoc/>
    public override int PollDescriptor => _fd;

    /// <inheritdoc/>
    public override bool IsSeekable => false;

    /// <summary>pipe2(2). <paramref name="flags"/> may hold O_NONBLOCK, which the system call layer interprets; O_CLOEXEC is implied.</summary>
    public static Errno Create(OpenFlags flags, out Pipe? readEnd, out Pipe? writeEnd)
    {
        int* ends = stackalloc int[2];
        if (pipe2(ends, CloseOnExec | NonBlocking) < 0)
        {
            readEnd = writeEnd = null;
            return HostErrno.Last();
        }

        var status = flags & OpenFlags.NonBlocking;
        object pipe = new();
        readEnd = new Pipe(ends[0], OpenFlags.ReadOnly | status, pipe);
        writeEnd = new Pipe(ends[1], OpenFlags.WriteOnly | status, pipe);
        return Errno.None;
    }

    /// <inheritdoc/>
    public override int Read(byte* buffer, int count)
    {
        nint n;
        do
        {
            n = read(_fd, buffer, count);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return n < 0 ? -(int)HostErrno.Last() : (int)n;
    }

    /// <inheritdoc/>
    /// <remarks>.NET ignores SIGPIPE for the whole process, so a pipe without readers answers EPIPE.</remarks>
    public override int Write(byte* buffer, int count)
    {
        nint n;
        do
        {
            n = write(_fd, buffer, count);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return n < 0 ? -(int)HostErrno.Last() : (int)n;
    }

    /// <inheritdoc/>
    public override Errno Status(out FileStatus status)
    {
        status = new FileStatus(0xC, _fd, 0x1180, 1, 0, 0, 0, 0, 0, 0, 0);
        return Errno.None;
    }

    internal override FileSnapshot? Capture(SnapshotFiles files) => new PipeSnapshot(_pipe, (Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly);

    /// <inheritdoc/>
    protected override void Close() => _ = close(_fd);
}
