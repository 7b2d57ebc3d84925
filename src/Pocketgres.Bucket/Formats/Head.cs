using System.Globalization;
using System.Text;

namespace Pocketgres.Bucket.Formats;

/// <summary>
/// The object <c>head</c>, overwritten by each image: which is the newest. A hint, which may say too much or too little. That of a clean close has copies of
/// what the next life reads first.
/// </summary>
/// <remarks>
/// Lines of text, ended by line feeds: the image's number, and " closed" behind it; the boot pack's key, or nothing; the bytes of both copies, and behind that line
/// the copies themselves. Each line but the first may be missing.
/// </remarks>
/// <param name="Sequence">Of the newest image.</param>
/// <param name="IsClosed">Whether the record behind it closes the log, and is stored.</param>
/// <param name="BootPack">Key of the image's boot pack; null for none.</param>
internal sealed record Head(long Sequence, bool IsClosed, string? BootPack)
{
    /// <summary>Bytes that copies have together at most: beyond, a wake would read more than it has use for.</summary>
    public const int MaximumCopies = 768 << 10;

    private const string ClosedMark = " closed";
    private const byte LineFeed = (byte)'\n';

    /// <summary>A copy of the manifest; empty for none.</summary>
    public ReadOnlyMemory<byte> Manifest { get; init; }

    /// <summary>A copy of the boot pack; empty for none.</summary>
    public ReadOnlyMemory<byte> Boot { get; init; }

    /// <summary>The object's bytes.</summary>
    public byte[] Encode()
    {
        int length = Manifest.Length + Boot.Length;
        bool hasCopies = length is > 0 and <= MaximumCopies;
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{Sequence}{(IsClosed ? ClosedMark : "")}\n{BootPack}\n{(hasCopies ? $"{Manifest.Length} {Boot.Length}\n" : "")}");
        return hasCopies ? [.. Encoding.UTF8.GetBytes(text), .. Manifest.Span, .. Boot.Span] : Encoding.UTF8.GetBytes(text);
    }

    /// <summary>What the object says; null when it makes no sense.</summary>
    public static Head? Decode(ReadOnlyMemory<byte> content)
    {
        string first = ReadLine(ref content), bootPack = ReadLine(ref content);
        string[] lengths = ReadLine(ref content).Split(' ');
        bool isClosed = first.EndsWith(ClosedMark, StringComparison.Ordinal);
        if (!long.TryParse(isClosed ? first[..^ClosedMark.Length] : first, NumberStyles.None, CultureInfo.InvariantCulture, out long sequence) || sequence <= 0)
        {
            return null;
        }

        var head = new Head(sequence, isClosed, bootPack.Length == 0 ? null : bootPack);
        return lengths is [string manifest, string boot]
            && int.TryParse(manifest, NumberStyles.None, CultureInfo.InvariantCulture, out int split) && int.TryParse(boot, NumberStyles.None, CultureInfo.InvariantCulture, out int rest)
            && (long)split + rest == content.Length
            ? head with { Manifest = content[..split], Boot = content[split..] }
            : head;
    }

    // Up to the next line feed, or what is left.
    private static string ReadLine(ref ReadOnlyMemory<byte> content)
    {
        int length = content.Span.IndexOf(LineFeed);
        string line = Encoding.UTF8.GetString(length < 0 ? content.Span : content.Span[..length]);
        content = length < 0 ? default : content[(length + 1)..];
        return line;
    }
}
