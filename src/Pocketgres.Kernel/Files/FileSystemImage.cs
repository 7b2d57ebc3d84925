using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// A read-only directory tree in two files: an index (read at once) and the contents (mapped). Loading costs one small read whatever the
/// contents weigh. Written by <see cref="FileSystemImageWriter"/>.
/// </summary>
/// <remarks>
/// Index, little-endian: header of 32 bytes {magic, CRC-32C of what follows the header, entries, extents, bytes of names, 0, i64 length of
/// the contents}, entries of 40 bytes (<see cref="Entry"/>), extents of 16 bytes (<see cref="Extent"/>), names in UTF-8.
/// Entry 0 is the root, parents come before children. Chunks of zeroes have no extent. Thread-safe.
/// </remarks>
public sealed unsafe partial class FileSystemImage : IDisposable
{
    internal const uint Magic = 0x31494750; // "PGI1"
    internal const int HeaderSize = 32;

    private readonly byte[] _index;
    private readonly int _entries;
    private readonly int _extents;
    private readonly byte* _data;
    private readonly long _dataLength;
    private int _references = 1;

    private FileSystemImage(byte[] index, byte* data, long dataLength)
    {
        _index = index;
        _data = data;
        _dataLength = dataLength;
        _entries = Header(index, 2);
        _extents = Header(index, 3);
    }

    /// <summary>Number of files, directories and links, the root included.</summary>
    public int Count => _entries;

    /// <summary>Bytes of contents that are mapped.</summary>
    public long DataLength => _dataLength;

    // References into the index instead of spans of these types, whose methods .NET would compile at each start.
    private ref readonly Entry EntryAt(int entry)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)entry, (uint)_entries, nameof(entry));
        return ref Unsafe.As<byte, Entry>(ref _index[HeaderSize + (entry * sizeof(Entry))]);
    }

    private ref readonly Extent ExtentAt(int extent)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)extent, (uint)_extents, nameof(extent));
        return ref Unsafe.As<byte, Extent>(ref _index[HeaderSize + (_entries * sizeof(Entry)) + (extent * sizeof(Extent))]);
    }

    private ReadOnlySpan<byte> Names => _index.AsSpan(HeaderSize + (_entries * sizeof(Entry)) + (_extents * sizeof(Extent)));

    /// <summary>Opens an image.</summary>
    /// <param name="indexPath">Host path of the index.</param>
    /// <param name="dataPath">Host path of the contents.</param>
    /// <exception cref="InvalidDataException">The files are damaged, of another version, or do not belong together.</exception>
    /// <exception cref="IOException">A file cannot be read or mapped.</exception>
    public static FileSystemImage Open(string indexPath, string dataPath)
    {
        byte[] index = File.ReadAllBytes(indexPath);
        long length = Validate(index, indexPath);
        byte[] name = [.. PathEncoding.Encode(dataPath), 0];
        fixed (byte* p = name)
        {
            int fd = open(p, CloseOnExec, 0);
            if (fd < 0)
            {
                throw new FileNotFoundException($"cannot open the image's contents: {HostErrno.Last()}", dataPath);
            }

            try
            {
                HostStatus status;
                byte empty = 0;
                if (statx(fd, &empty, AtEmptyPath, 0x7ff, &status) < 0 || status.Size != length)
                {
                    throw new InvalidDataException($"{dataPath} has {status.Size} bytes, its index {indexPath} says {length}");
                }

                byte* data = length == 0 ? null : mmap(null, (nint)length, 1, 2, fd, 0); // PROT_READ, MAP_PRIVATE
                return data == (byte*)-1
                    ? throw new IOException($"cannot map {dataPath}: {HostErrno.Last()}")
                    : new FileSystemImage(index, data, length);
            }
            finally
            {
                _ = close(fd);
            }
        }
    }

    /// <summary>Gives back the pages of the contents that were looked at; the next look maps them again.</summary>
    public void ForgetPages()
    {
        const int dontNeed = 4; // MADV_DONTNEED: of a mapping that nobody can write, nothing is lost
        if (_data != null)
        {
            _ = Native.Libc.madvise(_data, (nint)_dataLength, dontNeed);
        }
    }

    /// <summary>One more user, who calls <see cref="Dispose"/> in turn.</summary>
    public FileSystemImage AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Drops one reference; the last one unmaps the contents.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _references) == 0 && _data != null)
        {
            _ = munmap(_data, (nint)_dataLength);
        }
    }

    internal int Parent(int entry) => EntryAt(entry).Parent;

    internal string Name(int entry) => PathEncoding.Decode(Names.Slice(EntryAt(entry).NameOffset, EntryAt(entry).NameLength));

    /// <summary>Type and permission bits.</summary>
    internal int Mode(int entry) => EntryAt(entry).Mode;

    internal long Size(int entry) => EntryAt(entry).Size;

    internal long Modified(int entry) => EntryAt(entry).Modified;

    internal int ChildCount(int directory) => EntryAt(directory).Extra;

    internal string LinkTarget(int link) => PathEncoding.Decode(Names.Slice(EntryAt(link).Extra, (int)EntryAt(link).Size));

    /// <summary>Chunks with content.</summary>
    internal int StoredChunks(int entry)
    {
        var e = EntryAt(entry);
        int n = 0;
        for (int i = 0; i < e.ExtentCount; i++)
        {
            n += ExtentAt(e.FirstExtent + i).Chunks;
        }

        return n;
    }

    /// <summary>Addresses of a file's chunks in the mapping, marked as borrowed; see <see cref="FileContent"/>.</summary>
    internal nint[] Slots(int entry)
    {
        var e = EntryAt(entry);
        var slots = new nint[(e.Size + ChunkPool.ChunkSize - 1) / ChunkPool.ChunkSize];
        for (int i = 0; i < e.ExtentCount; i++)
        {
            var extent = ExtentAt(e.FirstExtent + i);
            for (int k = 0; k < extent.Chunks; k++)
            {
                slots[extent.FirstChunk + k] = ((nint)_data + (nint)extent.Offset + ((nint)k * ChunkPool.ChunkSize)) | 1;
            }
        }

        return slots;
    }

    internal static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        int i = 0;
        for (; i + sizeof(ulong) <= bytes.Length; i += sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }

        for (; i < bytes.Length; i++)
        {
            crc = BitOperations.Crc32C(crc, bytes[i]);
        }

        return ~crc;
    }

    private static long Validate(byte[] index, string path)
    {
        if (index.Length < HeaderSize || (uint)Header(index, 0) != Magic)
        {
            throw new InvalidDataException($"{path} is not a file system image of this version");
        }

        int entries = Header(index, 2), extents = Header(index, 3);
        long size = HeaderSize + ((long)entries * sizeof(Entry)) + ((long)extents * sizeof(Extent)) + Header(index, 4);
        if (entries < 1 || extents < 0 || size != index.Length || Checksum(index.AsSpan(HeaderSize)) != (uint)Header(index, 1))
        {
            throw new InvalidDataException($"{path} is damaged");
        }

        return BinaryPrimitives.ReadInt64LittleEndian(index.AsSpan(24));
    }

    private static int Header(byte[] index, int field) => BinaryPrimitives.ReadInt32LittleEndian(index.AsSpan(field * sizeof(int)));

    /// <summary>One file, directory or link.</summary>
    /// <param name="Parent">Index of the directory.</param>
    /// <param name="NameOffset">Name in the names block.</param>
    /// <param name="NameLength">Its bytes.</param>
    /// <param name="Mode">Type and permission bits.</param>
    /// <param name="FirstExtent">First extent of a file.</param>
    /// <param name="ExtentCount">Extents of a file.</param>
    /// <param name="Extra">Directory: number of children. Link: its text in the names block.</param>
    /// <param name="Size">File: bytes. Link: bytes of its text.</param>
    /// <param name="Modified">Nanoseconds since 1970.</param>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    internal readonly record struct Entry(
        int Parent, int NameOffset, ushort NameLength, ushort Mode, int FirstExtent, int ExtentCount, int Extra, long Size, long Modified);

    /// <summary>A run of stored chunks.</summary>
    /// <param name="FirstChunk">Its place in the file, in chunks of 8 KiB.</param>
    /// <param name="Chunks">Length in chunks; the file's last one is stored up to the file's end only.</param>
    /// <param name="Offset">Its place in the contents, bytes.</param>
    internal readonly record struct Extent(int FirstChunk, int Chunks, long Offset);
}
