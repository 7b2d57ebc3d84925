using System.Buffers.Binary;
using System.Text;

namespace Pocketgres.Wasm.Reading;

/// <summary>A cursor over a module's bytes: LEB128 numbers, names and fixed-width constants, with bounds checks.</summary>
internal sealed class WasmReader(byte[] bytes, int position, int end)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public byte[] Bytes { get; } = bytes;

    /// <summary>Offset of the next byte, from the start of the module.</summary>
    public int Position { get; set; } = position;

    /// <summary>Offset just past the last readable byte.</summary>
    public int End { get; } = end;

    public bool AtEnd => Position >= End;

    public byte Byte()
    {
        if (Position >= End)
        {
            throw new WasmFormatException("unexpected end of data", Position);
        }

        return Bytes[Position++];
    }

    /// <summary>The next byte without consuming it, or -1 at the end.</summary>
    public int Peek() => Position < End ? Bytes[Position] : -1;

    public uint U32()
    {
        int start = Position;
        uint result = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte b = Byte();
            result |= (uint)(b & 0x7f) << shift;
            if ((b & 0x80) == 0)
            {
                return result;
            }
        }

        throw new WasmFormatException("LEB128 number longer than 32 bits", start);
    }

    /// <summary>Unsigned LEB128 of up to 64 bits.</summary>
    public ulong U64()
    {
        int start = Position;
        ulong result = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = Byte();
            if (shift == 63 && b > 1)
            {
                break;
            }

            result |= (ulong)(b & 0x7f) << shift;
            if ((b & 0x80) == 0)
            {
                return result;
            }
        }

        throw new WasmFormatException("LEB128 number longer than 64 bits", start);
    }

    /// <summary>An unsigned number that must fit an array index.</summary>
    public int Index()
    {
        int start = Position;
        uint v = U32();
        return v <= int.MaxValue ? (int)v : throw new WasmFormatException($"number {v} out of range", start);
    }

    /// <summary>A count of items of at least one byte each, so never more than the bytes that are left.</summary>
    public int Count()
    {
        int start = Position;
        int v = Index();
        return v <= End - Position ? v : throw new WasmFormatException($"count {v} exceeds the data that is left", start);
    }

    /// <summary>Signed LEB128 of up to 64 bits (also used for s32 and s33).</summary>
    public long S64()
    {
        int start = Position;
        long result = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = Byte();
            result |= (long)(b & 0x7f) << shift;
            if ((b & 0x80) == 0)
            {
                shift += 7;
                return shift < 64 && (b & 0x40) != 0 ? result | (-1L << shift) : result;
            }
        }

        throw new WasmFormatException("LEB128 number longer than 64 bits", start);
    }

    public int S32()
    {
        int start = Position;
        long v = S64();
        return v is >= int.MinValue and <= int.MaxValue ? (int)v : throw new WasmFormatException($"number {v} does not fit 32 bits", start);
    }

    public int Fixed32()
    {
        Skip(4);
        return BinaryPrimitives.ReadInt32LittleEndian(Bytes.AsSpan(Position - 4));
    }

    public long Fixed64()
    {
        Skip(8);
        return BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(Position - 8));
    }

    public void Skip(int count)
    {
        if (count > End - Position)
        {
            throw new WasmFormatException("unexpected end of data", Position);
        }

        Position += count;
    }

    public string Name()
    {
        int length = Count();
        int start = Position;
        Skip(length);
        try
        {
            return StrictUtf8.GetString(Bytes, start, length);
        }
        catch (DecoderFallbackException)
        {
            throw new WasmFormatException("name is not valid UTF-8", start);
        }
    }
}
