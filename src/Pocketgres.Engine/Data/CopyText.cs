using System.Numerics;
using System.Runtime.Intrinsics;

namespace Pocketgres.Engine.Data;

/// <summary>Lines and fields of COPY's text format that need nothing but to be found: 16 bytes at a time or more, where PostgreSQL looks at each.</summary>
internal static class CopyText
{
    /// <summary>How many bytes are looked at together: buffers have room for whole steps.</summary>
    public const int Step = 16;

    /// <summary>Length of the first line, without its newline.</summary>
    /// <returns>-1 when it does not end in <paramref name="text"/>, or has what means more: a carriage return, or the mark of the end.</returns>
    public static int LineLength(ReadOnlySpan<byte> text)
    {
        for (int at = 0; ;)
        {
            int found = text[at..].IndexOfAny((byte)'\n', (byte)'\r', (byte)'\\');
            if (found < 0 || text[at + found] == '\r')
            {
                return -1;
            }

            at += found;
            if (text[at] == '\n')
            {
                return at;
            }

            // A backslash makes data of whatever follows it, a newline too, but for a full stop.
            if (at + 1 >= text.Length || text[at + 1] == '.')
            {
                return -1;
            }

            at += 2;
        }
    }

    /// <summary>Splits a line into its fields, each with a zero behind it.</summary>
    /// <param name="line">The line, and behind it whatever fills the last step.</param>
    /// <param name="length">The line's length.</param>
    /// <param name="delimiter">What is between fields.</param>
    /// <param name="output">Gets the bytes; has room for whole steps and for one byte more than the line.</param>
    /// <param name="address">Address of <paramref name="output"/>.</param>
    /// <param name="fields">Get the address of each field, or 0 of one that is \N.</param>
    /// <returns>The number of fields; -1 when there are more than <paramref name="fields"/> takes or other escapes than \N.</returns>
    public static int Split(ReadOnlySpan<byte> line, int length, byte delimiter, Span<byte> output, uint address, Span<ulong> fields)
    {
        if (fields.IsEmpty)
        {
            return -1;
        }

        int count = 1, start = 0;
        fields[0] = address;
        for (int at = 0; at < length; at += Step)
        {
            var bytes = Vector128.Create(line.Slice(at, Step));
            bytes.CopyTo(output[at..]);
            uint found = (Vector128.Equals(bytes, Vector128.Create(delimiter)) | Vector128.Equals(bytes, Vector128.Create((byte)'\\'))).ExtractMostSignificantBits();
            for (; found != 0; found &= found - 1)
            {
                int position = at + BitOperations.TrailingZeroCount(found);
                if (position >= length)
                {
                    break;
                }

                if (line[position] != delimiter)
                {
                    if (position != start || position + 2 > length || line[position + 1] != 'N' || (position + 2 < length && line[position + 2] != delimiter))
                    {
                        return -1;
                    }

                    fields[count - 1] = 0;
                    continue;
                }

                if (count == fields.Length)
                {
                    return -1;
                }

                output[position] = 0;
                start = position + 1;
                fields[count++] = address + (uint)start;
            }
        }

        output[length] = 0;
        return count;
    }
}
