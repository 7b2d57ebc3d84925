using System.Runtime.InteropServices;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// One end of a pipe(2). It is a host pipe (64 KiB, non-blocking, close-on-exec), so that poll works on it and end of file and EPIPE come
/// from the host when the last reference to the other end goes.
/// </summary>
public sealed unsafe class Pipe : OpenFile
{
    private readonly Ends _ends; // the same for both ends
    private readonly bool _reads;

    private Pipe(Ends ends, bool reads, OpenFlags flags)
    {
        _ends = ends;
        _reads = reads;
        Flags = (reads ? OpenFlags.ReadOnly : OpenFlags.WriteOnly) | flags;
    }

    private int Descriptor => _ends.Descriptor(_reads);

    /// <inheritdoc/>
    public override int PollDescriptor => Descriptor;

    /// <inheritdoc/>
    public override bool IsSeekable => false;

    /// <summary>pipe2(2). <paramref name="flags"/> may hold O_NONBLOCK, which the system call layer interprets; O_CLOEXEC is implied.</summary>
    public static Errno Create(OpenFlags flags, out Pipe? readEnd, out Pipe? writeEnd)
    {
        var ends = new Ends();
        if (!ends.Create())
        {
            readEnd = writeEnd = null;
            return HostErrno.Last();
        }

        var status = flags & OpenFlags.NonBlocking;
        readEnd = new Pipe(ends, reads: true, status);
        writeEnd = new Pipe(ends, reads: false, status);
        return Errno.None;
    }

    /// <summary>
    /// A pipe that takes descriptors of the host only when somebody uses it: a clone's processes have one each that they never use.
    /// If the host then has none left, uses answer EBADF.
    /// </summary>
    internal static (Pipe Read, Pipe Write) CreateLazily()
    {
        var ends = new Ends();
        return (new Pipe(ends, reads: true, 0), new Pipe(ends, reads: false, 0));
    }

    /// <inheritdoc/>
    public override int Read(byte* buffer, int count)
    {
        nint n;
        do
        {
            n = read(Descriptor, buffer, count);
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
            n = write(Descriptor, buffer, count);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return n < 0 ? -(int)HostErrno.Last() : (int)n;
    }

    /// <inheritdoc/>
    public override Errno Status(out FileStatus status)
    {
        status = new FileStatus(0xC, Descriptor, 0x1180, 1, 0, 0, 0, 0, 0, 0, 0);
        return Errno.None;
    }

    internal override FileSnapshot? Capture(SnapshotFiles files) => new PipeSnapshot(_ends, _reads);

    /// <inheritdoc/>
    protected override void Close() => _ends.Close(_reads);

    private sealed class Ends
    {
        private const int None = -1;
        private int _read = None, _write = None;
        private bool _created, _readClosed, _writeClosed;

        public bool Create()
        {
            int* ends = stackalloc int[2];
            if (pipe2(ends, CloseOnExec | NonBlocking) < 0)
            {
                return false;
            }

            (_read, _write) = (ends[0], ends[1]);
            Volatile.Write(ref _created, true);
            return true;
        }

        public int Descriptor(bool reads)
        {
            if (!Volatile.Read(ref _created))
            {
                CreateLate();
            }

            return reads ? _read : _write;
        }

        public void Close(bool reads)
        {
            lock (this)
            {
                _readClosed |= reads;
                _writeClosed |= !reads;
                CloseHost(_readClosed, ref _read);
                CloseHost(_writeClosed, ref _write);
            }
        }

        // Several processes may come to use it at once.
        private void CreateLate()
        {
            lock (this)
            {
                if (!_created && Create())
                {
                    CloseHost(_readClosed, ref _read);
                    CloseHost(_writeClosed, ref _write);
                }
            }
        }

        private static void CloseHost(bool closed, ref int descriptor)
        {
            if (closed && descriptor != None)
            {
                _ = close(descriptor);
                descriptor = None;
            }
        }
    }
}
