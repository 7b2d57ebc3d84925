using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// A directory of the host, by plain system calls. The host resolves symbolic links: an absolute one leads to the host's own root,
/// whatever <paramref name="root"/> is (as with a bind mount), and never into another mount of the kernel.
/// </summary>
/// <param name="root">Host directory that becomes "/"; "/" itself gives the whole host.</param>
/// <remarks>
/// The module believes to be user 0: files of the host user this process runs as appear as owned by 0, all others as foreign
/// (the host's root, when we are somebody else, as 65534), so that Postgres' ownership checks mean what they say.
/// </remarks>
[SkipLocalsInit]
public sealed unsafe class HostFileSystem(string root) : IFileSystem
{
    private const uint BasicStatus = 0x7ff; // STATX_BASIC_STATS

    private readonly byte[] _root = root.TrimEnd('/').Length == 0 ? [] : PathEncoding.Encode(System.IO.Path.GetFullPath(root).TrimEnd('/'));
    private readonly uint _user = geteuid();
    private readonly uint _group = getegid();
    private readonly int _hostUmask = ReadHostUmask();

    /// <summary>The umask of the .NET process.</summary>
    public static int HostUmask => ReadHostUmask();

    /// <summary>The user that the .NET process runs as.</summary>
    public static int HostUser => (int)geteuid();

    /// <summary>Standard input, output and error of the .NET process, for a program that has them as its own.</summary>
    public FileDescriptorTable InheritedDescriptors() => InheritedFile.StandardDescriptors(this);

    /// <summary>Sizes of the files that are open for writing.</summary>
    internal HostFileSizes Sizes { get; } = new();

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        file = null;
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        int fd = (flags & OpenFlags.Create) != 0 && (mode & _hostUmask) != 0
            ? CreateDespiteUmask(name, ToHost(flags), mode & 0xFFF)
            : OpenRetrying(name, ToHost(flags), mode & 0xFFF);
        if (fd < 0)
        {
            return HostErrno.Last();
        }

        file = new HostFile(this, fd, flags);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        status = default;
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        HostStatus s;
        if (statx(AtCurrentDirectory, name, followLink ? 0 : AtNoFollow, BasicStatus, &s) < 0)
        {
            return HostErrno.Last();
        }

        status = Convert(s);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        if (mkdir(name, mode & 0xFFF) < 0)
        {
            return HostErrno.Last();
        }

        return (mode & _hostUmask) != 0 && chmod(name, mode & 0xFFF) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(path, name) ? Errno.ENAMETOOLONG : rmdir(name) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno Unlink(string path)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(path, name) ? Errno.ENAMETOOLONG : unlink(name) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno Rename(string from, string target)
    {
        byte* source = stackalloc byte[PathEncoding.MaxPath];
        byte* replaced = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(from, source) || !Encode(target, replaced) ? Errno.ENAMETOOLONG : rename(source, replaced) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno Link(string existing, string created)
    {
        byte* source = stackalloc byte[PathEncoding.MaxPath];
        byte* target = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(existing, source) || !Encode(created, target) ? Errno.ENAMETOOLONG : link(source, target) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path)
    {
        byte* text = stackalloc byte[PathEncoding.MaxPath];
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!PathEncoding.TryEncode(target, new Span<byte>(text, PathEncoding.MaxPath - 1), out int n) || !Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        text[n] = 0;
        return symlink(text, name) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        target = "";
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        byte* text = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        nint n = readlink(name, text, PathEncoding.MaxPath);
        if (n < 0)
        {
            return HostErrno.Last();
        }

        target = PathEncoding.Decode(new ReadOnlySpan<byte>(text, (int)n));
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(path, name) ? Errno.ENAMETOOLONG : chmod(name, mode & 0xFFF) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        HostTime* times = stackalloc HostTime[2];
        times[0] = ToHostTime(accessed);
        times[1] = ToHostTime(modified);
        return !Encode(path, name) ? Errno.ENAMETOOLONG
            : utimensat(AtCurrentDirectory, name, times, followLink ? 0 : AtNoFollow) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno Truncate(string path, long length)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        int r;
        do
        {
            r = truncate(name, length);
        }
        while (r < 0 && Marshal.GetLastPInvokeError() == EINTR);
        var error = r < 0 ? HostErrno.Last() : Errno.None;
        const uint inode = 0x100; // STATX_INO
        HostStatus s;
        if (statx(AtCurrentDirectory, name, 0, inode, &s) >= 0)
        {
            Sizes.Forget(s);
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno Access(string path, int mode)
    {
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        return !Encode(path, name) ? Errno.ENAMETOOLONG : access(name, mode) < 0 ? HostErrno.Last() : Errno.None;
    }

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        status = default;
        byte* name = stackalloc byte[PathEncoding.MaxPath];
        if (!Encode(path, name))
        {
            return Errno.ENAMETOOLONG;
        }

        HostFileSystemStatus s;
        if (statfs(name, &s) < 0)
        {
            return HostErrno.Last();
        }

        status = new FileSystemStatus((int)s.BlockSize, s.Blocks, s.FreeBlocks, s.AvailableBlocks, s.Files, s.FreeFiles);
        return Errno.None;
    }

    /// <summary>timespec for utimensat: UTIME_OMIT when null.</summary>
    internal static HostTime ToHostTime(long? time)
    {
        if (time is not long t)
        {
            return new HostTime { Nanoseconds = TimeOmit };
        }

        long seconds = Math.DivRem(t, 1_000_000_000, out long rest);
        return rest < 0 ? new HostTime { Seconds = seconds - 1, Nanoseconds = rest + 1_000_000_000 } : new HostTime { Seconds = seconds, Nanoseconds = rest };
    }

    internal FileStatus Convert(in HostStatus s) => new(
        ((long)s.DeviceMajor << 20) | s.DeviceMinor, s.Inode, s.Mode, (int)s.Links, Owner(s.UserId, _user), Owner(s.GroupId, _group),
        s.Size, s.Blocks, s.Accessed.Total, s.Modified.Total, s.Changed.Total);

    private static int Owner(uint id, uint self) => id == self ? 0 : id == 0 ? 65534 : (int)id;

    /// <summary>
    /// O_CLOEXEC because the .NET process may start programs; O_NONBLOCK so that a FIFO cannot stop every process of the kernel
    /// (regular files ignore it; <see cref="HostFile"/> gives FIFOs their blocking reads back).
    /// </summary>
    private static int ToHost(OpenFlags flags)
    {
        const OpenFlags Same = OpenFlags.AccessMode | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate | OpenFlags.Append | OpenFlags.Sync;
        bool arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        int host = (int)(flags & Same) | CloseOnExec | NonBlocking;
        if ((flags & OpenFlags.Direct) != 0)
        {
            host |= arm ? 0x10000 : 0x4000;
        }

        if ((flags & OpenFlags.Directory) != 0)
        {
            host |= arm ? 0x4000 : 0x10000;
        }

        if ((flags & OpenFlags.NoFollow) != 0)
        {
            host |= arm ? 0x8000 : 0x20000;
        }

        return host;
    }

    private static int OpenRetrying(byte* name, int flags, int mode)
    {
        int fd;
        do
        {
            fd = open(name, flags, mode);
        }
        while (fd < 0 && Marshal.GetLastPInvokeError() == EINTR);

        // A file that was made or emptied cannot be as if it had not been opened.
        const OpenFlags changes = OpenFlags.Create | OpenFlags.Truncate;
        return (flags & (int)changes) == 0 ? HostDescriptors.Keep(fd) : fd;
    }

    /// <summary>
    /// The module has its own umask, already applied to <paramref name="mode"/>; the host's would take more bits away. They are put back,
    /// but only on a file that this call created, hence O_EXCL.
    /// </summary>
    private static int CreateDespiteUmask(byte* name, int flags, int mode)
    {
        const int Create = (int)OpenFlags.Create, Exclusive = (int)OpenFlags.Exclusive;
        for (int attempt = 0; ; attempt++)
        {
            if ((flags & Exclusive) == 0)
            {
                int existing = OpenRetrying(name, flags & ~Create, 0);
                if (existing >= 0 || Marshal.GetLastPInvokeError() != ENOENT)
                {
                    return existing;
                }
            }

            int fd = OpenRetrying(name, flags | Exclusive, mode);
            if (fd >= 0)
            {
                _ = fchmod(fd, mode);
                return fd;
            }

            if ((flags & Exclusive) != 0 || Marshal.GetLastPInvokeError() != EEXIST)
            {
                return fd;
            }

            if (attempt == 3)
            {
                // EEXIST and ENOENT in turn: a dangling link, which O_CREAT follows and O_EXCL does not.
                return OpenRetrying(name, flags, mode);
            }
        }
    }

    private static int ReadHostUmask()
    {
        // umask(2) can only be read by setting it, which would race with other threads; /proc tells it without.
        try
        {
            foreach (string line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith("Umask:", StringComparison.Ordinal))
                {
                    return System.Convert.ToInt32(line[6..].Trim(), 8);
                }
            }
        }
        catch (IOException)
        {
        }

        return 0x12; // 022
    }

    private bool Encode(string path, byte* name)
    {
        var buffer = new Span<byte>(name, PathEncoding.MaxPath - 1);
        _root.CopyTo(buffer);
        if (!PathEncoding.TryEncode(path, buffer[_root.Length..], out int n))
        {
            return false;
        }

        name[_root.Length + n] = 0;
        return true;
    }
}
