using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// File names between bytes and strings without loss. Names are bytes to POSIX: what is valid UTF-8 becomes ordinary text,
/// every other byte b becomes the lone surrogate U+DC00+b and turns back into b (the scheme of Python's surrogateescape).
/// </summary>
internal static unsafe class PathEncoding
{
    /// <summary>PATH_MAX: bytes of a path including the terminating zero.</summary>
    public const int MaxPath = 4096;

    /// <summary>NAME_MAX: bytes of one component.</summary>
    public const int MaxName = 255;

    /// <summary>Decodes up to the terminating zero. False when the path is longer than <see cref="MaxPath"/> or the destination is full.</summary>
    public static bool TryDecode(byte* source, Span<char> destination, out int written)
    {
        var bytes = new ReadOnlySpan<byte>(source, MaxPath);
        int length = bytes.IndexOf((byte)0);
        written = 0;
        return length >= 0 && TryDecode(bytes[..length], destination, out written);
    }

    /// <summary>Decodes all of <paramref name="bytes"/>.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, Span<char> destination, out int written)
    {
        if (Ascii.ToUtf16(bytes, destination, out written) == OperationStatus.Done)
        {
            return true;
        }

        written = 0;
        while (!bytes.IsEmpty)
        {
            var status = Utf8.ToUtf16(bytes, destination[written..], out int read, out int chars, replaceInvalidSequences: false);
            written += chars;
            bytes = bytes[read..];
            if (status == OperationStatus.Done)
            {
                return true;
            }

            if (status == OperationStatus.DestinationTooSmall || written == destination.Length)
            {
                return false;
            }

            destination[written++] = (char)(0xDC00 + bytes[0]);
            bytes = bytes[1..];
        }

        return true;
    }

    /// <summary>Decodes a whole name or path.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxPath)
        {
            return Encoding.UTF8.GetString(bytes);
        }

        Span<char> chars = stackalloc char[bytes.Length];
        return TryDecode(bytes, chars, out int n) ? new string(chars[..n]) : Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Encodes without a terminating zero. False when the destination is too small.</summary>
    public static bool TryEncode(ReadOnlySpan<char> text, Span<byte> destination, out int written)
    {
        if (Ascii.FromUtf16(text, destination, out written) == OperationStatus.Done)
        {
            return true;
        }

        written = 0;
        while (!text.IsEmpty)
        {
            var status = Utf8.FromUtf16(text, destination[written..], out int read, out int bytes, replaceInvalidSequences: false);
            written += bytes;
            text = text[read..];
            if (status == OperationStatus.Done)
            {
                return true;
            }

            if (status == OperationStatus.DestinationTooSmall || written == destination.Length)
            {
                return false;
            }

            // U+DC80..U+DCFF stand for a raw byte; any other lone surrogate cannot come from Decode and becomes '?'.
            char c = text[0];
            destination[written++] = c is >= (char)0xDC80 and <= (char)0xDCFF ? (byte)(c - 0xDC00) : (byte)'?';
            text = text[1..];
        }

        return true;
    }

    /// <summary>Encodes a whole name or path.</summary>
    public static byte[] Encode(string text)
    {
        var buffer = new byte[text.Length * 3];
        TryEncode(text, buffer, out int n);
        return buffer[..n];
    }

    /// <summary>Bytes that the text takes when encoded.</summary>
    public static int ByteCount(ReadOnlySpan<char> text)
    {
        if (Ascii.IsValid(text))
        {
            return text.Length;
        }

        int n = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                n += 4;
                i++;
            }
            else
            {
                n += c < 0x80 || char.IsSurrogate(c) ? 1 : c < 0x800 ? 2 : 3;
            }
        }

        return n;
    }
}
