using System.Text;

namespace Pocketgres.Bucket.Formats;

/// <summary>A frame: up to <see cref="MaximumPages"/> pages compressed together, at a place in a pack.</summary>
/// <param name="Pack">Key of the pack.</param>
/// <param name="Offset">First byte there.</param>
/// <param name="Length">Bytes there.</param>
/// <param name="Pages">Pages in it.</param>
/// <param name="Checksum">CRC-32C of its bytes there.</param>
internal sealed record PageFrame(string Pack, int Offset, int Length, int Pages, uint Checksum)
{
    /// <summary>Pages of a frame at most: 256 KiB, of which one read costs a few milliseconds to fetch and decompress.</summary>
    public const int MaximumPages = 32;
}

/// <summary>Consecutive pages of a file, which are consecutive in a frame too.</summary>
/// <param name="Page">The first one's number in the file.</param>
/// <param name="Count">How many.</param>
/// <param name="Frame">Where they are.</param>
/// <param name="Skip">The first one's number in the frame.</param>
internal readonly record struct PageRun(int Page, int Count, PageFrame Frame, int Skip);

/// <summary>A file, directory or link of an image. Pages of a file that no run has are zero.</summary>
internal sealed record ImageEntry(string Path, int Mode, long FileId, long Size, string? LinkTarget, IReadOnlyList<PageRun> Runs);

/// <summary>The pages that the last life of a cluster read first, once more and close together.</summary>
/// <param name="Pack">Key of their pack.</param>
/// <param name="Frames">Its frames, in order; their pages belong to no file by themselves.</param>
/// <param name="Pages">File and number of each page in them; file 0 for a page that has changed since.</param>
internal sealed record BootPack(string Pack, IReadOnlyList<PageFrame> Frames, IReadOnlyList<(long FileId, int Page)> Pages);

/// <summary>Where the log is that a branch begins with: in the cluster it was made of.</summary>
/// <param name="Prefix">That cluster's prefix in the same bucket, with a slash at its end.</param>
/// <param name="Cluster">That cluster.</param>
/// <param name="First">The first record behind the image.</param>
/// <param name="Last">The last one that the branch has; one before <paramref name="First"/> when the image is all of it.</param>
/// <param name="Lsn">Where in the write-ahead log of these records the branch begins: what lies behind is not its own; 0 for the end.</param>
internal sealed record BranchOrigin(string Prefix, Guid Cluster, long First, long Last, ulong Lsn = 0);

/// <summary>
/// An image of a cluster's files at a moment, and the number of the last log record it contains. With it, the objects it names and the log behind it, the
/// cluster is whole.
/// </summary>
internal sealed record Manifest(
    Guid Cluster, long Sequence, long Token, DateTime Time, long NextFileId, long NextPack, IReadOnlyList<ImageEntry> Entries, BootPack? Boot)
{
    private const uint Magic = 0x314D4750; // PGM1
    private const ushort Plain = 0, Branch = 1, BranchAtLsn = 2;

    /// <summary>Of a branch that has no image of its own yet: what of the log it begins with, before its own records. Else null.</summary>
    public BranchOrigin? Origin { get; init; }

    /// <summary>Keys of the packs that it reads.</summary>
    public IEnumerable<string> Packs() => Entries.SelectMany(e => e.Runs, (_, r) => r.Frame.Pack).Concat(Boot is null ? [] : [Boot.Pack]).Distinct(StringComparer.Ordinal);

    /// <summary>The object's bytes.</summary>
    public byte[] Encode()
    {
        var content = new MemoryStream();
        using (var writer = new BinaryWriter(content, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(NextFileId);
            writer.Write(NextPack);
            var frames = new FrameTable();
            foreach (var entry in Entries)
            {
                foreach (var run in entry.Runs)
                {
                    frames.Add(run.Frame);
                }
            }

            foreach (var frame in Boot?.Frames ?? [])
            {
                frames.Add(frame);
            }

            frames.Write(writer);
            writer.Write7BitEncodedInt(Entries.Count);
            foreach (var entry in Entries)
            {
                Write(writer, entry, frames);
            }

            writer.Write(Boot is not null);
            if (Boot is not null)
            {
                writer.Write(Boot.Pack);
                writer.Write7BitEncodedInt(Boot.Frames.Count);
                foreach (var frame in Boot.Frames)
                {
                    writer.Write7BitEncodedInt(frames[frame]);
                }

                writer.Write7BitEncodedInt(Boot.Pages.Count);
                foreach (var (file, page) in Boot.Pages)
                {
                    writer.Write7BitEncodedInt64(file);
                    writer.Write7BitEncodedInt(page);
                }
            }

            if (Origin is not null)
            {
                writer.Write(Origin.Prefix);
                writer.Write(Origin.Cluster.ToByteArray());
                writer.Write(Origin.First);
                writer.Write(Origin.Last);
                if (Origin.Lsn > 0)
                {
                    writer.Write(Origin.Lsn);
                }
            }
        }

        return new Envelope(Magic, Origin is null ? Plain : Origin.Lsn == 0 ? Branch : BranchAtLsn, Cluster, Sequence, Token, Time, content.GetBuffer().AsMemory(0, (int)content.Length)).Encode();
    }

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="DamagedObjectException">It is not what it should be.</exception>
    public static Manifest Decode(ReadOnlyMemory<byte> bytes, Guid cluster, long sequence)
    {
        string key = Keys.Manifest(sequence);
        var envelope = Envelope.Decode(key, bytes, Magic, cluster, sequence);
        try
        {
            using var reader = new BinaryReader(Compression.Open(envelope.Content), Encoding.UTF8);
            long nextFileId = reader.ReadInt64(), nextPack = reader.ReadInt64();
            var frames = FrameTable.Read(reader);
            var entries = new ImageEntry[reader.Read7BitEncodedInt()];
            for (int i = 0; i < entries.Length; i++)
            {
                entries[i] = ReadEntry(reader, frames);
            }

            BootPack? boot = null;
            if (reader.ReadBoolean())
            {
                string pack = reader.ReadString();
                var bootFrames = new PageFrame[reader.Read7BitEncodedInt()];
                for (int i = 0; i < bootFrames.Length; i++)
                {
                    bootFrames[i] = frames[reader.Read7BitEncodedInt()];
                }

                var pages = new (long, int)[reader.Read7BitEncodedInt()];
                for (int i = 0; i < pages.Length; i++)
                {
                    pages[i] = (reader.Read7BitEncodedInt64(), reader.Read7BitEncodedInt());
                }

                boot = new BootPack(pack, bootFrames, pages);
            }

            var origin = envelope.Kind is Branch or BranchAtLsn
                ? new BranchOrigin(reader.ReadString(), new Guid(reader.ReadBytes(16)), reader.ReadInt64(), reader.ReadInt64(),
                    envelope.Kind == BranchAtLsn ? reader.ReadUInt64() : 0)
                : null;
            return new Manifest(cluster, sequence, envelope.Token, envelope.Time, nextFileId, nextPack, entries, boot) { Origin = origin };
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException or ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            throw new DamagedObjectException(key, "has a content that makes no sense", e);
        }
    }

    private static void Write(BinaryWriter writer, ImageEntry entry, FrameTable frames)
    {
        writer.WriteName(entry.Path);
        writer.Write7BitEncodedInt(entry.Mode);
        writer.Write7BitEncodedInt64(entry.FileId);
        writer.Write7BitEncodedInt64(entry.Size);
        writer.WriteName(entry.LinkTarget ?? "");
        writer.Write7BitEncodedInt(entry.Runs.Count);
        int end = 0, frame = 0;
        foreach (var run in entry.Runs)
        {
            // Differences are small numbers.
            int index = frames[run.Frame];
            writer.Write7BitEncodedInt(run.Page - end);
            writer.Write7BitEncodedInt(run.Count);
            writer.Write7BitEncodedInt(run.Skip);
            writer.Write7BitEncodedInt((index - frame) << 1 ^ (index - frame) >> 31);
            (end, frame) = (run.Page + run.Count, index);
        }
    }

    private static ImageEntry ReadEntry(BinaryReader reader, PageFrame[] frames)
    {
        string path = reader.ReadName();
        int mode = reader.Read7BitEncodedInt();
        long id = reader.Read7BitEncodedInt64(), size = reader.Read7BitEncodedInt64();
        string link = reader.ReadName();
        var runs = new PageRun[reader.Read7BitEncodedInt()];
        int end = 0, frame = 0;
        for (int i = 0; i < runs.Length; i++)
        {
            int page = end + reader.Read7BitEncodedInt(), count = reader.Read7BitEncodedInt(), skip = reader.Read7BitEncodedInt();
            int change = reader.Read7BitEncodedInt();
            frame += (int)((uint)change >> 1) ^ -(change & 1);
            runs[i] = new PageRun(page, count, frames[frame], skip);
            if (count <= 0 || skip < 0 || skip + count > runs[i].Frame.Pages)
            {
                throw new FormatException("run");
            }

            end = page + count;
        }

        return new ImageEntry(path, mode, id, size, link.Length == 0 ? null : link, runs);
    }

    private sealed class FrameTable
    {
        private readonly Dictionary<PageFrame, int> _numbers = [];
        private readonly List<PageFrame> _frames = [];

        public int this[PageFrame frame] => _numbers[frame];

        public void Add(PageFrame frame)
        {
            if (_numbers.TryAdd(frame, _frames.Count))
            {
                _frames.Add(frame);
            }
        }

        public void Write(BinaryWriter writer)
        {
            var packs = _frames.Select(f => f.Pack).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
            var numbers = packs.Select((p, i) => (p, i)).ToDictionary(p => p.p, p => p.i, StringComparer.Ordinal);
            writer.Write7BitEncodedInt(packs.Count);
            packs.ForEach(writer.Write);
            writer.Write7BitEncodedInt(_frames.Count);
            foreach (var frame in _frames)
            {
                writer.Write7BitEncodedInt(numbers[frame.Pack]);
                writer.Write7BitEncodedInt(frame.Offset);
                writer.Write7BitEncodedInt(frame.Length);
                writer.Write7BitEncodedInt(frame.Pages);
                writer.Write(frame.Checksum);
            }
        }

        public static PageFrame[] Read(BinaryReader reader)
        {
            var packs = new string[reader.Read7BitEncodedInt()];
            for (int i = 0; i < packs.Length; i++)
            {
                packs[i] = reader.ReadString();
            }

            var frames = new PageFrame[reader.Read7BitEncodedInt()];
            for (int i = 0; i < frames.Length; i++)
            {
                frames[i] = new PageFrame(packs[reader.Read7BitEncodedInt()], reader.Read7BitEncodedInt(), reader.Read7BitEncodedInt(),
                    reader.Read7BitEncodedInt(), reader.ReadUInt32());
            }

            return frames;
        }
    }
}
