using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Tests.Log;

/// <summary>Objects of a cluster are read as they were written, or not at all.</summary>
public class FormatTests
{
    static readonly Guid s_cluster = Guid.NewGuid();

    static LogRecord Record(int seed)
    {
        var random = new Random(seed);
        byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(_ => (byte)random.Next(4))];
        return new LogRecord(LogRecordKind.Data, s_cluster, 17, 5, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
        [
            new LogPart.Bytes("/pg_wal/000000010000000000000001", 4711, Bytes(random.Next(2000))),
            new LogPart.Whole("/pg_replslot/a/state", 0x180, Bytes(200)),
            new LogPart.Removed("/x"),
            new LogPart.Renamed("/a", "/b\udc80"),
            new LogPart.Made("/pg_replslot/c", 0x1C0),
        ]);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void A_record_is_read_as_it_was_written(int seed)
    {
        var record = Record(seed);
        var read = LogRecord.Decode(record.Encode(), s_cluster, 17);
        Assert.Equal((record.Kind, record.Token, record.Time), (read.Kind, read.Token, read.Time));
        Assert.Equal(record.Parts.Select(Text), read.Parts.Select(Text));
    }

    [Fact]
    public void No_flipped_bit_and_no_cut_of_an_object_is_read()
    {
        byte[] record = Record(1).Encode(), manifest = Example().Encode();
        foreach (var (bytes, read) in new (byte[], Action<byte[]>)[]
        {
            (record, b => LogRecord.Decode(b, s_cluster, 17)), (manifest, b => Manifest.Decode(b, s_cluster, 16)),
        })
        {
            read(bytes);
            for (int bit = 0; bit < bytes.Length * 8; bit++)
            {
                byte[] flipped = [.. bytes];
                flipped[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Throws<DamagedObjectException>(() => read(flipped));
            }

            for (int length = 0; length < bytes.Length; length++)
            {
                Assert.Throws<DamagedObjectException>(() => read(bytes[..length]));
            }
        }
    }

    [Theory, InlineData(0, 0), InlineData(5, 0), InlineData(0, 5), InlineData(3000, 70000)]
    public void A_hint_is_read_as_it_was_written(int manifest, int boot)
    {
        byte[] content = [.. Enumerable.Range(0, manifest + boot).Select(i => (byte)(i % 3 == 0 ? '\n' : i))];
        foreach (string? bootPack in (string?[])[null, Keys.Pack(3, 4)])
        {
            var head = new Head(17, IsClosed: true, bootPack) { Manifest = content.AsMemory(0, manifest), Boot = content.AsMemory(manifest) };
            var read = Head.Decode(head.Encode())!;
            Assert.Equal((17, true, bootPack), (read.Sequence, read.IsClosed, read.BootPack));
            Assert.Equal(content[..manifest], read.Manifest.ToArray());
            Assert.Equal(content[manifest..], read.Boot.ToArray());
        }
    }

    [Fact]
    public void A_hint_has_no_copies_that_are_too_large_or_cut_off()
    {
        var head = new Head(17, IsClosed: true, "pack") { Manifest = new byte[Head.MaximumCopies], Boot = new byte[1] };
        Assert.InRange(head.Encode().Length, 1, 20);
        byte[] whole = (head with { Boot = default }).Encode();
        foreach (byte[] wrong in (byte[][])[whole[..^1], [.. whole, 0], (head with { Manifest = new byte[9], Boot = default }).Encode()[..20]])
        {
            var read = Head.Decode(wrong)!;
            Assert.Equal((17, true, "pack", true), (read.Sequence, read.IsClosed, read.BootPack, read.Manifest.IsEmpty && read.Boot.IsEmpty));
        }
    }

    [Fact]
    public void A_hint_that_makes_no_sense_says_nothing()
    {
        foreach (string text in (string[])["", "\n", "closed", " closed", "0", "-1", "1 open", "x closed\npack\n", "99999999999999999999"])
        {
            Assert.Null(Head.Decode(System.Text.Encoding.UTF8.GetBytes(text)));
        }

        Assert.Equal(new Head(7, IsClosed: false, null), Head.Decode("7"u8.ToArray())); // as they were written before they had copies
        Assert.Equal(new Head(7, IsClosed: true, "pack/a"), Head.Decode("7 closed\npack/a"u8.ToArray()));
        Assert.Equal(new Head(7, IsClosed: true, "pack/a"), Head.Decode("7 closed\npack/a\n5 x\nabc"u8.ToArray()));
        Assert.Equal(new Head(7, IsClosed: true, "pack/a"), Head.Decode("7 closed\npack/a\n2147483647 2147483647\nabc"u8.ToArray()));
    }

    [Fact]
    public void Objects_of_another_cluster_or_number_are_refused()
    {
        byte[] bytes = Record(1).Encode();
        Assert.Contains("another cluster", Assert.Throws<DamagedObjectException>(() => LogRecord.Decode(bytes, Guid.NewGuid(), 17)).Message, StringComparison.Ordinal);
        Assert.Contains("another object", Assert.Throws<DamagedObjectException>(() => LogRecord.Decode(bytes, s_cluster, 18)).Message, StringComparison.Ordinal);
        Assert.Contains("newer", Assert.Throws<DamagedObjectException>(() =>
            FormatObject.Decode((new FormatObject(FormatObject.Current + 1, s_cluster)).Encode())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_is_read_as_it_was_written()
    {
        var manifest = Example();
        var read = Manifest.Decode(manifest.Encode(), s_cluster, 16);
        Assert.Equal((manifest.NextFileId, manifest.NextPack, manifest.Token), (read.NextFileId, read.NextPack, read.Token));
        Assert.Equal(
            manifest.Entries.Select(e => (e.Path, e.Mode, e.FileId, e.Size, e.LinkTarget, string.Join(';', e.Runs))),
            read.Entries.Select(e => (e.Path, e.Mode, e.FileId, e.Size, e.LinkTarget, string.Join(';', e.Runs))));
        Assert.Equal(manifest.Boot!.Pages, read.Boot!.Pages);
        Assert.Equal(manifest.Boot.Frames, read.Boot.Frames);
    }

    [Theory]
    [InlineData(0, false)] // zero
    [InlineData(1, false)] // random
    [InlineData(2, false)] // text
    [InlineData(3, true)] // entries of an index on a number
    [InlineData(4, false)] // equal words
    public void Pages_are_read_as_they_were_compressed(int kind, bool isRegular)
    {
        var random = new Random(kind);
        var pages = new byte[random.Next(1, 33) * 8192];
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = kind switch
            {
                0 => 0,
                1 => (byte)random.Next(256),
                2 => (byte)"select balance from accounts where id = "[i % 40],
                3 => (byte)(i % 16 < 8 ? (i / 16 * 367) >> (i % 4 * 8) : 0),
                _ => (byte)(i % 4),
            };
        }

        byte[] bytes = PageCompression.Compress(pages);
        Assert.Equal(pages, Decompress(bytes, pages.Length));
        Assert.Equal(isRegular, bytes.Length < Compression.Deflate(pages).Length / 3);
        for (int length = 0; length < bytes.Length; length += 1 + (bytes.Length / 50))
        {
            Assert.Throws<DamagedObjectException>(() => Decompress(bytes.AsMemory(0, length), pages.Length));
        }

        Assert.Throws<DamagedObjectException>(() => Decompress(bytes, pages.Length + 8192));
        Assert.Throws<DamagedObjectException>(() => Decompress(bytes, pages.Length - 8192));
    }

    static Manifest Example()
    {
        var first = new PageFrame("pack/1", 0, 100, 32, 7);
        var second = new PageFrame("pack/2", 4000, 300, 8, 9);
        return new Manifest(s_cluster, 16, 5, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), 40, 9,
            [
                new ImageEntry("/", 0x41C0, 0, 0, null, []),
                new ImageEntry("/l", 0xA1FF, 0, 0, "target", []),
                new ImageEntry("/base/1", 0x8180, 39, 1 << 20, null, [new PageRun(3, 2, second, 6), new PageRun(10, 32, first, 0), new PageRun(50, 1, second, 2)]),
            ],
            new BootPack("pack/3", [new PageFrame("pack/3", 0, 10, 2, 3)], [(39, 3), (0, 0)]));
    }

    static string Text(LogPart part) => part switch
    {
        LogPart.Bytes b => $"{b.Path} {b.Offset} {Convert.ToHexString(b.Content)}",
        LogPart.Whole w => $"{w.Path} {w.Mode} {Convert.ToHexString(w.Content)}",
        _ => part.ToString(),
    };

    static byte[] Decompress(ReadOnlyMemory<byte> bytes, int length)
    {
        byte[] pages = new byte[length];
        PageCompression.Decompress("k", bytes, pages);
        return pages;
    }
}
