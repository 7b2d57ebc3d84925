using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Files;

/// <summary>What is brought from the bucket before somebody asks for it, to who reads one page after the other.</summary>
public sealed class ReadAheadTests : IDisposable
{
    const int Frames = 64, FrameBytes = PageFrame.MaximumPages * PageFile.PageSize;

    static readonly byte[] s_content = BucketFileSystemTests.Filled(1, Frames * FrameBytes);

    readonly TemporaryDirectory _directory = new();
    readonly List<OpenFile> _open = [];
    PackReads _reads = null!;
    BucketFileSystem _files = null!;

    public void Dispose()
    {
        _open.ForEach(f => f.Release());
        _files.Free();
        _directory.Dispose();
    }

    [Fact]
    public async Task Who_reads_on_finds_what_follows_on_its_way()
    {
        var file = await OpenAsync();
        Read(file, 0, PageFrame.MaximumPages - 1);
        Assert.Equal(1, _reads.Packs);
        Read(file, PageFrame.MaximumPages - 1);
        await BroughtAsync(1 + 4);
        Read(file, PageFrame.MaximumPages); // the first of what was asked for
        await BroughtAsync(1 + 4 + 8);
        Read(file, PageFrame.MaximumPages + 1, (4 * PageFrame.MaximumPages) - 1);
        Assert.Equal(1 + 4 + 8, _reads.Packs);
        Read(file, 5 * PageFrame.MaximumPages, (Frames - 5) * PageFrame.MaximumPages);

        Assert.Equal(Frames, _reads.Packs);
    }

    [Fact]
    public async Task Who_leaves_out_a_few_reads_on_too()
    {
        var file = await OpenAsync();
        const int Last = (PageFrame.MaximumPages - 1) * 20;
        for (int page = 0; page < Last; page += 20)
        {
            Read(file, page);
        }

        Assert.Equal(1 + ((Last - 20) / PageFrame.MaximumPages), _reads.Packs);
        Read(file, Last);
        await BroughtAsync(1 + (Last / PageFrame.MaximumPages) + 4);
    }

    [Fact]
    public async Task Who_reads_here_and_there_is_brought_nothing_else()
    {
        var file = await OpenAsync();
        int read = 0;
        foreach (int frame in (int[])[9, 3, 60, 20, 22, 18, 63])
        {
            int page = frame * PageFrame.MaximumPages;
            Read(file, page);
            Read(file, page + 3, PageFrame.MaximumPages - 4);
            Read(file, page); // and the same again
            Read(file, page, PageFrame.MaximumPages - 1);
            Assert.Equal(++read, _reads.Packs);
        }
    }

    [Fact]
    public async Task Each_descriptor_is_read_for_itself()
    {
        var (one, other) = (await OpenAsync(), Open());
        Read(one, 0);
        Read(other, 40 * PageFrame.MaximumPages);
        Read(one, 1, PageFrame.MaximumPages - 1);
        await BroughtAsync(2 + 4);
        Read(other, (40 * PageFrame.MaximumPages) + 1, PageFrame.MaximumPages - 1);
        await BroughtAsync(2 + 4 + 4);
        Assert.False(one.MustFetch(0, 5 * FrameBytes));
        Assert.False(one.MustFetch(40 * FrameBytes, 5 * FrameBytes));
    }

    [Fact]
    public async Task Who_reads_on_in_a_file_that_was_cut_finds_its_end()
    {
        var file = await OpenAsync();
        Read(file, 0, PageFrame.MaximumPages);
        await BroughtAsync(1 + 4);
        Assert.Equal(Errno.None, file.Truncate(3 * PageFile.PageSize));
        Read(file, 2);
        Assert.Empty(Bytes(file, 3));
        Assert.Equal(Errno.None, file.Truncate(5 * FrameBytes));
        Assert.All(Enumerable.Range(3, 40), page => Assert.DoesNotContain(Bytes(file, page), b => b != 0));
        Assert.Equal(1 + 4, _reads.Packs);
    }

    async Task<OpenFile> OpenAsync()
    {
        var store = new MemoryObjectStore();
        var image = await BucketFileSystemTests.ImageAsync(store, _directory, s_content);
        Assert.Equal(Frames, image.Entries.Single(e => e.Path == "/a").Runs.Select(r => r.Frame).Distinct().Count());
        _reads = new PackReads(store);
        _files = new BucketFileSystem(new FrameReader(_reads.Store), _directory.Path);
        _files.Load(image);
        return Open();
    }

    OpenFile Open()
    {
        Assert.Equal(Errno.None, _files.Open("/a", OpenFlags.ReadWrite, 0, out var file));
        _open.Add(file!);
        return file!;
    }

    async Task BroughtAsync(int frames)
    {
        await Wait.UntilAsync(() => Enumerable.Range(0, Frames).Count(f => !_open[0].MustFetch(f * FrameBytes, FrameBytes)) == frames, $"{frames} frames are here");
        Assert.Equal(frames, _reads.Packs);
    }

    static void Read(OpenFile file, int page, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Read(file, page + i);
        }
    }

    static void Read(OpenFile file, int page) => Assert.True(s_content.AsSpan(page * PageFile.PageSize, PageFile.PageSize).SequenceEqual(Bytes(file, page)));

    static unsafe byte[] Bytes(OpenFile file, int page)
    {
        byte[] bytes = new byte[PageFile.PageSize];
        fixed (byte* p = bytes)
        {
            int count = file.ReadAt(p, bytes.Length, (long)page * PageFile.PageSize);
            Assert.True(count >= 0);
            return bytes[..count];
        }
    }
}
