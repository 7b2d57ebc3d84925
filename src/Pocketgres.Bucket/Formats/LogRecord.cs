using System.Text;

namespace Pocketgres.Bucket.Formats;

/// <summary>What a log record is for.</summary>
internal enum LogRecordKind : ushort
{
    /// <summary>Its writer has the cluster from here on; its sequence is the writer's token. Later records of older tokens count for nothing.</summary>
    Fence = 1,

    /// <summary>Takes a number that a fenced writer could still have used.</summary>
    Filler = 2,

    /// <summary>Parts of the log and of files.</summary>
    Data = 3,

    /// <summary>The cluster was closed: its last manifest covers everything before this record, and its writer writes nothing more.</summary>
    Close = 4,
}

/// <summary>One object of the log. Its number in the order of the log is its sequence.</summary>
internal sealed record LogRecord(LogRecordKind Kind, Guid Cluster, long Sequence, long Token, DateTime Time, IReadOnlyList<LogPart> Parts)
{
    private const uint Magic = 0x314C4750; // PGL1

    /// <summary>The object's bytes. A fence has some of chance: two openers never write the same.</summary>
    public byte[] Encode()
    {
        var content = new MemoryStream();
        using (var writer = new BinaryWriter(content, Encoding.UTF8, leaveOpen: true))
        {
            if (Kind is LogRecordKind.Fence or LogRecordKind.Filler)
            {
                writer.Write(Guid.NewGuid().ToByteArray());
            }

            foreach (var part in Parts)
            {
                part.Write(writer);
            }
        }

        return new Envelope(Magic, (ushort)Kind, Cluster, Sequence, Token, Time, content.GetBuffer().AsMemory(0, (int)content.Length)).Encode();
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="DamagedObjectException">It is not what it should be.</exception>
    public static LogRecord Decode(byte[] bytes, Guid cluster, long sequence)
    {
        string key = Keys.LogRecord(sequence);
        var envelope = Envelope.Decode(key, bytes, Magic, cluster, sequence);
        var kind = (LogRecordKind)envelope.Kind;
        var parts = new List<LogPart>();
        try
        {
            if (kind is LogRecordKind.Data)
            {
                using var reader = new BinaryReader(new MemoryStream(envelope.Content.ToArray()), Encoding.UTF8);
                while (reader.BaseStream.Position < reader.BaseStream.Length)
                {
                    parts.Add(LogPart.Read(reader));
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException)
        {
            throw new DamagedObjectException(key, "has parts that make no sense", e);
        }

        return Enum.IsDefined(kind)
            ? new LogRecord(kind, cluster, sequence, envelope.Token, envelope.Time, parts)
            : throw new DamagedObjectException(key, $"is of an unknown kind ({envelope.Kind}): a newer version has written it");
    }
}
