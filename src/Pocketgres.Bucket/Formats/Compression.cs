using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Pocketgres.Bucket.Formats;

/// <summary>Deflate of whole buffers.</summary>
internal static class Compression
{
    /// <summary>Compresses.</summary>
    public static byte[] Deflate(ReadOnlySpan<byte> bytes)
    {
        var output = new MemoryStream(64 + (bytes.Length / 2));
        using (var stream = new DeflateStream(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(bytes);
        }

        return output.ToArray();
    }

    /// <summary>Decompresses to exactly as many bytes as <paramref name="output"/> has.</summary>
    /// <exception cref="DamagedObjectException">It is not possible.</exception>
    public static void Inflate(string key, ReadOnlyMemory<byte> bytes, Span<byte> output)
    {
        try
        {
            using var stream = new DeflateStream(Open(bytes), CompressionMode.Decompress);
            stream.ReadExactly(output);
            if (stream.ReadByte() >= 0)
            {
                throw new InvalidDataException("too long");
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DamagedObjectException(key, "cannot be decompressed", e);
        }
    }

    /// <summary>A stream that reads these bytes where they are: a few copies of a manifest and of frames are enough for a garbage collection of all generations.</summary>
    public static MemoryStream Open(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out var array) ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false) : new MemoryStream(bytes.ToArray());
}
