using System.Globalization;
using System.Xml;

namespace Pocketgres.ObjectStore.S3;

/// <summary>Reads answers to ListObjectsV2.</summary>
internal static class Listing
{
    private static readonly XmlReaderSettings s_settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        IgnoreWhitespace = true,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        CheckCharacters = false, // other people's keys may have some that XML has not
    };

    /// <summary>Adds the objects of a page.</summary>
    /// <param name="xml">The answer.</param>
    /// <param name="entries">What was listed so far.</param>
    /// <returns>The token of the next page; null for none.</returns>
    /// <exception cref="FormatException">It is not a listing, or not a whole one.</exception>
    public static string? Read(byte[] xml, List<ObjectEntry> entries)
    {
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(xml), s_settings);
            reader.MoveToContent();
            if (reader.LocalName != "ListBucketResult")
            {
                throw new FormatException($"it is a {reader.LocalName}");
            }

            string? token = null;
            reader.ReadStartElement();
            while (reader.NodeType == XmlNodeType.Element)
            {
                if (reader.LocalName == "Contents")
                {
                    entries.Add(ReadEntry(reader));
                }
                else if (reader.LocalName == "NextContinuationToken")
                {
                    token = reader.ReadElementContentAsString() is { Length: > 0 } given ? given : null; // some write it on the last page, too
                }
                else
                {
                    reader.Skip();
                }
            }

            reader.ReadEndElement();
            return token;
        }
        catch (Exception e) when (e is XmlException or OverflowException)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static ObjectEntry ReadEntry(XmlReader reader)
    {
        string? key = null;
        long? size = null;
        DateTimeOffset? modified = null;
        reader.ReadStartElement();
        while (reader.NodeType == XmlNodeType.Element)
        {
            switch (reader.LocalName)
            {
                case "Key":
                    key = reader.ReadElementContentAsString();
                    break;
                case "Size":
                    size = long.Parse(reader.ReadElementContentAsString(), NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case "LastModified":
                    modified = DateTimeOffset.Parse(reader.ReadElementContentAsString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        reader.ReadEndElement();
        return new ObjectEntry(key ?? throw Missing("Key"), size ?? throw Missing("Size"), modified ?? throw Missing("LastModified"));
    }

    private static FormatException Missing(string name) => new($"an object has no {name}");
}
