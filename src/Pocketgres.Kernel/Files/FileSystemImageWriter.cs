using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// Collects files and writes them as a <see cref="FileSystemImage"/>. The result depends on nothing but what was added: entries are
/// sorted, all times are <paramref name="modified"/>. Chunks of zeroes are left out; files with equal contents are stored once.
/// Hard links become separate files; sockets, FIFOs and devices are left out.
/// </summary>
/// <param name="modified">Modification time of every entry, nanoseconds since 1970.</param>
public sealed unsafe class FileSystemImageWriter(long modified = 0)
{
    private readonly SortedDictionary<string, Source> _entries = new(StringComparer.Ordinal)
    {
        ["/"] = new Source(MemoryNode.Directory | 0x1ED, null, null),
    };

    private delegate void ContentReader(Action<ReadOnlyMemory<byte>> sink);

    /// <summary>Adds a regular file; directories above that were not added get mode 0755.</summary>
    /// <param name="path">Absolute path in the image.</param>
    /// <param name="mode">Permission bits.</param>
    /// <param name="content">Bytes; not copied, must not change before <see cref="Save"/>.</param>
    public void AddFile(string path, int mode, ReadOnlyMemory<byte> content) =>
        Add(path, new Source(MemoryNode.Regular | (mode & 0xFFF), sink => sink(content), null));

    /// <summary>Adds a directory or sets the mode of one.</summary>
    public void AddDirectory(string path, int mode) => Add(path, new Source(MemoryNode.Directory | (mode & 0xFFF), null, null));

    /// <summary>Adds a symbolic link.</summary>
    public void AddLink(string path, string target) => Add(path, new Source(MemoryNode.SymbolicLink | 0x1FF, null, target));

    /// <summary>Adds a host directory with all below it.</summary>
    /// <param name="hostDirectory">Directory on the host; must stay unchanged until <see cref="Save"/>.</param>
    /// <param name="path">Absolute path in the image that it becomes.</param>
    /// <exception cref="IOException">Something cannot be read.</exception>
    public void AddTree(string hostDirectory, string path = "/") =>
        AddTree(new HostFileSystem("/"), System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(hostDirectory)), path);

    /// <summary>Adds a directory of any file system with all below it; see <see cref="AddTree(string, string)"/>.</summary>
    public void AddTree(IFileSystem source, string sourcePath, string path = "/")
    {
        Check(source.Stat(sourcePath, true, out var status), sourcePath);
        AddDirectory(path, status.Mode);
        Check(source.Open(sourcePath, OpenFlags.Directory, 0, out var directory), sourcePath);
        var error = directory!.ReadDirectory(out var names);
        directory.Release();
        Check(error, sourcePath);
        foreach (var entry in names)
        {
            if (entry.Name is "." or "..")
            {
                continue;
            }

            string from = Join(sourcePath, entry.Name), to = Join(path, entry.Name);
            Check(source.Stat(from, false, out status), from);
            if (status.IsDirectory)
            {
                AddTree(source, from, to);
            }
            else if (status.IsLink)
            {
                Check(source.ReadLink(from, out string target), from);
                AddLink(to, target);
            }
            else if (status.IsRegular)
            {
                Add(to, new Source(MemoryNode.Regular | (status.Mode & 0xFFF), sink => ReadAll(source, from, sink), null));
            }
        }
    }

    /// <summary>Writes the image.</summary>
    /// <param name="indexPath">Host path of the index to write.</param>
    /// <param name="dataPath">Host path of the contents to write.</param>
    public void Save(string indexPath, string dataPath)
    {
        var order = new Dictionary<string, int>(StringComparer.Ordinal);
        var entries = new List<FileSystemImage.Entry>();
        var extents = new List<FileSystemImage.Extent>();
        var names = new MemoryStream();
        var children = new Dictionary<int, int>();
        using (var data = new FileStream(dataPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16))
        {
            var contents = new ContentStore(data, extents);
            foreach (var (path, source) in _entries)
            {
                int index = entries.Count;
                order.Add(path, index);
                int slash = path.LastIndexOf('/');
                int parent = order[slash <= 0 ? "/" : path[..slash]];
                children[parent] = children.GetValueOrDefault(parent) + (index > 0 ? 1 : 0);
                byte[] name = PathEncoding.Encode(path[(slash + 1)..]);
                int nameOffset = (int)names.Length, extra = 0;
                names.Write(name);
                var stored = default(ContentStore.Stored);
                if (source.Target != null)
                {
                    byte[] target = PathEncoding.Encode(source.Target);
                    extra = (int)names.Length;
                    names.Write(target);
                    stored = stored with { Size = target.Length };
                }
                else if (source.Content != null)
                {
                    stored = contents.Store(source.Content);
                }

                entries.Add(new FileSystemImage.Entry(
                    parent, nameOffset, (ushort)name.Length, (ushort)source.Mode, stored.FirstExtent, stored.Extents, extra, stored.Size, modified));
            }

            for (int i = 0; i < entries.Count; i++)
            {
                if ((entries[i].Mode & FileStatus.TypeMask) == MemoryNode.Directory)
                {
                    entries[i] = entries[i] with { Extra = children.GetValueOrDefault(i) };
                }
            }

            data.Flush();
            WriteIndex(indexPath, entries, extents, names.ToArray(), data.Length);
        }
    }

    private static void WriteIndex(
        string path, List<FileSystemImage.Entry> entries, List<FileSystemImage.Extent> extents, byte[] names, long dataLength)
    {
        var body = new MemoryStream();
        body.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(entries)));
        body.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(extents)));
        body.Write(names);
        byte[] bytes = body.ToArray();
        using var w = new BinaryWriter(File.Create(path));
        w.Write(FileSystemImage.Magic);
        w.Write(FileSystemImage.Checksum(bytes));
        w.Write(entries.Count);
        w.Write(extents.Count);
        w.Write(names.Length);
        w.Write(0);
        w.Write(dataLength);
        w.Write(bytes);
    }

    private static void ReadAll(IFileSystem source, string path, Action<ReadOnlyMemory<byte>> sink)
    {
        Check(source.Open(path, OpenFlags.ReadOnly, 0, out var file), path);
        var buffer = new byte[1 << 20];
        long offset = 0;
        while (true)
        {
            int n;
            fixed (byte* p = buffer)
            {
                n = file!.ReadAt(p, buffer.Length, offset);
            }

            Check(n < 0 ? (Errno)(-n) : Errno.None, path);
            if (n == 0)
            {
                break;
            }

            sink(buffer.AsMemory(0, n));
            offset += n;
        }

        file.Release();
    }

    private static void Check(Errno error, string path)
    {
        if (error != Errno.None)
        {
            throw new IOException($"cannot read {path} for the image: {error}");
        }
    }

    private static string Join(string directory, string name) => directory == "/" ? "/" + name : $"{directory}/{name}";

    private void Add(string path, Source source)
    {
        if (path.Length == 0 || path[0] != '/')
        {
            throw new ArgumentException($"not an absolute path: {path}", nameof(path));
        }

        for (int slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            _entries.TryAdd(path[..slash], new Source(MemoryNode.Directory | 0x1ED, null, null));
        }

        _entries[path] = source;
    }

    private sealed record Source(int Mode, ContentReader? Content, string? Target);

    /// <summary>Appends contents to the data file, without chunks of zeroes and without repeating equal files.</summary>
    private sealed class ContentStore(FileStream data, List<FileSystemImage.Extent> extents)
    {
        private readonly Dictionary<string, Stored> _known = [];
        private readonly byte[] _chunk = new byte[ChunkPool.ChunkSize];
        private int _filled;
        private int _chunks;
        private int _firstExtent;

        public Stored Store(ContentReader content)
        {
            long start = data.Length;
            int firstExtent = _firstExtent = extents.Count;
            long size = 0;
            _filled = _chunks = 0;
            Align();
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            content(piece =>
            {
                hash.AppendData(piece.Span);
                size += piece.Length;
                Append(piece.Span);
            });
            if (_filled > 0)
            {
                Flush();
            }

            var stored = new Stored(firstExtent, extents.Count - firstExtent, size);
            string key = Convert.ToHexString(hash.GetHashAndReset());
            if (_known.TryGetValue(key, out var same) || stored.Extents == 0)
            {
                extents.RemoveRange(firstExtent, extents.Count - firstExtent);
                data.SetLength(start);
                data.Position = start;
                return stored.Extents == 0 ? stored with { FirstExtent = 0 } : same;
            }

            _known.Add(key, stored);
            return stored;
        }

        /// <summary>Addresses of chunks must be even: bit 0 is a mark (<see cref="FileContent"/>).</summary>
        private void Align()
        {
            long aligned = (data.Position + 15) & ~15L;
            data.SetLength(aligned);
            data.Position = aligned;
        }

        private void Append(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                int n = Math.Min(bytes.Length, ChunkPool.ChunkSize - _filled);
                bytes[..n].CopyTo(_chunk.AsSpan(_filled));
                _filled += n;
                bytes = bytes[n..];
                if (_filled == ChunkPool.ChunkSize)
                {
                    Flush();
                }
            }
        }

        private void Flush()
        {
            var bytes = _chunk.AsSpan(0, _filled);
            if (bytes.ContainsAnyExcept((byte)0))
            {
                var last = extents.Count > _firstExtent ? extents[^1] : default;
                if (last.Chunks > 0 && last.FirstChunk + last.Chunks == _chunks && last.Offset + ((long)last.Chunks * ChunkPool.ChunkSize) == data.Position)
                {
                    extents[^1] = last with { Chunks = last.Chunks + 1 };
                }
                else
                {
                    extents.Add(new FileSystemImage.Extent(_chunks, 1, data.Position));
                }

                data.Write(bytes);
            }

            _chunks++;
            _filled = 0;
        }

        public readonly record struct Stored(int FirstExtent, int Extents, long Size);
    }
}
