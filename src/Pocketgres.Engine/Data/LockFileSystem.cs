using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The host's files, with one difference: lock files of Postgres (postmaster.pid, the .lock beside a Unix socket) hold the postmaster's process id for
/// Postgres, and this process's for everybody else on the host.
/// </summary>
/// <remarks>
/// Others look at the first line: a native server refuses a directory, and does not take a socket, whose process lives; pg_ctl finds the server by it.
/// Postgres reads its lock file again every minute and shuts down when it is gone or another's. What it reads is what it has written, whatever became of the
/// file; a file that was deleted is written again then, to keep the next opener out. Under the kernel's lock, as every file system.
/// </remarks>
/// <param name="host">Does the work.</param>
/// <param name="lockFiles">Absolute paths of lock files there.</param>
internal sealed class LockFileSystem(IFileSystem host, IReadOnlyList<string> lockFiles) : IFileSystem
{
    /// <summary>Name of the lock file in a data directory.</summary>
    public const string DataDirectoryLock = "postmaster.pid";

    private readonly IFileSystem _host = host;
    private readonly ConcurrentDictionary<string, byte[]> _contents = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        if (!IsLockFile(path) || (!_contents.ContainsKey(path) && (flags & OpenFlags.Create) == 0))
        {
            return _host.Open(path, flags, mode, out file);
        }

        file = null;
        if (_contents.ContainsKey(path))
        {
            if ((flags & OpenFlags.Exclusive) != 0)
            {
                return Errno.EEXIST;
            }

            Restore(path);
        }
        else
        {
            // A lock is taken by creating its file. Whether one is there is the host's to tell.
            var error = _host.Open(path, flags, mode, out var created);
            created?.Release();
            if (error != Errno.None)
            {
                return error;
            }

            _contents[path] = [];
        }

        file = new LockFile(this, path, flags);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Unlink(string path)
    {
        bool held = IsLockFile(path) && _contents.TryRemove(path, out _);
        var error = _host.Unlink(path);
        return held && error == Errno.ENOENT ? Errno.None : error;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status) => _host.Stat(path, followLink, out status);

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => _host.MakeDirectory(path, mode);

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => _host.RemoveDirectory(path);

    /// <inheritdoc/>
    public Errno Rename(string from, string target) => _host.Rename(from, target);

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => _host.Link(existing, created);

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path) => _host.SymbolicLink(target, path);

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target) => _host.ReadLink(path, out target);

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode) => _host.ChangeMode(path, mode);

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified) => _host.SetTimes(path, followLink, accessed, modified);

    /// <inheritdoc/>
    public Errno Truncate(string path, long length) => _host.Truncate(path, length);

    /// <inheritdoc/>
    public Errno Access(string path, int mode) => _host.Access(path, mode);

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status) => _host.StatFileSystem(path, out status);

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target) => _host.FindLink(path, includeLast, out linkEnd, out target);

    /// <inheritdoc/>
    public int DescriptorAlias(string path) => _host.DescriptorAlias(path);

    private bool IsLockFile(string path)
    {
        for (int i = 0; i < lockFiles.Count; i++)
        {
            if (lockFiles[i] == path)
            {
                return true;
            }
        }

        return false;
    }

    // For a file that somebody deleted, and only for that: another's is left alone. When it cannot be written, the next minute's attempt may.
    private void Restore(string path)
    {
        if (_host.Stat(path, followLink: false, out _) == Errno.ENOENT)
        {
            Write(path, _contents[path]);
        }
    }

    private unsafe Errno Write(string path, byte[] content)
    {
        const int ownerReadWrite = 0x180;
        var error = _host.Open(path, OpenFlags.ReadWrite | OpenFlags.Create, ownerReadWrite, out var file);
        if (error != Errno.None)
        {
            return error;
        }

        byte[] shown = Shown(content);
        fixed (byte* bytes = shown)
        {
            int written = file!.WriteAt(bytes, shown.Length, 0);
            error = written < 0 ? (Errno)(-written) : written < shown.Length ? Errno.ENOSPC : file.Truncate(shown.Length);
        }

        file.Release();
        return error;
    }

    private static byte[] Shown(byte[] content)
    {
        var postmaster = Encoding.ASCII.GetBytes(EnginePrograms.PostmasterPid.ToString(CultureInfo.InvariantCulture) + "\n");
        return content.AsSpan().StartsWith(postmaster)
            ? [.. Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"), .. content.AsSpan(postmaster.Length)]
            : content;
    }

    /// <summary>A lock file as Postgres sees it.</summary>
    private sealed unsafe class LockFile : OpenFile
    {
        private const int MaximumLength = 8192; // Postgres reads and writes it as a whole, with one buffer of a page

        private readonly LockFileSystem _files;
        private readonly string _path;

        public LockFile(LockFileSystem files, string path, OpenFlags flags)
        {
            _files = files;
            _path = path;
            Flags = flags & ~(OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate | OpenFlags.CloseOnExec);
        }

        // Postgres has it open for moments only, and does not remove it meanwhile.
        private byte[] Content => _files._contents[_path];

        public override int ReadAt(byte* buffer, int count, long offset)
        {
            byte[] content = Content;
            int n = (int)Math.Clamp(content.Length - offset, 0, count);
            content.AsSpan((int)Math.Min(offset, content.Length), n).CopyTo(new Span<byte>(buffer, n));
            return n;
        }

        public override int WriteAt(byte* buffer, int count, long offset)
        {
            if (offset + count > MaximumLength)
            {
                return -(int)Errno.EFBIG;
            }

            byte[] content = Content;
            Array.Resize(ref content, Math.Max(content.Length, (int)offset + count));
            new ReadOnlySpan<byte>(buffer, count).CopyTo(content.AsSpan((int)offset));
            return Change(content) is var e and not Errno.None ? -(int)e : count;
        }

        public override Errno Truncate(long length)
        {
            if (length > MaximumLength)
            {
                return Errno.EFBIG;
            }

            byte[] content = Content;
            Array.Resize(ref content, (int)length);
            return Change(content);
        }

        public override Errno Status(out FileStatus status)
        {
            var error = _files.Stat(_path, followLink: true, out status);
            status = status with { Size = Content.Length };
            return error;
        }

        public override Errno Sync(bool dataOnly)
        {
            var error = _files._host.Open(_path, OpenFlags.ReadOnly, 0, out var file);
            error = error == Errno.None ? file!.Sync(dataOnly) : Errno.None; // deleted by somebody: nothing to keep
            file?.Release();
            return error;
        }

        private Errno Change(byte[] content)
        {
            var error = _files.Write(_path, content);
            if (error == Errno.None)
            {
                _files._contents[_path] = content;
            }

            return error;
        }
    }
}
