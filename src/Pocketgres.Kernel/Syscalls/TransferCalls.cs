using System.Runtime.CompilerServices;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>
/// Reading, writing and seeking. Buffers are given as WASI's iovec: {address, length}, both of a pointer's size. Errors are positive, as WASI has them.
/// Where the program has no such memory, it is EFAULT.
/// A file's transfer that falls short is continued until its end, the end of the file or an error: Postgres takes a short write of pg_control for a full
/// disk and panics, which would leave a torn one. Hosts may fall short for reasons of their own (FUSE, network file systems, signals).
/// </summary>
[SkipLocalsInit]
public static unsafe class TransferCalls
{
    private const int MaxVectors = 1024; // IOV_MAX

    /// <summary>readv(2).</summary>
    [HostFunction("fd_read")]
    public static int Read(byte* m, int fd, int vectors, int count, int transferred) => (int)Stream(m, fd, vectors, count, transferred, write: false);

    /// <summary>writev(2).</summary>
    [HostFunction("fd_write")]
    public static int Write(byte* m, int fd, int vectors, int count, int transferred) => (int)Stream(m, fd, vectors, count, transferred, write: true);

    /// <summary>preadv(2).</summary>
    [HostFunction("fd_pread", Locking = KernelLocking.None)]
    public static int ReadAt(byte* m, int fd, int vectors, int count, long offset, int transferred) =>
        (int)At(m, fd, vectors, count, offset, transferred, write: false);

    /// <summary>pwritev(2).</summary>
    [HostFunction("fd_pwrite", Locking = KernelLocking.None)]
    public static int WriteAt(byte* m, int fd, int vectors, int count, long offset, int transferred) =>
        (int)At(m, fd, vectors, count, offset, transferred, write: true);

    /// <summary>lseek(2) with SEEK_SET 0, SEEK_CUR 1, SEEK_END 2.</summary>
    [HostFunction("fd_seek", Locking = KernelLocking.None)]
    public static int Seek(byte* m, int fd, long offset, int origin, int result)
    {
        if (!Process.From(m).Files.TryGet(fd, out var file))
        {
            return (int)Errno.EBADF;
        }

        if (!file.IsSeekable)
        {
            return (int)Errno.ESPIPE;
        }

        long start = 0;
        if (origin == 1)
        {
            start = file.Position;
        }
        else if (origin == 2)
        {
            var error = file.Size(out start);
            if (error != Errno.None)
            {
                return (int)error;
            }
        }
        else if (origin != 0)
        {
            return (int)Errno.EINVAL;
        }

        long position = start + offset;
        if (position < 0)
        {
            return (int)(offset > 0 ? Errno.EOVERFLOW : Errno.EINVAL);
        }

        file.Position = position;
        *(long*)(m + (uint)result) = position;
        return 0;
    }

    private static Errno Check(byte* m, int fd, int vectors, int count, bool write, out OpenFile? file)
    {
        if (!Process.From(m).Files.TryGet(fd, out file))
        {
            return Errno.EBADF;
        }

        var wrong = write ? OpenFlags.ReadOnly : OpenFlags.WriteOnly;
        return (file.Flags & OpenFlags.AccessMode) == wrong ? Errno.EBADF : (uint)count > MaxVectors ? Errno.EINVAL
            : LinearMemory.Contains(m, vectors, 2L * Process.From(m).Program.DataModel.PointerSize * count) ? Errno.None : Errno.EFAULT;
    }

    private static Errno Stream(byte* m, int fd, int vectors, int count, int transferred, bool write)
    {
        var error = Check(m, fd, vectors, count, write, out var file);
        if (error != Errno.None)
        {
            return error;
        }

        long total = 0;
        for (int i = 0; i < count; i++)
        {
            var (buffer, length) = Vector(m, vectors, i, out error);
            if (error != Errno.None)
            {
                return error;
            }

            var fetched = !write && file!.IsSeekable ? Fetch(m, file, file.Position, length) : Errno.None;
            if (fetched != Errno.None)
            {
                return fetched;
            }

            int n = write ? WriteBuffer(m, file!, buffer, length, total > 0) : ReadBuffer(m, file!, buffer, length, total > 0);
            if (n < 0)
            {
                if (total == 0)
                {
                    return (Errno)(-n);
                }

                break;
            }

            total += n;
            if (n < length)
            {
                break;
            }
        }

        Process.From(m).Program.DataModel.WritePointer(m, transferred, (int)total);
        return Errno.None;
    }

    /// <summary>A read waits for the first byte only: with <paramref name="some"/> bytes read already, an empty pipe ends it.</summary>
    private static int ReadBuffer(byte* m, OpenFile file, byte* buffer, int length, bool some)
    {
        while (true)
        {
            int n = file.Read(buffer, length);
            for (int more; n > 0 && n < length && file.IsSeekable && (more = file.Read(buffer + n, length - n)) > 0;)
            {
                n += more;
            }

            if (n != -(int)Errno.EAGAIN || some || (file.Flags & OpenFlags.NonBlocking) != 0)
            {
                return n;
            }

            Process.From(m).WaitReadable(file);
        }
    }

    /// <summary>A write to a full pipe waits until everything is written, unless O_NONBLOCK. One that nobody reads any more is SIGPIPE.</summary>
    private static int WriteBuffer(byte* m, OpenFile file, byte* buffer, int length, bool some)
    {
        int done = 0;
        while (true)
        {
            int n = file.Write(buffer + done, length - done);
            if (n >= 0)
            {
                done += n;
                if (done == length || n == 0)
                {
                    return done;
                }
            }
            else if (n != -(int)Errno.EAGAIN)
            {
                if (n == -(int)Errno.EPIPE)
                {
                    Process.From(m).Post(Signal.Pipe);
                    Process.From(m).DeliverSignals();
                }

                return done > 0 ? done : n;
            }

            if (n > 0 && file.IsSeekable)
            {
                continue;
            }

            if ((file.Flags & OpenFlags.NonBlocking) != 0)
            {
                return done > 0 || some || n >= 0 ? done : n;
            }

            if (n < 0)
            {
                Process.From(m).WaitWritable(file);
            }
        }
    }

    // Transfers of several buffers are left as short as they are: Postgres continues those itself.
    private static int TransferAt(OpenFile file, byte* buffer, int length, long offset, bool write)
    {
        for (int done = 0; ;)
        {
            int n = write ? file.WriteAt(buffer + done, length - done, offset + done) : file.ReadAt(buffer + done, length - done, offset + done);
            if (n <= 0)
            {
                return done > 0 ? done : n;
            }

            done += n;
            if (done == length)
            {
                return done;
            }
        }
    }

    private static Errno At(byte* m, int fd, int vectors, int count, long offset, int transferred, bool write)
    {
        var error = Check(m, fd, vectors, count, write, out var file);
        if (error != Errno.None)
        {
            return error;
        }

        if (!file!.IsSeekable)
        {
            return Errno.ESPIPE;
        }

        if (offset < 0)
        {
            return Errno.EINVAL;
        }

        var process = Process.From(m);
        bool unlocked = file.TransfersUnlocked && (!write || process.TryBeginWrite());
        if (!unlocked)
        {
            process.EnterKernel();
        }

        long n;
        try
        {
            error = write ? Errno.None : Fetch(m, file, offset, TotalLength(m, vectors, count));
            n = error != Errno.None ? -(int)error : TransferAt(m, file, vectors, count, offset, write);
        }
        finally
        {
            if (!unlocked)
            {
                process.LeaveKernel();
            }
            else if (write)
            {
                process.EndWrite();
            }
        }

        if (n < 0)
        {
            if (n == -(int)Errno.EIO && write && (file.Flags & OpenFlags.DataSync) != 0)
            {
                FileCalls.KeepUnsynced(process, file, Errno.EIO);
            }

            return (Errno)(-n);
        }

        process.Program.DataModel.WritePointer(m, transferred, (int)n);
        return Errno.None;
    }

    // Returns the bytes, or a negated errno.
    private static long TransferAt(byte* m, OpenFile file, int vectors, int count, long offset, bool write)
    {
        Errno error;
        if (count == 1)
        {
            var (buffer, length) = Vector(m, vectors, 0, out error);
            return error != Errno.None ? -(int)error : TransferAt(file, buffer, length, offset, write);
        }

        var host = stackalloc IoVector[count];
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            var (buffer, length) = Vector(m, vectors, i, out error);
            if (error != Errno.None)
            {
                return -(int)error;
            }

            total += length;
            host[i] = new IoVector((nint)buffer, length);
        }

        return total >= int.MaxValue ? -(int)Errno.EINVAL
            : write ? file.WriteVectorAt(host, count, offset) : file.ReadVectorAt(host, count, offset);
    }

    // What is on another machine is waited for without the lock: other processes run meanwhile. Our own reference keeps the description open.
    private static Errno Fetch(byte* m, OpenFile file, long offset, long count)
    {
        if (count <= 0 || !file.MustFetch(offset, count))
        {
            return Errno.None;
        }

        file.AddReference();
        var error = Process.From(m).RunBlocking(() => file.Fetch(offset, count));
        file.Release();
        return error;
    }

    private static long TotalLength(byte* m, int vectors, int count)
    {
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            var (_, length) = Vector(m, vectors, i, out _);
            total += Math.Max(length, 0);
        }

        return total;
    }

    private static GuestVector Vector(byte* m, int vectors, int index, out Errno error)
    {
        int pointer = Process.From(m).Program.DataModel.PointerSize;
        byte* v = m + (uint)vectors + (2 * pointer * index);
        int address = *(int*)v, length = *(int*)(v + pointer);
        error = length < 0 ? Errno.EINVAL : LinearMemory.Contains(m, address, length) ? Errno.None : Errno.EFAULT;
        return new GuestVector { Address = m + (uint)address, Length = length };
    }

    private ref struct GuestVector
    {
        public byte* Address;
        public int Length;

        public readonly void Deconstruct(out byte* address, out int length)
        {
            address = Address;
            length = Length;
        }
    }
}
