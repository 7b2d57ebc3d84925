using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>What the memory file system has beyond POSIX: clones, a size limit, shared memory, and giving memory back.</summary>
public sealed unsafe class MemoryFileSystemTests
{
    [Fact]
    public void ClonesAreIndependent()
    {
        using var original = new MemoryFileSystem();
        original.MakeDirectory("/d", 0x1ED);
        Put(original, "/d/f", new string('o', 100_000));
        original.Link("/d/f", "/d/g");
        original.SymbolicLink("f", "/d/l");
        long before = original.LiveChunks;
        using var a = original.Clone();
        using var b = a.Clone();
        Assert.Equal(before, original.LiveChunks); // nothing copied yet

        Write(a, "/d/f", "A", 50_000);
        Assert.Equal(before + 1, original.LiveChunks); // one chunk of 13
        Write(original, "/d/f", "O", 0);
        b.Unlink("/d/g");
        a.MakeDirectory("/only-a", 0x1ED);

        Assert.Equal("O" + new string('o', 99_999), Get(original, "/d/f"));
        Assert.Equal(new string('o', 50_000) + "A" + new string('o', 49_999), Get(a, "/d/f"));
        Assert.Equal(Get(a, "/d/f"), Get(a, "/d/g")); // still one file in the clone
        Assert.Equal(new string('o', 100_000), Get(b, "/d/f"));
        Assert.Equal(Errno.ENOENT, b.Stat("/d/g", true, out _));
        Assert.Equal(Errno.None, original.Stat("/d/g", true, out var s));
        Assert.Equal(2, s.Links);
        Assert.Equal(Errno.ENOENT, original.Stat("/only-a", true, out _));
        Assert.Equal(Errno.None, b.ReadLink("/d/l", out string target));
        Assert.Equal("f", target);
    }

    [Fact]
    public void ClonesSurviveTheirOriginalAndGiveEverythingBack()
    {
        var original = new MemoryFileSystem();
        Put(original, "/f", new string('x', 1 << 20));
        var clone = original.Clone();
        var second = original.Clone();
        Write(clone, "/f", "!", 9000);
        original.Dispose();
        Assert.Equal(new string('x', 1 << 20), Get(second, "/f"));
        second.Dispose();
        Assert.Equal('!', Get(clone, "/f")[9000]);
        Assert.Equal(128, clone.LiveChunks);
        clone.Dispose();
        Assert.Equal(0, clone.LiveChunks);
        Assert.Equal(0, clone.MappedBytes);
        clone.Dispose(); // twice is once
    }

    [Fact]
    public void ClonesMayWriteAtTheSameTime()
    {
        using var template = new MemoryFileSystem();
        Put(template, "/f", new string('t', 64 * 8192));
        var clones = Enumerable.Range(0, 8).Select(_ => template.Clone()).ToList();
        Parallel.For(0, clones.Count, i =>
        {
            for (int k = 0; k < 64; k++)
            {
                Write(clones[i], "/f", ((char)('a' + i)).ToString(), (k * 8192) + i);
            }
        });
        for (int i = 0; i < clones.Count; i++)
        {
            string content = Get(clones[i], "/f");
            Assert.Equal(64, content.Count(c => c == 'a' + i));
            Assert.Equal(content.Length - 64, content.Count(c => c == 't'));
            clones[i].Dispose();
        }

        Assert.Equal(64, template.LiveChunks);
    }

    [Fact]
    public void AFullDiskRefusesAndRecovers()
    {
        using var fs = new MemoryFileSystem(sizeLimit: 10 * 8192);
        Put(fs, "/f", new string('x', 6 * 8192));
        Assert.Equal(Errno.None, fs.Open("/g", OpenFlags.ReadWrite | OpenFlags.Create, 0x1A4, out var g));
        byte[] bytes = new byte[6 * 8192];
        Array.Fill(bytes, (byte)'y');
        fixed (byte* p = bytes)
        {
            Assert.Equal(4 * 8192, g!.WriteAt(p, bytes.Length, 0)); // as much as fits
            Assert.Equal(-(int)Errno.ENOSPC, g.WriteAt(p, 1, 4 * 8192));
            Assert.Equal(100, g.WriteAt(p, 100, 8192)); // overwriting needs nothing
            Assert.Equal(Errno.ENOSPC, g.Allocate(0, 5 * 8192));
            Assert.Equal(Errno.None, g.Allocate(0, 4 * 8192));
            Assert.Equal(Errno.None, fs.Open("/empty", OpenFlags.ReadWrite | OpenFlags.Create, 0x1A4, out var empty)); // names are free
            Assert.Equal(Errno.None, empty!.Truncate(1 << 30)); // so are holes
            Assert.Equal(-(int)Errno.ENOSPC, empty.WriteAt(p, 1, 0));
            empty.Release();
            fs.StatFileSystem("/", out var status);
            Assert.Equal((10L, 0L), (status.Blocks, status.FreeBlocks));
            Assert.Equal(Errno.None, fs.Truncate("/f", 8192));
            Assert.Equal(8192, g.WriteAt(p, 8192, 4 * 8192));
            Assert.Equal(6 * 8192, fs.UsedBytes);
        }

        Assert.Equal(Errno.None, fs.Unlink("/g"));
        Assert.Equal(6 * 8192, fs.UsedBytes); // open
        g.Release();
        Assert.Equal(8192, fs.UsedBytes);
        Assert.Equal(1, fs.LiveChunks);
    }

    [Fact]
    public void ReservedSpaceIsThereWhenNeeded()
    {
        using var fs = new MemoryFileSystem(sizeLimit: 4 * 8192);
        fs.Open("/wal", OpenFlags.ReadWrite | OpenFlags.Create, 0x1A4, out var wal);
        Assert.Equal(Errno.None, wal!.Allocate(0, 4 * 8192));
        fs.Open("/other", OpenFlags.ReadWrite | OpenFlags.Create, 0x1A4, out var other);
        byte one = 1;
        Assert.Equal(-(int)Errno.ENOSPC, other!.WriteAt(&one, 1, 0));
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(1, wal.WriteAt(&one, 1, i * 8192));
        }

        wal.Release();
        other.Release();
    }

    [Fact]
    public void PagesOfZeroesCostNoMemory()
    {
        using var fs = new MemoryFileSystem();
        Put(fs, "/wal", new string('\0', 16 << 20));
        Assert.Equal(0, fs.LiveChunks);
        Assert.Equal(16 << 20, fs.UsedBytes);
        Write(fs, "/wal", "record", 8190);
        Assert.Equal(2, fs.LiveChunks);
        Assert.Equal("\0record\0", Get(fs, "/wal").Substring(8189, 8));
        Write(fs, "/wal", new string('\0', 8192), 0);
        Assert.Equal(1, fs.LiveChunks);
    }

    [Fact]
    public void BytesCutOffNeverComeBack()
    {
        using var fs = new MemoryFileSystem();
        Put(fs, "/f", new string('s', 8192 + 100));
        using var clone = fs.Clone();
        foreach (var one in new[] { fs, clone })
        {
            one.Truncate("/f", 10);
            Write(one, "/f", "end", 9000);
            Assert.Equal(new string('s', 10) + new string('\0', 8990) + "end", Get(one, "/f"));
            one.Truncate("/f", 5);
            one.Truncate("/f", 20);
            Assert.Equal("sssss" + new string('\0', 15), Get(one, "/f"));
        }
    }

    [Fact]
    public void SharedFilesLiveInOneMemory()
    {
        using var fs = new MemoryFileSystem();
        fs.Open("/dsm", OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out var a);
        fs.Open("/dsm", OpenFlags.ReadWrite, 0, out var b);
        byte* text = stackalloc byte[8];
        "before"u8.CopyTo(new Span<byte>(text, 8));
        a!.WriteAt(text, 6, 8190);
        int descriptor = a.ShareAsMemory(65536);
        Assert.True(descriptor >= 0);
        Assert.Equal(descriptor, b!.ShareAsMemory(100));
        byte* map = HostCalls.mmap(null, 65536, 3, 1, descriptor, 0);
        Assert.True(map != (byte*)-1);
        Assert.Equal("before", System.Text.Encoding.ASCII.GetString(map + 8190, 6));
        map[1] = (byte)'M';
        byte read;
        Assert.Equal(1, b.ReadAt(&read, 1, 1));
        Assert.Equal((byte)'M', read);
        Assert.Equal(1, b.WriteAt(text, 1, 2));
        Assert.Equal((byte)'b', map[2]);
        b.Status(out var status);
        Assert.Equal(8196, status.Size); // mapping changes no size
        Assert.Equal(0, fs.LiveChunks);

        using var clone = fs.Clone();
        map[1] = (byte)'N';
        Assert.Equal('M', Get(clone, "/dsm")[1]); // a copy from now on
        Assert.Equal(Errno.None, a.Truncate(0));
        Assert.Equal(0, map[8190]); // zeroed, and still mapped
        fs.Unlink("/dsm");
        a.Release();
        b.Release();
        map[100] = 1; // the mapping outlives the file
        _ = HostCalls.munmap(map, 65536);
        Assert.Equal(0, fs.UsedBytes);
    }

    [Fact]
    public void FilesOpenAtDisposeKeepTheirContent()
    {
        var fs = new MemoryFileSystem();
        Put(fs, "/f", "kept");
        fs.Open("/f", OpenFlags.ReadOnly, 0, out var file);
        fs.Dispose();
        byte* buffer = stackalloc byte[4];
        Assert.Equal(4, file!.ReadAt(buffer, 4, 0));
        Assert.Equal(1, fs.LiveChunks);
        file.Release();
        Assert.Equal(0, fs.LiveChunks);
        Assert.Equal(0, fs.MappedBytes);
    }

    [Fact]
    public void SlabsAreReusedAndReturned()
    {
        using var fs = new MemoryFileSystem();
        string content = new('x', 4 << 20);
        for (int i = 0; i < 20; i++)
        {
            Put(fs, "/f" + (i & 1), content);
            fs.Unlink("/f" + ((i + 1) & 1));
        }

        Assert.Equal(512, fs.LiveChunks);
        Assert.InRange(fs.MappedBytes, 4 << 20, 12 << 20);
    }

    [Fact]
    public void FilesEndAtTheLimitOfTheirSize()
    {
        using var fs = new MemoryFileSystem();
        fs.Open("/f", OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out var file);
        byte b = 1;
        Assert.Equal(-(int)Errno.EFBIG, file!.WriteAt(&b, 1, 128L << 30));
        Assert.Equal(Errno.EFBIG, file.Truncate((128L << 30) + 1));
        Assert.Equal(-(int)Errno.EINVAL, file.WriteAt(&b, 1, -1));
        file.Release();
    }

    internal static void Put(IFileSystem fs, string path, string content)
    {
        Assert.Equal(Errno.None, fs.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, 0x1A4, out var file));
        file!.Release();
        Write(fs, path, content, 0);
    }

    internal static void Write(IFileSystem fs, string path, string content, long offset)
    {
        Assert.Equal(Errno.None, fs.Open(path, OpenFlags.WriteOnly, 0, out var file));
        byte[] bytes = System.Text.Encoding.Latin1.GetBytes(content);
        fixed (byte* p = bytes)
        {
            Assert.Equal(bytes.Length, file!.WriteAt(p, bytes.Length, offset));
        }

        file.Release();
    }

    internal static string Get(IFileSystem fs, string path)
    {
        Assert.Equal(Errno.None, fs.Open(path, OpenFlags.ReadOnly, 0, out var file));
        file!.Status(out var status);
        byte[] bytes = new byte[status.Size + 1];
        fixed (byte* p = bytes)
        {
            Assert.Equal(status.Size, file.ReadAt(p, bytes.Length, 0));
        }

        file.Release();
        return System.Text.Encoding.Latin1.GetString(bytes.AsSpan(0, (int)status.Size));
    }
}
