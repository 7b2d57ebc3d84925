using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Files;

/// <summary>Which pages a life leaves for the next one to have at once.</summary>
public class BootPackTests
{
    static readonly BucketOptions s_options = new() { PutsPerSecond = 0, TakeOver = true };

    [Fact]
    public async Task What_earlier_lives_read_stays_in_the_boot_pack_for_a_while()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        var image = await BucketFileSystemTests.ImageAsync(store, directory, [.. Enumerable.Repeat(BucketFileSystemTests.Filled(1, 60 * PageFile.PageSize), 9)]);
        image = await LifeAsync(store, directory, files => Assert.Equal(30_000, Read(files, "/a", 30_000)));
        var a = image.Entries.Single(e => e.Path == "/a");
        Assert.Equal([(a.FileId, 0), (a.FileId, 1), (a.FileId, 2), (a.FileId, 3)], image.Boot!.Pages);
        image = await LifeAsync(store, directory, files => Assert.Equal(100, Read(files, "/b", 100)));
        var b = image.Entries.Single(e => e.Path == "/b");
        (long, int)[] both = [(b.FileId, 0), (a.FileId, 0), (a.FileId, 1), (a.FileId, 2), (a.FileId, 3)];
        Assert.Equal(both, image.Boot!.Pages);
        image = await LifeAsync(store, directory, _ => { });
        Assert.Equal(both, image.Boot!.Pages);
        image = await LifeAsync(store, directory, files =>
        {
            Assert.All("cde", file => Read(files, $"/{file}", 60 * PageFile.PageSize));
            FileTree.Remove(files, "/b");
        });
        Assert.Equal(180 + 4, image.Boot!.Pages.Count);
        image = await LifeAsync(store, directory, files => Assert.All("fghi", file => Read(files, $"/{file}", 60 * PageFile.PageSize)));
        Assert.Equal(256, image.Boot!.Pages.Count);
        Assert.DoesNotContain((a.FileId, 0), image.Boot.Pages); // of the oldest life
        Assert.Contains((image.Entries.Single(e => e.Path == "/c").FileId, 0), image.Boot.Pages);
    }

    [Fact]
    public async Task What_lies_above_the_leaves_of_an_index_is_there_at_once()
    {
        const int Pages = 3000, OfInner = 100;
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        await BucketFileSystemTests.ImageAsync(store, directory, BucketFileSystemTests.Filled(1, 300 * PageFile.PageSize));
        byte[] index = Index(Pages, OfInner);
        var image = await LifeAsync(store, directory, files => BucketFileSystemTests.Write(files, "/index", index, 0));
        long file = image.Entries.Single(e => e.Path == "/index").FileId;
        List<int> expected = [0, 2, .. Enumerable.Range(1, (Pages - 1) / OfInner).Select(i => i * OfInner)];
        Assert.Equal(expected.Order(), Kept());

        // Lives that do not use it keep it, and so do those that read much else.
        image = await LifeAsync(store, directory, _ => { });
        Assert.Equal(expected.Order(), Kept());
        image = await LifeAsync(store, directory, files => Read(files, "/a", 300 * PageFile.PageSize));
        Assert.Equal(expected.Order(), Kept());

        // Nothing of them is asked of the store, and they are what they were.
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var counted = new MeteredObjectStore(store);
        var files = new BucketFileSystem(new FrameReader(counted), directory.Path);
        files.Load(log.Manifest!);
        await files.LoadAsync(log.Manifest!.Boot!);
        long gets = counted.Gets;
        Assert.Equal(Kernel.Errno.None, files.Open("/index", OpenFlags.ReadOnly, 0, out var opened));
        foreach (int page in expected)
        {
            Assert.True(ReadPage(opened!, page).AsSpan().SequenceEqual(index.AsSpan(page * PageFile.PageSize, PageFile.PageSize)));
        }

        Assert.Equal(gets, counted.Gets);
        ReadPage(opened!, 1);
        Assert.Equal(gets + 1, counted.Gets);
        opened!.Release();
        files.Free();
        Assert.InRange((await store.GetAsync(image.Boot!.Pack))!.Content.Length, 1, 100_000);

        IEnumerable<int> Kept() => image.Boot!.Pages.Where(p => p.FileId == file).Select(p => p.Page).Order();
    }

    [Fact]
    public async Task What_was_changed_since_does_not_come_back_from_the_boot_pack()
    {
        const int Pages = 20;
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        byte[] content = BucketFileSystemTests.Filled(1, Pages * PageFile.PageSize);
        await BucketFileSystemTests.ImageAsync(store, directory, content);
        await LifeAsync(store, directory, files => Read(files, "/a", content.Length)); // all pages are in one frame of the boot pack
        var manifest = (await new LogOpening(store, s_options).OpenAsync(default)).Manifest!;
        Assert.Equal(Pages, manifest.Boot!.Pages.Count);
        var counted = new MeteredObjectStore(store);
        var files = new BucketFileSystem(new FrameReader(counted), directory.Path);
        files.Load(manifest);
        await files.LoadAsync(manifest.Boot);
        long gets = counted.Gets;

        // Before anything of the frame was read: a page of new bytes, one that is cut and there again, a part of one, and one of zeros.
        byte[] written = BucketFileSystemTests.Filled(7, PageFile.PageSize);
        BucketFileSystemTests.Write(files, "/a", written, 3 * PageFile.PageSize);
        BucketFileSystemTests.Write(files, "/a", new byte[PageFile.PageSize], 4 * PageFile.PageSize);
        Assert.Equal(Kernel.Errno.None, files.Truncate("/a", 18 * PageFile.PageSize));
        Assert.Equal(Kernel.Errno.None, files.Truncate("/a", Pages * PageFile.PageSize));
        BucketFileSystemTests.Write(files, "/a", written.AsSpan(0, 100).ToArray(), (5 * PageFile.PageSize) + 10);
        byte[] expected = [.. content];
        written.CopyTo(expected.AsSpan(3 * PageFile.PageSize));
        expected.AsSpan(4 * PageFile.PageSize, PageFile.PageSize).Clear();
        expected.AsSpan(18 * PageFile.PageSize).Clear();
        written.AsSpan(0, 100).CopyTo(expected.AsSpan((5 * PageFile.PageSize) + 10));
        Assert.True(FileTree.ReadAll(files, "/a", expected.Length).AsSpan().SequenceEqual(expected));
        Assert.Equal(gets, counted.Gets);
        files.Free();
    }

    [Fact]
    public async Task A_life_that_closes_just_behind_an_image_has_a_boot_pack_too()
    {
        var store = new MemoryObjectStore();
        using var directory = new TemporaryDirectory();
        await BucketFileSystemTests.ImageAsync(store, directory, BucketFileSystemTests.Filled(1, 60 * PageFile.PageSize));
        var image = await LifeAsync(store, directory, files => Read(files, "/a", 30_000), async images =>
        {
            await images.WriteAsync(withBootPack: false);
            await images.CloseAsync();
        });
        Assert.Equal(4, image.Boot!.Pages.Count);
        var next = await new LogOpening(store, new BucketOptions { PutsPerSecond = 0 }).OpenAsync(default); // takes nothing over: it is closed
        Assert.Equal(image.Sequence, next.Manifest!.Sequence);
        Assert.Empty(next.Tail.SelectMany(r => r.Parts));
    }

    [Fact]
    public void A_page_is_as_in_the_image_while_its_place_is_the_images()
    {
        PageFrame first = new("pack/1", 0, 100, 8, 1), second = new("pack/1", 100, 100, 8, 2);
        var node = new BucketNode(1, [new PageRun(2, 3, first, 1), new PageRun(5, 2, second, 0), new PageRun(10, 1, first, 7)]);
        int[] pages = [2, 3, 4, 5, 6, 10];
        Check([]);
        Assert.NotNull(node.UntouchedRuns);
        Assert.True(node[3].IsAbsent);
        Check([]);
        node[3].Frame = first with { }; // where an image has written it again
        node[4].Frame = null; // dirty
        node[5].Skip++;
        node[6].Frame = first;
        Check([3, 4, 5, 6]);
        node[3].Frame = first;
        node.Cut(10);
        Check([4, 5, 6, 10]);
        Assert.False(new BucketNode(2, []).IsAsInImage(0));

        void Check(int[] changed) => Assert.Equal(pages.Except(changed), Enumerable.Range(0, 20).Where(p => node.IsAsInImage(p)));
    }

    // A B-tree's pages as far as anybody looks at them here: the first one, one below it as the root, an inner one each so many, and leaves; entries of 16 bytes.
    static byte[] Index(int pages, int ofInner)
    {
        byte[] index = new byte[pages * PageFile.PageSize];
        for (int i = 0; i < pages; i++)
        {
            var page = index.AsSpan(i * PageFile.PageSize, PageFile.PageSize);
            if (i == 0)
            {
                BitConverter.TryWriteBytes(page[PageHeader.Size..], 0x053162u);
                Assert.True(IndexPage.IsFirst(page));
                continue;
            }

            for (int at = 1000; at < 8000; at += 16)
            {
                BitConverter.TryWriteBytes(page[at..], (((i * 1000) + at) << 16) | 1);
                BitConverter.TryWriteBytes(page[(at + 8)..], (i * 300_000) + at);
            }

            BitConverter.TryWriteBytes(page[IndexPage.LevelOffset..], i == 2 ? 2 : i % ofInner == 0 ? 1 : 0);
        }

        return index;
    }

    static int Read(BucketFileSystem files, string path, int length) => FileTree.ReadAll(files, path, length).Length;

    static unsafe byte[] ReadPage(OpenFile file, int page)
    {
        byte[] content = new byte[PageFile.PageSize];
        long offset = (long)page * PageFile.PageSize;
        Assert.Equal(Kernel.Errno.None, file.Fetch(offset, content.Length));
        fixed (byte* p = content)
        {
            Assert.Equal(content.Length, file.ReadAt(p, content.Length, offset));
        }

        return content;
    }

    // A life of the cluster that ends with an image and a boot pack.
    static async Task<Manifest> LifeAsync(MemoryObjectStore store, TemporaryDirectory directory, Action<BucketFileSystem> live, Func<ImageWriter, Task>? end = null)
    {
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var files = new BucketFileSystem(new FrameReader(store), directory.Path);
        files.Load(log.Manifest!);
        if (log.Manifest!.Boot is { } boot)
        {
            await files.LoadAsync(boot);
        }

        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        live(files);
        shipper.Note(new LogPart.Removed("/something to have an image for"));
        var images = new ImageWriter(store, log, files, shipper);
        await (end?.Invoke(images) ?? images.WriteAsync(withBootPack: true));
        files.Free();
        return Manifest.Decode((await store.GetAsync(Keys.Manifest(images.Newest)))!.Content, log.Cluster, images.Newest);
    }
}
