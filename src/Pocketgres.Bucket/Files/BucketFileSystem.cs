using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Bucket.Files;

/// <summary>
/// A data directory that is an image in a bucket and what was changed since. Names, modes and lengths are in memory; a page is fetched when somebody reads
/// it, and what is written stays here (<see cref="PageFile"/>) until the next image. Changes of the write-ahead log, and of what Postgres keeps outside of
/// it, are noted for the <see cref="LogShipper"/>.
/// </summary>
/// <remarks>
/// Thread-safe by itself: one lock, held for no longer than copying takes, never while something is fetched. A write happens wholly or not at all for
/// everybody who freezes the file system, as Postgres' pages need it that are written without full images in the log.
/// Not IDisposable on purpose: it outlives the kernels that mount it. What it holds is given back by <see cref="Free"/>.
/// </remarks>
#pragma warning disable CA1001 // see remarks
internal sealed partial class BucketFileSystem : IFileSystem
#pragma warning restore CA1001
{
    private readonly Lock _lock = new();
    private readonly MemoryFileSystem _names = new();
    private readonly Dictionary<long, BucketNode> _nodes = []; // by inode
    private readonly Dictionary<long, BucketNode> _byId = [];
    private readonly PageFile _pages;
    private readonly FrameReader _frames;
    private long _nextFileId = 1;

    /// <summary>An empty file system.</summary>
    /// <param name="frames">Where pages of the image come from.</param>
    /// <param name="directory">Directory of the host for pages that are here.</param>
    public BucketFileSystem(FrameReader frames, string directory)
    {
        _frames = frames;
        _pages = new PageFile(directory);
    }

    /// <summary>Where changes are noted; null while the image is being brought up to date.</summary>
    public LogShipper? Log { get; set; }

    /// <summary>Told of each fetch that failed, once a statement has failed with EIO for it.</summary>
    public Action<string>? FetchFailed { get; set; }

    /// <summary>Bytes of pages that are here.</summary>
    public long UsedBytes
    {
        get
        {
            lock (_lock)
            {
                return _pages.UsedBytes;
            }
        }
    }

    /// <summary>Gives everything back. Nothing may be open.</summary>
    public void Free()
    {
        _pages.Dispose();
        _names.Dispose();
    }

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        lock (_lock)
        {
            bool existed = _names.Stat(path, followLink: false, out _) == Errno.None;
            if (IsStandby && !existed && path == PromotionSignal)
            {
                file = null;
                return Errno.EROFS;
            }

            var error = _names.Open(path, flags, mode, out file);
            if (error != Errno.None || file!.Status(out var status) != Errno.None || !status.IsRegular)
            {
                file = IsStandby && file is not null ? new BucketDirectory(_lock, file) : file;
                return error;
            }

            if (!_nodes.TryGetValue(status.Inode, out var node))
            {
                node = AddNode(status.Inode, _nextFileId++, []);
            }

            if ((flags & OpenFlags.Truncate) != 0)
            {
                CutPages(node, 0);
                node.IsChanged = true;
            }

            node.Opens++;
            file = new BucketFile(this, node, file, path);
            if (!existed && Log is not null && StatePaths.IsState(path))
            {
                Log.Note(new LogPart.Whole(path, mode & 0xFFF, []));
            }

            return Errno.None;
        }
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        lock (_lock)
        {
            return _names.Stat(path, followLink, out status);
        }
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode)
    {
        lock (_lock)
        {
            var error = _names.MakeDirectory(path, mode);
            NoteIf(error, path, () => new LogPart.Made(path, mode & 0x3FF));
            return error;
        }
    }

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path)
    {
        lock (_lock)
        {
            var error = _names.RemoveDirectory(path);
            NoteIf(error, path, () => new LogPart.Removed(path));
            return error;
        }
    }

    /// <inheritdoc/>
    public Errno Unlink(string path)
    {
        lock (_lock)
        {
            var node = LastName(path);
            var error = _names.Unlink(path);
            if (error == Errno.None)
            {
                Unlinked(node);
                NoteIf(error, path, () => new LogPart.Removed(path));
            }

            return error;
        }
    }

    /// <inheritdoc/>
    public Errno Rename(string from, string target)
    {
        lock (_lock)
        {
            var replaced = LastName(target);
            var moved = LastName(from);
            var error = _names.Rename(from, target);
            if (error == Errno.None)
            {
                if (replaced is not null && replaced != moved)
                {
                    Unlinked(replaced);
                }

                NoteRename(from, target, moved);
            }

            return error;
        }
    }

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => Errno.EPERM; // Postgres makes none in a data directory, and images know none

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path)
    {
        // A tablespace elsewhere on this machine would not be in the bucket.
        if (path.StartsWith("/pg_tblspc/", StringComparison.Ordinal))
        {
            return Errno.ENOTSUP;
        }

        lock (_lock)
        {
            return _names.SymbolicLink(target, path);
        }
    }

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        lock (_lock)
        {
            return _names.ReadLink(path, out target);
        }
    }

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode)
    {
        lock (_lock)
        {
            return _names.ChangeMode(path, mode);
        }
    }

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified)
    {
        lock (_lock)
        {
            return _names.SetTimes(path, followLink, accessed, modified);
        }
    }

    /// <inheritdoc/>
    public Errno Truncate(string path, long length)
    {
        var error = Open(path, OpenFlags.WriteOnly, 0, out var file);
        if (error == Errno.None)
        {
            error = file!.Truncate(length);
            file.Release();
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno Access(string path, int mode)
    {
        lock (_lock)
        {
            return _names.Access(path, mode);
        }
    }

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        lock (_lock)
        {
            return _names.StatFileSystem(path, out status);
        }
    }

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target)
    {
        lock (_lock)
        {
            return _names.FindLink(path, includeLast, out linkEnd, out target);
        }
    }

    internal Errno Status(BucketFile file, out FileStatus status)
    {
        lock (_lock)
        {
            return file.Name.Status(out status);
        }
    }

    internal Errno ChangeMode(BucketFile file, int mode)
    {
        lock (_lock)
        {
            return file.Name.ChangeMode(mode);
        }
    }

    internal Errno SetTimes(BucketFile file, long? accessed, long? modified)
    {
        lock (_lock)
        {
            return file.Name.SetTimes(accessed, modified);
        }
    }

    internal void Closed(BucketFile file)
    {
        lock (_lock)
        {
            file.Name.Release();
            file.Node.Opens--;
            FreeIfUnused(file.Node);
        }
    }

    private BucketNode AddNode(long inode, long fileId, IReadOnlyList<PageRun> runs)
    {
        var node = new BucketNode(fileId, runs);
        _nodes.Add(inode, node);
        _byId.Add(fileId, node);
        return node;
    }

    // The content that goes when this name goes; null when there is no such file.
    private BucketNode? LastName(string path) =>
        _names.Stat(path, followLink: false, out var status) == Errno.None && status.IsRegular ? _nodes.GetValueOrDefault(status.Inode) : null;

    private void Unlinked(BucketNode? node)
    {
        if (node is not null)
        {
            node.IsUnlinked = true;
            FreeIfUnused(node);
        }
    }

    private void FreeIfUnused(BucketNode node)
    {
        if (node.IsUnlinked && node.Opens == 0)
        {
            CutPages(node, 0);
            _byId.Remove(node.FileId);
        }
    }

    private void NoteIf(Errno error, string path, Func<LogPart> part)
    {
        if (error == Errno.None && Log is not null && StatePaths.IsState(path))
        {
            Log.Note(part());
        }
    }

    private void NoteRename(string from, string target, BucketNode? moved)
    {
        if (StatePaths.IsWalSegment(target) && moved is not null)
        {
            if (StatePaths.IsWalSegment(from))
            {
                CutPages(moved, 0); // recycled: what is in it means nothing, and what nobody wrote is zero
            }
            else
            {
                NoteWhole(target, moved);
            }
        }

        if (Log is null)
        {
            return;
        }

        bool isState = StatePaths.IsState(target);
        if (StatePaths.IsState(from))
        {
            Log.Note(isState ? new LogPart.Renamed(from, target) : new LogPart.Removed(from));
        }
        else if (isState && moved is not null)
        {
            Log.Note(WholeFile(target, moved));
        }
    }
}
