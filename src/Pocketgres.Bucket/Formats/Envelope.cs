using System.Buffers.Binary;
using Pocketgres.Engine.Data;

namespace Pocketgres.Bucket.Formats;

/// <summary>
/// What log records and manifests lie in: whose they are, what number they have, and a checksum, so that no byte of a wrong, cut or flipped object is used.
/// </summary>
/// <remarks>
/// Layout, little-endian: 4 bytes magic, 1 format, 1 flags (1: the content is deflated), 2 kind, 16 cluster, 8 sequence, 8 token, 8 time (ticks since year 1,
/// UTC), 4 length of the content as it was; the content; 4 CRC-32C of all before. Deflate and not zstd: it is .NET's own native code, while a managed zstd
/// would be compiled in each wake.
/// </remarks>
internal sealed record Envelope(uint Magic, ushort Kind, Guid Cluster, long Sequence, long Token, DateTime Time, ReadOnlyMemory<byte> Content)
{
    // 2: pages' frames may hold differences (PageCompression).
    private const byte Format = 2, Deflated = 1;
    private const int HeaderSize = 52, WorthDeflating = 256, MaximumContent = 1 << 30;

    /// <summary>The object's bytes.</summary>
    public byte[] Encode()
    {
        ReadOnlyMemory<byte> stored = Content;
        byte flags = 0;
        if (Content.Length >= WorthDeflating && Compression.Deflate(Content.Span) is { } deflated && deflated.Length < Content.Length)
        {
            (stored, flags) = (deflated, Deflated);
        }

        var bytes = new byte[HeaderSize + stored.Length + 4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        bytes[4] = Format;
        bytes[5] = flags;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), Kind);
        Cluster.TryWriteBytes(bytes.AsSpan(8));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), Token);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), Time.Ticks);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(48), Content.Length);
        stored.Span.CopyTo(bytes.AsSpan(HeaderSize));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
        return bytes;
    }

    /// <summary>Reads an object.</summary>
    /// <exception cref="DamagedObjectException">It is not what it should be.</exception>
    public static Envelope Decode(string key, ReadOnlyMemory<byte> stored, uint magic, Guid cluster, long sequence)
    {
        var bytes = stored.Span;
        if (bytes.Length < HeaderSize + 4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != magic)
        {
            throw new DamagedObjectException(key, $"is cut off or not an object of a cluster ({bytes.Length} bytes)");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]) != Crc32C.Compute(bytes[..^4]))
        {
            throw new DamagedObjectException(key, "is damaged (wrong checksum)");
        }

        if (bytes[4] > Format)
        {
            throw new DamagedObjectException(key, $"has format {bytes[4]}, which a newer version has written: use that");
        }

        var owner = new Guid(bytes.Slice(8, 16));
        long number = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]);
        if (owner != cluster || number != sequence)
        {
            throw new DamagedObjectException(key, owner != cluster ? "belongs to another cluster" : "has the content of another object");
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[48..]);
        var content = stored[HeaderSize..^4];
        if (length is < 0 or > MaximumContent || ((bytes[5] & Deflated) == 0 && length != content.Length))
        {
            throw new DamagedObjectException(key, "has a length that makes no sense");
        }

        if ((bytes[5] & Deflated) != 0)
        {
            byte[] inflated = new byte[length];
            Compression.Inflate(key, content, inflated);
            content = inflated;
        }

        return new Envelope(
            magic, BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]), owner, number, BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            new DateTime(BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]), DateTimeKind.Utc),
            content);
    }
}
