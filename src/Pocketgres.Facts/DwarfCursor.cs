using System.Buffers.Binary;
using System.Text;

namespace Pocketgres.Facts;

/// <summary>A position in little-endian bytes, with the number formats of DWARF and WebAssembly.</summary>
internal struct DwarfCursor(ReadOnlyMemory<byte> bytes, int position = 0)
{
    public int Position { get; set; } = position;

    public readonly bool AtEnd => Position >= bytes.Length;

    public ReadOnlyMemory<byte> Bytes(int count)
    {
        if (count < 0 || count > bytes.Length - Position)
        {
            throw new FactsException("the module's debugging information ends in the middle: build it again");
        }

        var result = bytes.Slice(Position, count);
        Position += count;
        return result;
    }

    public byte U8() => Bytes(1).Span[0];

    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2).Span);

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4).Span);

    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8).Span);

    /// <summary>An unsigned number of this many bytes.</summary>
    public ulong Unsigned(int size)
    {
        var content = Bytes(size).Span;
        ulong value = 0;
        for (int i = 0; i < size && i < 8; i++)
        {
            value |= (ulong)content[i] << (8 * i);
        }

        return value;
    }

    public ulong Uleb()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = U8();
            value |= shift < 64 ? (ulong)(part & 0x7f) << shift : 0;
            if ((part & 0x80) == 0)
            {
                return value;
            }
        }
    }

    public long Sleb()
    {
        long value = 0;
        for (int shift = 0; ;)
        {
            byte part = U8();
            value |= shift < 64 ? (long)(part & 0x7f) << shift : 0;
            shift += 7;
            if ((part & 0x80) == 0)
            {
                return shift < 64 && (part & 0x40) != 0 ? value | (-1L << shift) : value;
            }
        }
    }

    /// <summary>A text that ends with a zero byte.</summary>
    public string Text()
    {
        var rest = bytes.Span[Math.Min(Position, bytes.Length)..];
        int length = rest.IndexOf((byte)0);
        if (length < 0)
        {
            throw new FactsException("the module's debugging information ends in the middle: build it again");
        }

        Position += length + 1;
        return Encoding.UTF8.GetString(rest[..length]);
    }
}
