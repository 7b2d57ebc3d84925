using System.IO.Compression;

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

    /// <summary>Decompresses to exactly <paramref name="length"/> bytes.</summary>
    /// <exception cref="DamagedObjectException">It is not possible.</exception>
    public static byte[] Inflate(string key, ReadOnlyMemory<byte> bytes, int length)
    {
        var output = new byte[length];
        try
        {
            using var stream = new DeflateStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
            stream.ReadExactly(output);
            return stream.ReadByte() < 0 ? output : throw new InvalidDataException("too long");
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DamagedObjectException(key, "cannot be decompressed", e);
        }
    }
}
