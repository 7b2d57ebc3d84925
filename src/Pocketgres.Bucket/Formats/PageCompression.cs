using System.Runtime.InteropServices;

namespace Pocketgres.Bucket.Formats;

/// <summary>
/// The bytes of a frame: its pages deflated, or, where that is shorter, what each word differs by from the one 16 bytes before. 16 bytes is what an entry of an index
/// on a number takes, and four item pointers: the entries of a primary key mostly differ by the same, so that its pages shrink to a few hundredths.
/// </summary>
internal static class PageCompression
{
    // Deflate has no blocks of type 3, which this would be.
    private const byte Differences = 7;

    private const int Distance = 4; // words

    /// <summary>A frame's bytes.</summary>
    /// <param name="pages">Whole pages.</param>
    public static byte[] Compress(ReadOnlySpan<byte> pages)
    {
        var words = MemoryMarshal.Cast<byte, uint>(pages);
        if (!IsRegular(words))
        {
            return Compression.Deflate(pages);
        }

        uint[] differences = words.ToArray();
        for (int i = Distance; i < words.Length; i++)
        {
            differences[i] = words[i] - words[i - Distance];
        }

        return [Differences, .. Compression.Deflate(MemoryMarshal.AsBytes(differences.AsSpan()))];
    }

    /// <summary>The pages of a frame.</summary>
    /// <param name="key">Where it is, for the message.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="pages">Becomes them, all of it.</param>
    /// <exception cref="DamagedObjectException">It is not a frame.</exception>
    public static void Decompress(string key, ReadOnlyMemory<byte> bytes, Span<byte> pages)
    {
        if (bytes.IsEmpty || bytes.Span[0] != Differences)
        {
            Compression.Inflate(key, bytes, pages);
            return;
        }

        Compression.Inflate(key, bytes[1..], pages);
        var words = MemoryMarshal.Cast<byte, uint>(pages);
        for (int i = Distance; i < words.Length; i++)
        {
            words[i] += words[i - Distance];
        }
    }

    // Whether so many more words are foretold by the difference before than by the word itself that Deflate, which finds equal ones at any distance, has more to find.
    private static bool IsRegular(ReadOnlySpan<uint> words)
    {
        int foretold = 0;
        for (int i = 2 * Distance; i < words.Length; i++)
        {
            uint difference = words[i] - words[i - Distance];
            foretold += difference != 0 && difference == words[i - Distance] - words[i - (2 * Distance)] ? 1 : 0;
        }

        return foretold > words.Length / 4;
    }
}
