using System.Globalization;
using System.Net;
using System.Text;

namespace Pocketgres.ObjectStore.S3;

/// <summary>
/// Reads answers to ListObjectsV2. Of XML it knows elements without attributes and character references, which is all that stores write there: .NET's reader
/// is an assembly of 8 MB, for which a wake would wait.
/// </summary>
internal static class Listing
{
    private const string End = "</ListBucketResult>";

    /// <summary>Adds the objects of a page.</summary>
    /// <param name="xml">The answer.</param>
    /// <param name="entries">What was listed so far.</param>
    /// <returns>The token of the next page; null for none.</returns>
    /// <exception cref="FormatException">It is not a listing, or not a whole one.</exception>
    public static string? Read(byte[] xml, List<ObjectEntry> entries)
    {
        var text = Encoding.UTF8.GetString(xml).AsSpan().TrimEnd();
        if (!text.EndsWith(End, StringComparison.Ordinal))
        {
            throw new FormatException($"it does not end with {End}");
        }

        string? token = null;
        while (Next(ref text) is { IsEmpty: false } name)
        {
            if (name is "Contents")
            {
                entries.Add(ReadEntry(ref text));
            }
            else if (name is "NextContinuationToken")
            {
                token = Content(ref text) is { Length: > 0 } given ? given : null; // some write it on the last page, too
            }
        }

        return token;
    }

    private static ObjectEntry ReadEntry(ref ReadOnlySpan<char> text)
    {
        string? key = null;
        long? size = null;
        DateTimeOffset? modified = null;
        while (Next(ref text) is var name && name is not "/Contents")
        {
            switch (name)
            {
                case "Key":
                    key = Content(ref text);
                    break;
                case "Size":
                    size = long.Parse(Content(ref text), NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "LastModified":
                    modified = DateTimeOffset.Parse(Content(ref text), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
                    break;
                case "":
                    throw new FormatException("an object does not end");
            }
        }

        return new ObjectEntry(key ?? throw Missing("Key"), size ?? throw Missing("Size"), modified ?? throw Missing("LastModified"));
    }

    private static FormatException Missing(string name) => new($"an object has no {name}");

    // The next tag's name, with the slash of an end and without attributes; empty when there is none.
    private static ReadOnlySpan<char> Next(ref ReadOnlySpan<char> text)
    {
        int start = text.IndexOf('<'), length = start < 0 ? -1 : text[start..].IndexOf('>');
        if (length < 0)
        {
            return text = default;
        }

        var tag = text.Slice(start + 1, length - 1);
        text = text[(start + length + 1)..];
        int space = tag.IndexOfAny(' ', '\n', '/');
        return tag[..(space > 0 ? space : tag.Length)];
    }

    private static string Content(ref ReadOnlySpan<char> text)
    {
        int length = text.IndexOf('<');
        string content = text[..Math.Max(0, length)].ToString();
        text = text[Math.Max(0, length)..];
        return content.Contains('&', StringComparison.Ordinal) ? WebUtility.HtmlDecode(content) : content;
    }
}
