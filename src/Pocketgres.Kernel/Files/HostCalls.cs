using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// The C library calls that files need, with the ABI of 64-bit Linux (x64 and arm64, glibc and musl). All signatures are blittable:
/// no marshalling code runs. "libc" is resolved by the runtime to the platform's C library.
/// </summary>
internal static unsafe partial class HostCalls
{
    public const int AtCurrentDirectory = -100;
    public const int AtNoFollow = 0x100;
    public const int AtRemoveDirectory = 0x200;
    public const int AtEmptyPath = 0x1000;
    public const int EINTR = 4;
    public const int EEXIST = 17;
    public const int ENOENT = 2;

    public const int CloseOnExec = 0x80000;
    public const int NonBlocking = 0x800;
    public const int GetFlags = 3;
    public const int SetFlags = 4;
    public const int AppendFlag = 0x400;

    public const long TimeOmit = 0x3ffffffe;

    /// <summary>Inode number of an open file.</summary>
    public static ulong InodeOf(int descriptor)
    {
        HostStatus status;
        byte empty = 0;
        return statx(descriptor, &empty, AtEmptyPath, 0x100, &status) < 0 ? 0 : (ulong)status.Inode; // STATX_INO
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial int open(byte* path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwrite(int fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint preadv(int fd, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwritev(int fd, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int fd, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int fd, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int statx(int directory, byte* path, int flags, uint mask, HostStatus* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int mkdir(byte* path, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int rmdir(byte* path);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int unlink(byte* path);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int rename(byte* from, byte* to);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int link(byte* existing, byte* created);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int symlink(byte* target, byte* path);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint readlink(byte* path, byte* buffer, nint size);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int chmod(byte* path, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fchmod(int fd, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int utimensat(int directory, byte* path, HostTime* times, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int futimens(int fd, HostTime* times);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int truncate(byte* path, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int fd, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fallocate(int fd, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sync_file_range(int fd, long offset, long length, uint flags);

    [LibraryImport("libc")]
    public static partial int posix_fadvise(int fd, long offset, long length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fsync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fdatasync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int syncfs(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int access(byte* path, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int statfs(byte* path, HostFileSystemStatus* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fstatfs(int fd, HostFileSystemStatus* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint fdopendir(int fd);

    [LibraryImport("libc")]
    public static partial void rewinddir(nint directory);

    [LibraryImport("libc", SetLastError = true)]
    public static partial byte* readdir(nint directory);

    [LibraryImport("libc")]
    public static partial int closedir(nint directory);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int pipe2(int* descriptors, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(HostPoll* descriptors, nuint count, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int memfd_create(byte* name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial byte* mmap(byte* address, nint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(byte* address, nint length);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc")]
    public static partial uint getegid();

    /// <summary>struct timespec.</summary>
    public struct HostTime
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct pollfd.</summary>
    public struct HostPoll
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct statx_timestamp.</summary>
    public struct StatusTime
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;

        public readonly long Total => (Seconds * 1_000_000_000) + Nanoseconds;
    }

    /// <summary>struct statx (256 bytes, the same on every architecture, which struct stat is not).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct HostStatus
    {
        [FieldOffset(16)]
        public uint Links;
        [FieldOffset(20)]
        public uint UserId;
        [FieldOffset(24)]
        public uint GroupId;
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public long Inode;
        [FieldOffset(40)]
        public long Size;
        [FieldOffset(48)]
        public long Blocks;
        [FieldOffset(64)]
        public StatusTime Accessed;
        [FieldOffset(96)]
        public StatusTime Changed;
        [FieldOffset(112)]
        public StatusTime Modified;
        [FieldOffset(136)]
        public uint DeviceMajor;
        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    /// <summary>struct statfs of 64-bit Linux, with room for what follows.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 160)]
    public struct HostFileSystemStatus
    {
        [FieldOffset(0)]
        public long Type;
        [FieldOffset(8)]
        public long BlockSize;
        [FieldOffset(16)]
        public long Blocks;
        [FieldOffset(24)]
        public long FreeBlocks;
        [FieldOffset(32)]
        public long AvailableBlocks;
        [FieldOffset(40)]
        public long Files;
        [FieldOffset(48)]
        public long FreeFiles;
    }
}
