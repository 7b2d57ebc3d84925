using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Pocketgres.Engine.Data;

/// <summary>COPY FROM in text format: the bytes between line ends, delimiters and backslashes, 16 at a time instead of one.</summary>
internal static unsafe class CopyText
{
    /// <summary>
    /// Before each turn of CopyReadLineText's loop (commands/copyfromparse.c), which looks at one byte.
    /// </summary>
    /// <returns>How many bytes at <paramref name="index"/> are neither line ends nor backslashes.</returns>
    public static int Line(byte* m, int csv, int buffer, int index, int length, int needData)
    {
        if ((csv | needData) != 0 || index >= length)
        {
            return 0;
        }

        var rest = new ReadOnlySpan<byte>(m + (uint)(buffer + index), length - index);
        int plain = rest.IndexOfAny((byte)'\n', (byte)'\r', (byte)'\\');
        return plain < 0 ? rest.Length : plain;
    }

    /// <summary>
    /// Before each turn of the loop of CopyReadAttributesText over a field's bytes: copies bytes to <paramref name="output"/> up to a delimiter or
    /// backslash. The line's last byte is left to the loop, which tests for the line's end behind it. The output buffer is as long as the line
    /// and has never got more bytes than were read, so 16 bytes may be written wherever 16 may be read.
    /// </summary>
    /// <returns>How many bytes were copied.</returns>
    public static int Field(byte* m, int input, int output, int end, int delimiter)
    {
        byte* from = m + (uint)input;
        byte* to = m + (uint)output;
        int left = end - input - 1;
        int copied = 0;
        var stop = Vector128.Create((byte)delimiter);
        var escape = Vector128.Create((byte)'\\');
        for (; copied <= left - Vector128<byte>.Count; copied += Vector128<byte>.Count)
        {
            var bytes = Vector128.Load(from + copied);
            bytes.Store(to + copied);
            uint found = (Vector128.Equals(bytes, stop) | Vector128.Equals(bytes, escape)).ExtractMostSignificantBits();
            if (found != 0)
            {
                return copied + BitOperations.TrailingZeroCount(found);
            }
        }

        for (; copied <= left - sizeof(ulong); copied += sizeof(ulong))
        {
            ulong bytes = Unsafe.ReadUnaligned<ulong>(from + copied);
            Unsafe.WriteUnaligned(to + copied, bytes);
            ulong found = ZeroBytes(bytes ^ (Ones * (byte)delimiter)) | ZeroBytes(bytes ^ (Ones * '\\'));
            if (found != 0)
            {
                return copied + (BitOperations.TrailingZeroCount(BitConverter.IsLittleEndian ? found : BinaryPrimitives.ReverseEndianness(found)) >> 3);
            }
        }

        return copied;
    }

    private const ulong Ones = 0x0101_0101_0101_0101;

    /// <summary>The lowest set bit is in the first byte that is zero (bits above it may be wrong).</summary>
    private static ulong ZeroBytes(ulong value) => (value - Ones) & ~value & (Ones << 7);
}
