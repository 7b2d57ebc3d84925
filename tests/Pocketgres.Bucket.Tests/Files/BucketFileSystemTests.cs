using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Files;

/// <summary>The file system against a model of its files, over images and lives.</summary>
public class BucketFileSystemTests
{
    static readonly BucketOptions s_options = new() { PutsPerSecond = 0, TakeOver = true };

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public async Task Files_are_what_was_written_over_images_and_lives(int seed)
    {
        var random = new Random(seed);
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var model = new Dictionary<string, byte[]>();
        for (int life = 0; life < 5; life++)
        {
            var log = await new LogOpening(store, s_options).OpenAsync(default);
            var files = new BucketFileSystem(new FrameReader(store), directory.Path);
            if (log.Manifest is { } manifest)
            {
                files.Load(manifest);
                if (manifest.Boot is { } boot && random.Next(2) == 0)
                {
                    await files.LoadAsync(boot);
                }
            }

            await using var shipper = new LogShipper(store, log, s_options);
            files.Log = shipper;
            var images = new ImageWriter(store, log, files, shipper);
            Check(files, model);
            for (int i = 0; i < 150; i++)
            {
                Change(files, model, random);
                if (random.Next(20) == 0)
                {
                    shipper.Note(new LogPart.Removed("/something to have an image for"));
                    var sparse = (await store.ListAsync(Keys.Packs)).Entries.Select(e => e.Key).Where(_ => random.Next(4) == 0).ToHashSet();
                    await images.WriteAsync(withBootPack: random.Next(3) == 0, sparse);
                    var image = Manifest.Decode((await store.GetAsync(Keys.Manifest(images.Newest)))!.Content, log.Cluster, images.Newest);
                    Assert.DoesNotContain(image.Entries.SelectMany(e => e.Runs), r => sparse.Contains(r.Frame.Pack));
                }
            }

            Check(files, model);
            shipper.Note(new LogPart.Removed("/the end"));
            await images.WriteAsync(withBootPack: life % 2 == 0);
            files.Free();
        }
    }

    [Fact]
    public async Task What_is_written_while_an_image_is_made_is_not_in_it()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var files = new BucketFileSystem(new FrameReader(store), directory.Path);
        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        FileTree.WriteAll(files, "/a", Filled(1, 30_000), 0x180, sync: false);
        var images = new ImageWriter(store, log, files, shipper)
        {
            Step = step =>
            {
                if (step == "packs")
                {
                    FileTree.WriteAll(files, "/a", Filled(2, 10_000), 0x180, sync: false);
                }
            },
        };
        await images.WriteAsync(withBootPack: false);
        var image = Manifest.Decode((await store.GetAsync(Keys.Manifest(images.Newest)))!.Content, log.Cluster, images.Newest);
        var read = new BucketFileSystem(new FrameReader(store), directory.Path);
        read.Load(image);
        Assert.Equal(Filled(1, 30_000), FileTree.ReadAll(read, "/a"));
        Assert.Equal(Filled(2, 10_000), FileTree.ReadAll(files, "/a"));
        read.Free();
        files.Free();
    }

    [Fact]
    public async Task What_was_brought_here_is_read_without_the_store()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var image = await ImageAsync(store, directory, Filled(1, 900_000), Filled(2, 30_000));
        var read = new BucketFileSystem(new FrameReader(store), directory.Path);
        read.Load(image);
        await read.BringAllAsync(default);
        foreach (var entry in (await store.ListAsync("")).Entries)
        {
            await store.DeleteAsync(entry.Key);
        }

        Assert.Equal(Filled(1, 900_000), FileTree.ReadAll(read, "/a"));
        Assert.Equal(Filled(2, 30_000), FileTree.ReadAll(read, "/b"));
        read.Free();
    }

    [Fact]
    public async Task What_is_advised_comes_before_it_is_read()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var image = await ImageAsync(store, directory, Filled(1, 2_000_000), Filled(2, 30_000));
        var counted = new MeteredObjectStore(store);
        var read = new BucketFileSystem(new FrameReader(counted), directory.Path);
        read.Load(image);
        Assert.Equal(Kernel.Errno.None, read.Open("/a", OpenFlags.ReadOnly, 0, out var a));
        Assert.Equal(Kernel.Errno.None, read.Open("/b", OpenFlags.ReadOnly, 0, out var b));
        Assert.Equal(Kernel.Errno.None, a!.Advise(0, 0, OpenFile.DontNeed));
        Assert.All((long[])[1L << 40, 1L << 44, 1L << 46, long.MaxValue], behind => Assert.Equal(Kernel.Errno.None, a.Advise(behind, PageFile.PageSize, OpenFile.WillNeed)));
        Assert.Equal(0, counted.Gets);
        Assert.True(a.MustFetch(0, 2_000_000));
        Assert.Equal(Kernel.Errno.None, a.Advise(0, 0, OpenFile.WillNeed)); // to its end
        await Wait.UntilAsync(() => !a.MustFetch(0, 2_000_000), "all pages are here");
        long gets = counted.Gets;
        Assert.InRange(gets, 2, 1000);
        Assert.Equal(Filled(1, 2_000_000), FileTree.ReadAll(read, "/a"));
        Assert.Equal(gets, counted.Gets);

        // What cannot be had is an error where it is read, and not before.
        foreach (var entry in (await store.ListAsync(Keys.Packs)).Entries)
        {
            await store.DeleteAsync(entry.Key);
        }

        Assert.Equal(Kernel.Errno.None, b!.Advise(0, 30_000, OpenFile.WillNeed));
        await Wait.UntilAsync(() => counted.Gets > gets, "it was asked for");
        Assert.Equal(Kernel.Errno.EIO, b.Fetch(0, 30_000));
        a.Release();
        b.Release();
        read.Free();
    }

    [Fact]
    public async Task A_damaged_or_missing_pack_is_an_error_and_never_other_bytes()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var image = await ImageAsync(store, directory, Filled(1, 30_000));
        string pack = image.Entries.Single(e => e.Path == "/a").Runs[0].Frame.Pack;
        byte[] bytes = (await store.GetAsync(pack))!.Content;
        foreach (byte[]? damaged in new byte[]?[] { [.. bytes.Select((b, i) => i == 20 ? (byte)(b ^ 1) : b)], bytes[..^5], [], null })
        {
            await store.DeleteAsync(pack);
            if (damaged is not null)
            {
                await store.PutAsync(pack, damaged);
            }

            var errors = new List<string>();
            var read = new BucketFileSystem(new FrameReader(store), directory.Path) { FetchFailed = errors.Add };
            read.Load(image);
            Assert.Equal(Kernel.Errno.EIO, Assert.Throws<FileSystemException>(() => FileTree.ReadAll(read, "/a")).Error);
            Assert.Contains(pack, Assert.Single(errors), StringComparison.Ordinal);
            read.Free();
        }
    }

    [Fact]
    public async Task Of_a_page_of_the_log_only_what_is_new_is_noted()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var files = new BucketFileSystem(new FrameReader(store), directory.Path);
        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        Assert.Equal(Kernel.Errno.None, files.MakeDirectory("/pg_wal", 0x1C0));
        string path = StatePaths.WalSegment(1, 16 << 20);
        byte[] page = new byte[8192];
        for (int n = 1; n <= 3; n++)
        {
            page.AsSpan(n * 100, 100).Fill((byte)n);
            Write(files, path, page, 0);
        }

        shipper.Cut();
        await shipper.ConfirmedAsync(log.NextSequence);
        var record = LogRecord.Decode((await store.GetAsync(Keys.LogRecord(log.NextSequence)))!.Content, log.Cluster, log.NextSequence);
        Assert.Equal([(100L, 100), (200L, 100), (300L, 100)], record.Parts.Cast<LogPart.Bytes>().Select(p => (p.Offset, p.Content.Length)));

        var copy = new BucketFileSystem(new FrameReader(store), directory.Path);
        Assert.Equal(Kernel.Errno.None, copy.MakeDirectory("/pg_wal", 0x1C0));
        foreach (var part in record.Parts)
        {
            copy.Apply(part);
        }

        Assert.Equal(page, FileTree.ReadAll(copy, path)[..8192]);
        Assert.Equal(StatePaths.SegmentSize, FileTree.ReadAll(copy, path).Length);
        copy.Free();
        files.Free();
    }

    [Fact]
    public async Task What_others_add_to_a_page_of_the_log_while_it_is_written_is_noted_once_it_is_here()
    {
        const int Pages = 200;
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var files = new BucketFileSystem(new FrameReader(store), directory.Path);
        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        Assert.Equal(Kernel.Errno.None, files.MakeDirectory("/pg_wal", 0x1C0));
        string path = StatePaths.WalSegment(1, 16 << 20);
        byte[] page = new byte[8192];
        for (int n = 0; n < Pages; n++)
        {
            page.AsSpan().Clear();
            Task adding = Task.Run(() =>
            {
                for (int i = 0; i < page.Length; i++)
                {
                    Volatile.Write(ref page[i], 1);
                }
            });
            while (!adding.IsCompleted)
            {
                Write(files, path, page, n * page.Length);
            }
        }

        shipper.Cut();
        await shipper.ConfirmedAsync(log.NextSequence);
        var record = LogRecord.Decode((await store.GetAsync(Keys.LogRecord(log.NextSequence)))!.Content, log.Cluster, log.NextSequence);
        var copy = new BucketFileSystem(new FrameReader(store), directory.Path);
        Assert.Equal(Kernel.Errno.None, copy.MakeDirectory("/pg_wal", 0x1C0));
        foreach (var part in record.Parts)
        {
            copy.Apply(part);
        }

        Assert.True(FileTree.ReadAll(files, path).AsSpan(0, Pages * page.Length).SequenceEqual(FileTree.ReadAll(copy, path).AsSpan(0, Pages * page.Length)));
        copy.Free();
        files.Free();
    }

    // The image of a cluster of its own with these files: /a, /b and so on.
    internal static async Task<Manifest> ImageAsync(MemoryObjectStore store, TemporaryDirectory directory, params byte[][] contents)
    {
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var files = new BucketFileSystem(new FrameReader(store), directory.Path);
        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        for (int i = 0; i < contents.Length; i++)
        {
            FileTree.WriteAll(files, $"/{(char)('a' + i)}", contents[i], 0x180, sync: false);
        }

        var images = new ImageWriter(store, log, files, shipper);
        await images.WriteAsync(withBootPack: false);
        files.Free();
        return Manifest.Decode((await store.GetAsync(Keys.Manifest(images.Newest)))!.Content, log.Cluster, images.Newest);
    }

    internal static byte[] Filled(byte value, int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(value + (i / 1000)))];

    internal static unsafe void Write(BucketFileSystem files, string path, byte[] bytes, long offset)
    {
        Assert.Equal(Kernel.Errno.None, files.Open(path, OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out var file));
        fixed (byte* p = bytes)
        {
            Assert.Equal(bytes.Length, file!.WriteAt(p, bytes.Length, offset));
        }

        file.Release();
    }

    static void Change(BucketFileSystem files, Dictionary<string, byte[]> model, Random random)
    {
        string path = $"/{random.Next(8)}";
        model.TryGetValue(path, out byte[]? content);
        switch (random.Next(7))
        {
            case 0 when content is not null:
                Assert.Equal(Kernel.Errno.None, files.Unlink(path));
                model.Remove(path);
                break;
            case 1 when content is not null:
                string target = $"/{random.Next(8)}";
                Assert.Equal(Kernel.Errno.None, files.Rename(path, target));
                model.Remove(path);
                model[target] = content;
                break;
            case 2 when content is not null:
                int length = random.Next(content.Length + 20_000);
                Assert.Equal(Kernel.Errno.None, files.Truncate(path, length));
                Array.Resize(ref content, length);
                model[path] = content;
                break;
            default:
                int at = random.Next(400_000) / (random.Next(2) == 0 ? 1 : 8192) * 1;
                byte[] bytes = new byte[random.Next(1, 40_000)];
                if (random.Next(4) > 0)
                {
                    random.NextBytes(bytes);
                }

                Write(files, path, bytes, at);
                content ??= [];
                Array.Resize(ref content, Math.Max(content.Length, at + bytes.Length));
                bytes.CopyTo(content, at);
                model[path] = content;
                break;
        }
    }

    static void Check(BucketFileSystem files, Dictionary<string, byte[]> model)
    {
        Assert.Equal(model.Keys.Order(), FileTree.List(files, "/").Select(e => "/" + e.Name).Order());
        foreach (var (path, content) in model)
        {
            Assert.True(content.AsSpan().SequenceEqual(FileTree.ReadAll(files, path)), path);
        }
    }
}
