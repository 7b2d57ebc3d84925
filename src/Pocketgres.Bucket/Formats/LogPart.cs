using Pocketgres.Bucket.Files;

namespace Pocketgres.Bucket.Formats;

/// <summary>A change of a file, as a log record tells it: enough to make the same change to a copy.</summary>
internal abstract record LogPart
{
    private const byte BytesTag = 1, ContentTag = 2, RemovedTag = 3, RenamedTag = 4, DirectoryTag = 5;

    /// <summary>Bytes it takes, roughly.</summary>
    public abstract int Size { get; }

    /// <summary>Appends it.</summary>
    public abstract void Write(BinaryWriter writer);

    /// <summary>Reads the next one.</summary>
    /// <exception cref="InvalidDataException">It is of no known kind, or its length is wrong.</exception>
    public static LogPart Read(BinaryReader reader) => reader.ReadByte() switch
    {
        BytesTag => new Bytes(reader.ReadName(), reader.ReadInt64(), ReadContent(reader)),
        ContentTag => new Whole(reader.ReadName(), reader.ReadInt32(), ReadContent(reader)),
        RemovedTag => new Removed(reader.ReadName()),
        RenamedTag => new Renamed(reader.ReadName(), reader.ReadName()),
        DirectoryTag => new Made(reader.ReadName(), reader.ReadInt32()),
        var other => throw new InvalidDataException($"part {other}"),
    };

    private static byte[] ReadContent(BinaryReader reader)
    {
        int length = reader.Read7BitEncodedInt();
        byte[] bytes = length >= 0 ? reader.ReadBytes(length) : [];
        return bytes.Length == length ? bytes : throw new InvalidDataException("length");
    }

    /// <summary>Bytes written into a file of the write-ahead log. The file has a whole segment's length; what nobody wrote in it is zero.</summary>
    internal sealed record Bytes(string Path, long Offset, byte[] Content) : LogPart
    {
        /// <summary>Where in the write-ahead log it begins.</summary>
        public ulong Position => StatePaths.WalPosition(Path) + (ulong)Offset;

        /// <summary>Where it ends.</summary>
        public ulong End => Position + (ulong)Content.Length;

        /// <inheritdoc/>
        public override int Size => Content.Length + (2 * Path.Length) + 12;

        /// <summary>What of it lies before a position.</summary>
        public Bytes Before(ulong position) => End <= position ? this : this with { Content = Content[..(int)(Math.Max(position, Position) - Position)] };

        /// <inheritdoc/>
        public override void Write(BinaryWriter writer)
        {
            writer.Write(BytesTag);
            writer.WriteName(Path);
            writer.Write(Offset);
            writer.Write7BitEncodedInt(Content.Length);
            writer.Write(Content);
        }
    }

    /// <summary>A small file as it is now.</summary>
    internal sealed record Whole(string Path, int Mode, byte[] Content) : LogPart
    {
        /// <inheritdoc/>
        public override int Size => Content.Length + (2 * Path.Length) + 8;

        /// <inheritdoc/>
        public override void Write(BinaryWriter writer)
        {
            writer.Write(ContentTag);
            writer.WriteName(Path);
            writer.Write(Mode);
            writer.Write7BitEncodedInt(Content.Length);
            writer.Write(Content);
        }
    }

    /// <summary>A file or an empty directory is gone.</summary>
    internal sealed record Removed(string Path) : LogPart
    {
        /// <inheritdoc/>
        public override int Size => 2 * Path.Length;

        /// <inheritdoc/>
        public override void Write(BinaryWriter writer)
        {
            writer.Write(RemovedTag);
            writer.WriteName(Path);
        }
    }

    /// <summary>A file or directory has another name.</summary>
    internal sealed record Renamed(string From, string To) : LogPart
    {
        /// <inheritdoc/>
        public override int Size => 2 * (From.Length + To.Length);

        /// <inheritdoc/>
        public override void Write(BinaryWriter writer)
        {
            writer.Write(RenamedTag);
            writer.WriteName(From);
            writer.WriteName(To);
        }
    }

    /// <summary>A directory was made.</summary>
    internal sealed record Made(string Path, int Mode) : LogPart
    {
        /// <inheritdoc/>
        public override int Size => 2 * Path.Length;

        /// <inheritdoc/>
        public override void Write(BinaryWriter writer)
        {
            writer.Write(DirectoryTag);
            writer.WriteName(Path);
            writer.Write(Mode);
        }
    }
}
