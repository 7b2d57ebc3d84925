using System.Runtime.InteropServices;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// A file, directory, FIFO or device of the host. The descriptor is close-on-exec and non-blocking; what cannot proceed answers EAGAIN,
/// and the system call layer waits for <see cref="PollDescriptor"/> without the kernel's lock.
/// </summary>
internal sealed unsafe class HostFile : OpenFile
{
    private const uint BasicStatus = 0x7ff;
    private const int SeekEnd = 2;

    // One write of a megabyte makes one folio of a megabyte (seen with ext4 on Linux 6.18), and each later small write into it walks through all its blocks: 2.8 us instead
    // of 1.0 for a page of write-ahead log, whose files Postgres fills with zeroes a megabyte at a time. To fill one of 16 MB takes 4.8 ms so, instead of 3.9.
    private const int LargestWrite = 64 * 1024;

    private readonly HostFileSystem _fileSystem;
    private readonly int _fd;
    private readonly int _type;
    private readonly int _largestWrite;
    private readonly HostFileSizes.Entry? _size; // of a regular file that is open for writing, or was truncated
    private Func<long>? _askHost;
    private bool _hostAppends;

    public HostFile(HostFileSystem fileSystem, int fd, OpenFlags flags)
    {
        _fileSystem = fileSystem;
        _fd = fd;
        Flags = flags & ~(OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate | OpenFlags.CloseOnExec);
        _hostAppends = (flags & OpenFlags.Append) != 0;
        _largestWrite = (flags & OpenFlags.Sync) != 0 ? int.MaxValue : LargestWrite; // with O_DSYNC each write waits for the disk
        HostStatus s;
        byte empty = 0;
        const uint typeAndInode = 0x101; // STATX_TYPE, STATX_INO
        bool known = statx(fd, &empty, AtEmptyPath, typeAndInode, &s) >= 0;
        _type = known ? s.Mode & FileStatus.TypeMask : 0x8000;
        if (known && _type == 0x8000 && (flags & (OpenFlags.AccessMode | OpenFlags.Truncate)) != OpenFlags.ReadOnly)
        {
            _size = fileSystem.Sizes.Take(s);
        }
    }

    public override int HostDescriptor => _fd;

    public override int PollDescriptor => IsSeekable ? -1 : _fd;

    public override bool IsSeekable => _type is 0x8000 or 0x4000 or 0x6000;

    public override bool IsTerminal => _type == 0x2000 && Terminal.Is(_fd);

    public override bool TransfersUnlocked => _type == 0x8000 && (Flags & OpenFlags.Append) == 0;

    public override int ReadAt(byte* buffer, int count, long offset)
    {
        nint n;
        do
        {
            n = pread(_fd, buffer, count, offset);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return n < 0 ? -(int)HostErrno.Last() : (int)n;
    }

    public override int WriteAt(byte* buffer, int count, long offset)
    {
        HostAppends(false); // Linux' pwrite ignores the offset on an O_APPEND descriptor; POSIX' does not
        int done = 0;
        do
        {
            int part = Math.Min(count - done, _largestWrite);
            int version = _size?.Version ?? 0;
            nint n;
            do
            {
                n = pwrite(_fd, buffer + done, part, offset + done);
            }
            while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
            int written = Wrote(n, offset + done, version);
            if (written < 0)
            {
                return done > 0 ? done : written;
            }

            done += written;
            if (written < part)
            {
                break; // what it cannot write it says when asked again
            }
        }
        while (done < count);
        return done;
    }

    public override long ReadVectorAt(IoVector* vectors, int count, long offset)
    {
        nint n;
        do
        {
            n = preadv(_fd, vectors, count, offset);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return n < 0 ? -(int)HostErrno.Last() : n;
    }

    public override long WriteVectorAt(IoVector* vectors, int count, long offset)
    {
        HostAppends(false);
        long done = 0;
        for (int next = 0; next < count;)
        {
            int first = next;
            long part = vectors[next++].Length;
            while (next < count && part + vectors[next].Length <= _largestWrite)
            {
                part += vectors[next++].Length;
            }

            long n = next - first == 1 ? WriteAt(vectors[first].Base, (int)part, offset + done) : WriteVectors(vectors + first, next - first, offset + done);
            if (n < 0)
            {
                return done > 0 ? done : n;
            }

            done += n;
            if (n < part)
            {
                break;
            }
        }

        return done;
    }

    public override int Read(byte* buffer, int count)
    {
        if (IsSeekable)
        {
            return base.Read(buffer, count);
        }

        nint n;
        do
        {
            n = read(_fd, buffer, count);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        if (n == 0 && count > 0 && _type == 0x1000 && (Flags & OpenFlags.NonBlocking) == 0 && FifoMayStillFill())
        {
            return -(int)Errno.EAGAIN;
        }

        return n < 0 ? -(int)HostErrno.Last() : (int)n;
    }

    public override int Write(byte* buffer, int count)
    {
        bool append = (Flags & OpenFlags.Append) != 0;
        if (IsSeekable && !append)
        {
            return base.Write(buffer, count);
        }

        HostAppends(append); // the host finds the end and writes in one step, also against other programs
        nint n;
        do
        {
            n = write(_fd, buffer, count);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        _size?.Forget();
        if (n < 0)
        {
            return -(int)HostErrno.Last();
        }

        if (IsSeekable)
        {
            Position = lseek(_fd, 0, 1);
        }

        return (int)n;
    }

    public override Errno Status(out FileStatus status)
    {
        HostStatus s;
        byte empty = 0;
        if (statx(_fd, &empty, AtEmptyPath, BasicStatus, &s) < 0)
        {
            status = default;
            return HostErrno.Last();
        }

        status = _fileSystem.Convert(s);
        return Errno.None;
    }

    // lseek with SEEK_END costs a fraction of statx. Our offset is Position, not the descriptor's, so moving that one harms nobody.
    public override Errno Size(out long size)
    {
        if (_type != 0x8000)
        {
            return base.Size(out size);
        }

        size = _size is null ? SizeOfHost() : _size.SizeOr(_askHost ??= SizeOfHost);
        return size < 0 ? HostErrno.Last() : Errno.None;
    }

    private long SizeOfHost() => lseek(_fd, 0, SeekEnd);

    public override Errno Truncate(long length)
    {
        int r;
        do
        {
            r = ftruncate(_fd, length);
        }
        while (r < 0 && Marshal.GetLastPInvokeError() == EINTR);
        var error = r < 0 ? HostErrno.Last() : Errno.None;
        _size?.Forget();
        return error;
    }

    public override Errno Allocate(long offset, long length)
    {
        int r;
        do
        {
            r = fallocate(_fd, 0, offset, length);
        }
        while (r < 0 && Marshal.GetLastPInvokeError() == EINTR);
        var error = r < 0 ? HostErrno.Last() : Errno.None;
        _size?.Forget();
        return error;
    }

    public override Errno Sync(bool dataOnly)
    {
        int r;
        do
        {
            r = dataOnly ? fdatasync(_fd) : fsync(_fd);
        }
        while (r < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return r < 0 ? HostErrno.Last() : Errno.None;
    }

    public override Errno SyncFileSystem()
    {
        // FUSE has no syncfs for most servers and then answers success; 9p (some virtual machines and sandboxes) likewise.
        const long Fuse = 0x65735546, NineP = 0x01021997;
        HostFileSystemStatus s;
        return fstatfs(_fd, &s) < 0 ? HostErrno.Last()
            : s.Type is Fuse or NineP ? Errno.ENOSYS
            : syncfs(_fd) < 0 ? HostErrno.Last() : Errno.None;
    }

    // What is not needed any more is not dropped, for others may need it, but its writing begins: PostgreSQL means that (pg_flush_data), for want of sync_file_range(2).
    public override Errno Advise(long offset, long length, int advice)
    {
        const uint Write = 2; // SYNC_FILE_RANGE_WRITE
        if (advice != DontNeed)
        {
            return HostErrno.Map(posix_fadvise(_fd, offset, length, advice));
        }

        _ = sync_file_range(_fd, offset, length, Write); // a hint, which not every file system takes
        return Errno.None;
    }

    public override Errno ChangeMode(int mode) => fchmod(_fd, mode & 0xFFF) < 0 ? HostErrno.Last() : Errno.None;

    public override Errno SetTimes(long? accessed, long? modified)
    {
        HostTime* times = stackalloc HostTime[2];
        times[0] = HostFileSystem.ToHostTime(accessed);
        times[1] = HostFileSystem.ToHostTime(modified);
        return futimens(_fd, times) < 0 ? HostErrno.Last() : Errno.None;
    }

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> listing)
    {
        listing = [];
        if (_type != 0x4000)
        {
            return Errno.ENOTDIR;
        }

        var entries = new List<DirectoryEntry>();
        int copy = fcntl(_fd, 1030, 0); // F_DUPFD_CLOEXEC: closedir closes what fdopendir got
        nint directory = copy < 0 ? 0 : fdopendir(copy);
        if (directory == 0)
        {
            var error = HostErrno.Last();
            if (copy >= 0)
            {
                _ = close(copy);
            }

            return error;
        }

        rewinddir(directory); // the copy shares its offset with every earlier listing
        byte* e;
        while ((e = readdir(directory)) != null)
        {
            // struct dirent of 64-bit Linux: d_ino +0 (8), d_off +8 (8), d_reclen +16 (2), d_type +18 (1), d_name +19
            entries.Add(new DirectoryEntry(
                PathEncoding.Decode(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(e + 19)), *(long*)e, e[18]));
        }

        var end = HostErrno.Last(); // 0 at the end of the directory: the runtime clears errno before each call
        _ = closedir(directory);
        if (end == Errno.None)
        {
            listing = entries;
        }

        return end;
    }

    /// <summary>The file itself. It is not made longer: pages wholly behind its end must not be touched, as with any mmap.</summary>
    public override int ShareAsMemory(long length) =>
        _type == 0x8000 && Status(out var status) == Errno.None && status.Size > 0 && length <= ((status.Size + 0xFFFF) & ~0xFFFFL) ? _fd : -1;

    protected override void Close()
    {
        if (_size is not null)
        {
            _fileSystem.Sizes.Give(_size);
        }

        _ = close(_fd);
    }

    private int WriteVectors(IoVector* vectors, int count, long offset)
    {
        int version = _size?.Version ?? 0;
        nint n;
        do
        {
            n = pwritev(_fd, vectors, count, offset);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return Wrote(n, offset, version);
    }

    // What a write at an offset came to: bytes, or a negated errno.
    private int Wrote(nint n, long offset, int version)
    {
        if (n < 0)
        {
            int error = -(int)HostErrno.Last();
            _size?.Forget();
            return error;
        }

        _size?.Written(offset + n, version);
        return (int)n;
    }

    private void HostAppends(bool append)
    {
        if (_hostAppends != append)
        {
            int flags = fcntl(_fd, GetFlags, 0);
            _ = fcntl(_fd, SetFlags, append ? flags | AppendFlag : flags & ~AppendFlag);
            _hostAppends = append;
        }
    }

    /// <summary>
    /// A read of a FIFO found nothing. open(2) should have waited for a writer, but ours does not block, so this is the end of file only
    /// if a writer came and went: until the first one, poll reports nothing; after the last one, POLLHUP, with POLLIN while bytes
    /// (written since the read) remain.
    /// </summary>
    private bool FifoMayStillFill()
    {
        const short In = 1, HangUp = 0x10;
        var p = new HostPoll { Descriptor = _fd, Events = In };
        return poll(&p, 1, 0) <= 0 || (p.Returned & In) != 0 || (p.Returned & HangUp) == 0;
    }
}
