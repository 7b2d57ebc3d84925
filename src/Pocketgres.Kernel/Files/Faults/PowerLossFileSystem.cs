namespace Pocketgres.Kernel.Files.Faults;

/// <summary>
/// A file system in memory that can lose its power: it keeps what programs see (the page cache) apart from what a disk would hold, which is what
/// was fsynced, file by file and directory by directory, and, as the seed decides, some of what was not.
/// <see cref="CutPower"/> gives the disk. Thread-safe.
/// </summary>
/// <remarks>
/// Contents: fsync and fdatasync make a file's bytes and size durable; O_SYNC and O_DSYNC do with each write. Other writes are lost, or with
/// <see cref="PowerLossOptions.WriteBack"/> arrive in part.
/// Names: fsync of a directory makes its entries durable, in order; a rename between directories arrives in both or neither. Modes are durable at once,
/// times and owners are not kept.
/// The disk is a second memory file system in which every inode has a name of its own in <c>/.inodes</c>, so that contents can be durable before names.
/// Not IDisposable on purpose: it outlives the kernels that mount it. Memory is given back by <see cref="Free"/>.
/// </remarks>
public sealed partial class PowerLossFileSystem : IFileSystem
{
    private const string Inodes = "/.inodes";

    private readonly Lock _lock = new();
    private readonly PowerLossOptions _options;
    private readonly Random _random;
    private readonly MemoryFileSystem _cache;
    private readonly MemoryFileSystem _disk;
    private readonly Dictionary<long, PowerLossNode> _nodes = [];
    private readonly List<PowerLossChange> _pending = [];
    private bool _off;

    /// <summary>Starts with <paramref name="content"/> on the disk and in the cache; it becomes part of this object.</summary>
    public PowerLossFileSystem(MemoryFileSystem content, PowerLossOptions? options = null)
    {
        _options = options ?? new PowerLossOptions();
        _random = new Random(_options.Seed);
        _cache = content;
        _disk = content.Clone();
        Must(_disk.MakeDirectory(Inodes, 0x1C0));
        Must(_cache.Stat("/", true, out var root));
        AddTree("/", _nodes[root.Inode] = new PowerLossNode(root.Inode) { IsDirectory = true, IsRoot = true, CacheNames = 1, DiskNames = 1 });
    }

    /// <summary>Whether the power is off: every call fails with EIO.</summary>
    public bool IsOff
    {
        get
        {
            lock (_lock)
            {
                return _off;
            }
        }
    }

    internal bool SyncsWhole => _options.SyncsWhole;

    /// <summary>Switches off, if it is not yet, and returns a copy of the disk as a reboot finds it. The copy is the caller's.</summary>
    public MemoryFileSystem CutPower()
    {
        lock (_lock)
        {
            _off = true;
            var image = _disk.Clone();
            FileTree.Remove(image, Inodes);
            return image;
        }
    }

    /// <summary>Gives the memory back, but for files still open.</summary>
    public void Free()
    {
        lock (_lock)
        {
            _off = true;
            foreach (var node in _nodes.Values)
            {
                node.Disk?.Release();
                node.Cached?.Release();
            }

            _nodes.Clear();
            _disk.Dispose();
            _cache.Dispose();
        }
    }

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        lock (_lock)
        {
            file = null;
            if (_off)
            {
                return Errno.EIO;
            }

            bool existed = _cache.Stat(path, false, out var before) == Errno.None;
            var error = _cache.Open(path, flags, mode, out var cached);
            if (error != Errno.None)
            {
                return error;
            }

            PowerLossNode node;
            if (existed)
            {
                node = _nodes[before.Inode];
                if ((flags & OpenFlags.Truncate) != 0 && before.Size > 0)
                {
                    Resized(node, 0);
                }
            }
            else
            {
                Must(cached!.Status(out var status));
                node = NewNode(status, path, null);
                Record(new PowerLossChange { Node = node, To = Directory(path), ToName = NameOf(path) });
            }

            node.Opens++;
            file = new PowerLossFile(this, node, cached!);
            return Errno.None;
        }
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => Create(path, () => _cache.MakeDirectory(path, mode), null);

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path) => Create(path, () => _cache.SymbolicLink(target, path), target);

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => Change(() =>
    {
        var error = _cache.Link(existing, created);
        if (error == Errno.None)
        {
            Record(new PowerLossChange { Node = NodeAt(created), To = Directory(created), ToName = NameOf(created) });
        }

        return error;
    });

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => Remove(path, () => _cache.RemoveDirectory(path));

    /// <inheritdoc/>
    public Errno Unlink(string path) => Remove(path, () => _cache.Unlink(path));

    /// <inheritdoc/>
    public Errno Rename(string from, string target) => Change(() =>
    {
        var replaced = _cache.Stat(target, false, out var status) == Errno.None ? _nodes[status.Inode] : null;
        var error = _cache.Rename(from, target);
        if (error != Errno.None)
        {
            return error;
        }

        var node = NodeAt(target);
        if (replaced == node)
        {
            return Errno.None; // two names of one file: nothing happens
        }

        if (replaced is not null)
        {
            replaced.CacheNames--;
        }

        Record(new PowerLossChange { Node = node, From = Directory(from), FromName = NameOf(from), To = Directory(target), ToName = NameOf(target) });
        return Errno.None;
    });

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode) => Change(() =>
    {
        var error = _cache.ChangeMode(path, mode);
        if (error == Errno.None)
        {
            ChangeDiskMode(NodeAt(path), mode);
        }

        return error;
    });

    /// <inheritdoc/>
    public Errno Truncate(string path, long length) => Change(() =>
    {
        var error = _cache.Truncate(path, length);
        if (error == Errno.None)
        {
            Resized(NodeAt(path), length);
        }

        return error;
    });

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified) => Change(() => _cache.SetTimes(path, followLink, accessed, modified));

    /// <inheritdoc/>
    public Errno Access(string path, int mode) => Change(() => _cache.Access(path, mode));

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        lock (_lock)
        {
            status = default;
            return _off ? Errno.EIO : _cache.Stat(path, followLink, out status);
        }
    }

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        lock (_lock)
        {
            target = "";
            return _off ? Errno.EIO : _cache.ReadLink(path, out target);
        }
    }

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        lock (_lock)
        {
            status = default;
            return _off ? Errno.EIO : _cache.StatFileSystem(path, out status);
        }
    }

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target)
    {
        lock (_lock)
        {
            return _cache.FindLink(path, includeLast, out linkEnd, out target);
        }
    }

    /// <summary>Runs a call of an open file under the lock, unless the power is off.</summary>
    internal T Locked<T>(Func<T> call, T off)
    {
        lock (_lock)
        {
            return _off ? off : call();
        }
    }

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private static void Must(Errno error)
    {
        if (error != Errno.None)
        {
            throw new InvalidOperationException($"the simulated disk answers {error}: a bug in the simulation");
        }
    }

    private Errno Change(Func<Errno> call) => Locked(call, Errno.EIO);

    private Errno Create(string path, Func<Errno> call, string? link) => Change(() =>
    {
        var error = call();
        if (error == Errno.None)
        {
            Must(_cache.Stat(path, false, out var status));
            Record(new PowerLossChange { Node = NewNode(status, path, link), To = Directory(path), ToName = NameOf(path) });
        }

        return error;
    });

    private Errno Remove(string path, Func<Errno> call) => Change(() =>
    {
        var node = _cache.Stat(path, false, out var status) == Errno.None ? _nodes[status.Inode] : null;
        var error = call();
        if (error == Errno.None)
        {
            Record(new PowerLossChange { Node = node!, From = Directory(path), FromName = NameOf(path) });
        }

        return error;
    });

    private PowerLossNode NodeAt(string path)
    {
        Must(_cache.Stat(path, false, out var status));
        return _nodes[status.Inode];
    }

    private PowerLossNode Directory(string path) => NodeAt(path[..Math.Max(1, path.LastIndexOf('/'))]);
}
