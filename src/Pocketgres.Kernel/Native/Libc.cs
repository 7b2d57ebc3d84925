using System.Runtime.InteropServices;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel.Native;

/// <summary>The host's system calls, as the C library offers them. Linux constants.</summary>
internal static unsafe partial class Libc
{
    public const int ProtNone = 0, ProtRead = 1, ProtWrite = 2, ProtReadWrite = 3, ProtExecute = 4;
    public const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    public const int EventFdNonBlocking = 0x800, EventFdCloseOnExec = 0x80000;
    public const int SockNonBlocking = 0x800, SockCloseOnExec = 0x80000;
    public const int GetStatusFlags = 3, SetStatusFlags = 4, DuplicateCloseOnExec = 1030;
    public const int MsgPeek = 2, MsgDontWait = 0x40, MsgNoSignal = 0x4000;

    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial byte* mmap(void* address, nint length, int protection, int flags, int fd, nint offset);

    /// <summary>MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP: the pages move, the old mapping stays and is as if never touched (Linux 5.13).</summary>
    public const int MovePages = 1 | 2 | 4;

    [LibraryImport("libc", SetLastError = true)]
    public static partial byte* mremap(void* address, nint length, nint newLength, int flags, void* target);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int fd, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(void* address, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int mprotect(void* address, nint length, int protection);

    /// <summary>Sets the action of a signal, or with null only reads it.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int sigaction(int signal, byte* action, byte* old);

    /// <summary>MADV_DONTNEED: private pages become zeroes and take no memory.</summary>
    public const int AdviseDontNeed = 4;

    /// <summary>MADV_REMOVE: pages of a shared mapping become zeroes and take no memory.</summary>
    public const int AdviseRemove = 9;

    /// <summary>MADV_POPULATE_WRITE: as if each page were written now (Linux 5.14).</summary>
    public const int PopulateWrite = 23;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int madvise(void* address, nint length, int advice);

    /// <summary>A byte for each page: whether it is in memory is its lowest bit.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int mincore(void* address, nint length, byte* pages);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int fd, long length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getrusage(int who, void* usage);

    /// <summary>1 if the text is a numeric address of the family, which is then written to the buffer.</summary>
    [LibraryImport("libc")]
    public static partial int inet_pton(int family, byte* text, void* address);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint getrandom(void* buffer, nint count, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int fd, void* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwrite(int fd, void* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollEntry* fds, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ppoll(PollEntry* fds, nuint count, TimeSpec* timeout, void* signalMask);

    /// <summary>poll(2) that cannot block (timeout 0): no transition of the garbage collector's mode, so it costs only the call.</summary>
    [LibraryImport("libc", EntryPoint = "poll")]
    [SuppressGCTransition]
    public static partial int PollNow(PollEntry* fds, nuint count, int zero);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int bind(int fd, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int connect(int fd, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int listen(int fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(int fd, void* address, int* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int fd, int level, int option, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockname(int fd, void* address, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getpeername(int fd, void* address, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(int fd, void* buffer, nint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(int fd, void* buffer, nint count, int flags);

    /// <summary>Descriptors that this .NET process may have (RLIMIT_NOFILE; .NET raises it to the hard limit at its start).</summary>
    public static int DescriptorLimit()
    {
        const int descriptors = 7;
        long* limits = stackalloc long[2]; // soft, hard; -1 is none
        return getrlimit(descriptors, limits) != 0 ? 1024 : limits[0] is < 0 or > int.MaxValue ? int.MaxValue : (int)limits[0];
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getrlimit(int resource, long* limits);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup3(int fd, int target, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall6(long number, int* address, long operation, long value, TimeSpec* timeout, void* address2, long value3);

    // Linux/x86-64 and arm64 number futex differently; both are stable ABI.
    private static readonly long s_futex = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 98 : 202;

    /// <summary>Sleeps while <c>*address == expected</c>, at most so many milliseconds long (negative for ever); may wake spuriously.</summary>
    public static void FutexWait(int* address, int expected, long milliseconds = -1)
    {
        var time = new TimeSpec { Seconds = milliseconds / 1000, Nanoseconds = milliseconds % 1000 * 1_000_000 };
        Syscall6(s_futex, address, 128, expected, milliseconds < 0 ? null : &time, null, 0);
    }

    /// <summary>Wakes one sleeper on <paramref name="address"/>.</summary>
    public static void FutexWake(int* address) => Syscall6(s_futex, address, 129, 1, null, null, 0);
}
