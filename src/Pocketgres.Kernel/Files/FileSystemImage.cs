using System.Numerics;
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
        var header = MemoryMarshal.Cast<byte, int>(index.AsSpan(0, HeaderSize));
        _entries = header[2];
        _extents = header[3];
    }

    /// <summary>Number of files, directories and links, the root included.</summary>
    public int Count => _entries;

    /// <summary>Bytes of contents that are mapped.</summary>
    public long DataLength => _dataLength;

    private ReadOnlySpan<Entry> Entries => MemoryMarshal.Cast<byte, Entry>(_index.AsSpan(HeaderSize, _entries * sizeof(Entry)));

    private ReadOnlySpan<Extent> Extents =>
        MemoryMarshal.Cast<byte, Extent>(_index.AsSpan(HeaderSize + (_entries * sizeof(Entry)), _extents * sizeof(Extent)));

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

    internal int Parent(int entry) => Entries[entry].Parent;

    internal string Name(int entry) => PathEncoding.Decode(Names.Slice(Entries[entry].NameOffset, Entries[entry].NameLength));

    /// <summary>Type and permission bits.</summary>
    internal int Mode(int entry) => Entries[entry].Mode;

    internal long Size(int entry) => Entries[entry].Size;

    internal long Modified(int entry) => Entries[entry].Modified;

    internal int ChildCount(int directory) => Entries[directory].Extra;

    internal string LinkTarget(int link) => PathEncoding.Decode(Names.Slice(Entries[link].Extra, (int)Entries[link].Size));

    /// <summary>Chunks with content.</summary>
    internal int StoredChunks(int entry)
    {
        var e = Entries[entry];
        int n = 0;
        for (int i = 0; i < e.ExtentCount; i++)
        {
            n += Extents[e.FirstExtent + i].Chunks;
        }

        return n;
    }

    /// <summary>Addresses of a file's chunks in the mapping, marked as borrowed; see <see cref="FileContent"/>.</summary>
    internal nint[] Slots(int entry)
    {
        var e = Entries[entry];
        var slots = new nint[(e.Size + ChunkPool.ChunkSize - 1) / ChunkPool.ChunkSize];
        for (int i = 0; i < e.ExtentCount; i++)
        {
            var extent = Extents[e.FirstExtent + i];
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
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    private static long Validate(byte[] index, string path)
    {
        if (index.Length < HeaderSize || MemoryMarshal.Read<uint>(index) != Magic)
        {
            throw new InvalidDataException($"{path} is not a file system image of this version");
        }

        var header = MemoryMarshal.Cast<byte, int>(index.AsSpan(0, HeaderSize));
        long size = HeaderSize + ((long)header[2] * sizeof(Entry)) + ((long)header[3] * sizeof(Extent)) + header[4];
        if (header[2] < 1 || header[3] < 0 || size != index.Length || Checksum(index.AsSpan(HeaderSize)) != (uint)header[1])
        {
            throw new InvalidDataException($"{path} is damaged");
        }

        return MemoryMarshal.Read<long>(index.AsSpan(24));
    }

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
