using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>An inode of a <see cref="MemoryFileSystem"/>: it lives while a directory entry or an open file refers to it.</summary>
internal sealed class MemoryNode
{
    public const int Directory = 0x4000;
    public const int Regular = 0x8000;
    public const int SymbolicLink = 0xA000;

    private Dictionary<string, MemoryNode>? _children;
    private long _size;
    private MemoryNode? _origin; // the directory of a frozen file system that this one is an untouched copy of

    public required long Inode { get; init; }

    /// <summary>Type and permission bits.</summary>
    public required int Mode { get; set; }

    /// <summary>Directory entries that name this node; directories count "." and ".." as POSIX does.</summary>
    public int Links { get; set; } = 1;

    /// <summary>Open file descriptions.</summary>
    public int Opens { get; set; }

    /// <summary>Bytes. Any thread may look.</summary>
    public long Size
    {
        get => Volatile.Read(ref _size);
        set => Volatile.Write(ref _size, value);
    }

    public long Accessed { get; set; }

    public long Modified { get; set; }

    public long Changed { get; set; }

    /// <summary>Entries of a directory. In a clone they are made when somebody first looks.</summary>
    public Dictionary<string, MemoryNode>? Children
    {
        get
        {
            if (_origin is { } origin)
            {
                _origin = null;
                _children = NewChildren(origin._children!.Count);
                foreach (var (name, child) in origin._children)
                {
                    _children.Add(name, child.CloneLazily(this));
                }
            }

            return _children;
        }
        set => _children = value;
    }

    /// <summary>Entries that were made already: null also for a directory of a clone that nobody has looked at.</summary>
    public Dictionary<string, MemoryNode>? KnownChildren => _children;

    /// <summary>The directory above; the root's is itself. Only directories have one.</summary>
    public MemoryNode? Parent { get; set; }

    /// <summary>Text of a symbolic link.</summary>
    public string? Target { get; set; }

    /// <summary>Chunks of a regular file; null while it is empty, untouched in <see cref="Image"/>, or <see cref="Shared"/>.</summary>
    public FileContent? Content { get; set; }

    /// <summary>The image that holds the content until somebody opens the file.</summary>
    public FileSystemImage? Image { get; set; }

    /// <summary>Entry in <see cref="Image"/>.</summary>
    public int ImageEntry { get; set; }

    /// <summary>The memory object that took over the content because somebody mapped it shared.</summary>
    public SharedContent? Shared { get; set; }

    public bool IsDirectory => (Mode & FileStatus.TypeMask) == Directory;

    public bool IsLink => (Mode & FileStatus.TypeMask) == SymbolicLink;

    public bool IsRegular => (Mode & FileStatus.TypeMask) == Regular;

    /// <summary>Chunks this file takes of the file system's limit.</summary>
    public long UsedChunks => Shared != null ? (Shared.Length + ChunkPool.ChunkSize - 1) / ChunkPool.ChunkSize
        : Content != null ? Content.Used
        : Image != null ? Image.StoredChunks(ImageEntry) : 0;

    /// <summary>Names are compared byte for byte.</summary>
    public static Dictionary<string, MemoryNode> NewChildren(int capacity = 0) => new(capacity, StringComparer.Ordinal);

    public MemoryNode? Child(ReadOnlySpan<char> name) =>
        Children!.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var child) ? child : null;

    /// <summary>
    /// A copy for another file system: contents are shared until one side writes. A directory's entries are copied when somebody looks, so
    /// this one must never change: it belongs to a frozen file system, or is itself an untouched copy of one that does.
    /// </summary>
    public MemoryNode CloneLazily(MemoryNode? parent)
    {
        var copy = CopyWithoutChildren();
        if (IsDirectory)
        {
            copy.Parent = parent ?? copy;
            copy._origin = _origin ?? this;
        }

        return copy;
    }

    /// <summary>True for a directory of a clone that nobody has looked at.</summary>
    public bool IsUntouchedCopy => _origin is not null;

    /// <summary>A copy that shares the content; of a directory, without entries.</summary>
    public MemoryNode CopyWithoutChildren() => new()
    {
        Inode = Inode,
        Mode = Mode,
        Links = Links,
        Size = Size,
        Accessed = Accessed,
        Modified = Modified,
        Changed = Changed,
        Target = Target,
        Image = Image,
        ImageEntry = ImageEntry,
        Content = Content?.Share(),
    };

    public FileStatus Status(long device) => new(
        device, Inode, Mode, Links, 0, 0, IsDirectory ? 4096 : IsLink ? PathEncoding.ByteCount(Target) : Size,
        UsedChunks * (ChunkPool.ChunkSize / 512), Accessed, Modified, Changed);

    /// <summary>
    /// Content in a memfd, because a process mapped it MAP_SHARED. The object never shrinks: that would turn accesses through a live
    /// mapping into SIGBUS. The file's size is <see cref="MemoryNode.Size"/> as ever; bytes behind it are zero.
    /// </summary>
    public sealed unsafe class SharedContent : IDisposable
    {
        private const uint CloseOnExecute = 1; // MFD_CLOEXEC
        private const int PunchHoleKeepSize = 3; // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE

        private SharedContent(int descriptor) => Descriptor = descriptor;

        public int Descriptor { get; }

        public long Length { get; private set; }

        public static SharedContent? Create(long length)
        {
            int fd;
            fixed (byte* name = "pocketgres-file\0"u8)
            {
                fd = memfd_create(name, CloseOnExecute);
            }

            if (fd < 0)
            {
                return null;
            }

            var shared = new SharedContent(fd);
            if (!shared.Grow(length))
            {
                shared.Dispose();
                return null;
            }

            return shared;
        }

        public bool Grow(long length)
        {
            if (length > Length)
            {
                if (ftruncate(Descriptor, length) < 0)
                {
                    return false;
                }

                Length = length;
            }

            return true;
        }

        public void ZeroFrom(long offset)
        {
            if (offset < Length)
            {
                _ = fallocate(Descriptor, PunchHoleKeepSize, offset, Length - offset);
            }
        }

        public int Read(byte* buffer, int count, long offset)
        {
            nint n = pread(Descriptor, buffer, count, offset);
            return n < 0 ? -(int)HostErrno.Last() : (int)n;
        }

        public int Write(byte* buffer, int count, long offset)
        {
            nint n = pwrite(Descriptor, buffer, count, offset);
            if (n > 0)
            {
                Length = Math.Max(Length, offset + n);
            }

            return n < 0 ? -(int)HostErrno.Last() : (int)n;
        }

        /// <summary>Writes from several buffers, one after the other. False unless all of it was written.</summary>
        public bool Write(IoVector* vectors, int count, long offset)
        {
            nint total = 0;
            for (int i = 0; i < count; i++)
            {
                total += vectors[i].Length;
            }

            if (pwritev(Descriptor, vectors, count, offset) != total)
            {
                return false;
            }

            Length = Math.Max(Length, offset + total);
            return true;
        }

        public void Dispose() => _ = close(Descriptor);
    }
}
