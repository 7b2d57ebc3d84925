using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

public sealed class FileSystemImageTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pocketgres-image-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string At(string name) => System.IO.Path.Combine(_directory, name);

    private FileSystemImage Save(FileSystemImageWriter writer, string name = "image")
    {
        writer.Save(At(name + ".index"), At(name + ".data"));
        return FileSystemImage.Open(At(name + ".index"), At(name + ".data"));
    }

    private static FileSystemImageWriter Sample()
    {
        var writer = new FileSystemImageWriter(modified: 1_700_000_000_000_000_123);
        var sparse = new byte[100_000];
        sparse[40_000] = 7;
        sparse[99_999] = 9;
        writer.AddFile("/share/zone/Europe/Zürich", 0x1A4, "tz"u8.ToArray());
        writer.AddFile("/bin/postgres", 0x1ED, Enumerable.Repeat((byte)'p', 20_000).ToArray());
        writer.AddFile("/base/sparse", 0x180, sparse);
        writer.AddFile("/base/copy", 0x180, (byte[])sparse.Clone());
        writer.AddFile("/base/zero", 0x180, new byte[50_000]);
        writer.AddFile("/base/zero-then-data", 0x180, (byte[])[.. new byte[8192], .. Enumerable.Repeat((byte)'d', 8192)]);
        writer.AddFile("/base/empty", 0x180, default);
        writer.AddDirectory("/base", 0x1C0);
        writer.AddDirectory("/none", 0x1E8);
        writer.AddLink("/link", "share/zone");
        return writer;
    }

    [Fact]
    public void ContentsComeBack()
    {
        using var image = Save(Sample());
        using var fs = MemoryFileSystem.FromImage(image);
        CheckSample(fs);
        Assert.Equal(0, fs.LiveChunks); // read where it is mapped
        Assert.True(image.DataLength < 60_000, $"{image.DataLength} bytes of contents: zeroes or a copy were stored");
        fs.Stat("/bin/postgres", true, out var s);
        Assert.Equal(1_700_000_000_000_000_123, s.Modified);
        Assert.Equal((1 + 3 + 2 + 2 + 1) * 8192, fs.UsedBytes); // tz, postgres, sparse, its copy, zero-then-data: holes are free
    }

    [Fact]
    public void WritingCopiesOneChunk()
    {
        using var image = Save(Sample());
        using var a = MemoryFileSystem.FromImage(image);
        using var b = MemoryFileSystem.FromImage(image);
        using var c = a.Clone();
        MemoryFileSystemTests.Write(a, "/bin/postgres", "X", 9000);
        Assert.Equal(1, a.LiveChunks);
        Assert.Equal('X', MemoryFileSystemTests.Get(a, "/bin/postgres")[9000]);
        Assert.Equal(new string('p', 20_000), MemoryFileSystemTests.Get(b, "/bin/postgres"));
        Assert.Equal(new string('p', 20_000), MemoryFileSystemTests.Get(c, "/bin/postgres"));
        a.Unlink("/bin/postgres");
        Assert.Equal(0, a.LiveChunks);
    }

    [Fact]
    public void GrowingAFileDoesNotShowItsNeighbour()
    {
        using var image = Save(Sample());
        using var fs = MemoryFileSystem.FromImage(image);
        fs.Truncate("/share/zone/Europe/Zürich", 1000);
        Assert.Equal("tz" + new string('\0', 998), MemoryFileSystemTests.Get(fs, "/share/zone/Europe/Zürich"));
        MemoryFileSystemTests.Write(fs, "/base/sparse", "e", 100_005);
        Assert.Equal("\u0009\0\0\0\0\0e", MemoryFileSystemTests.Get(fs, "/base/sparse")[99_999..]);
    }

    [Fact]
    public void TheImageStaysMappedWhileInUse()
    {
        var image = Save(Sample());
        var fs = MemoryFileSystem.FromImage(image);
        var clone = fs.Clone();
        image.Dispose();
        fs.Dispose();
        CheckSample(clone);
        clone.Open("/bin/postgres", OpenFlags.ReadOnly, 0, out var file);
        clone.Dispose();
        unsafe
        {
            byte b;
            Assert.Equal(1, file!.ReadAt(&b, 1, 19_999));
            Assert.Equal((byte)'p', b);
        }

        file.Release();
    }

    [Fact]
    public void TheSameInputMakesTheSameBytes()
    {
        Save(Sample(), "one").Dispose();
        var reversed = new FileSystemImageWriter(modified: 1_700_000_000_000_000_123);
        using var image = FileSystemImage.Open(At("one.index"), At("one.data"));
        using var fs = MemoryFileSystem.FromImage(image);
        reversed.AddTree(fs, "/");
        Save(reversed, "two").Dispose();
        Assert.Equal(File.ReadAllBytes(At("one.index")), File.ReadAllBytes(At("two.index")));
        Assert.Equal(File.ReadAllBytes(At("one.data")), File.ReadAllBytes(At("two.data")));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void ExtractedTreesAreRealFiles(bool sync, bool writeZeroes)
    {
        using var image = Save(Sample());
        string target = At("out");
        image.ExtractTo(target, sync, writeZeroes);
        var host = new HostFileSystem(target);
        CheckSample(host);
        Assert.Equal(Errno.None, host.Stat("/base/zero", true, out var s));
        Assert.Equal(writeZeroes, s.Blocks * 512 >= 50_000);
        image.ExtractTo(target + "2", sync: false);
        var writer = new FileSystemImageWriter(modified: 1_700_000_000_000_000_123);
        writer.AddTree(target);
        Save(writer, "again").Dispose();
        Assert.Equal(File.ReadAllBytes(At("image.data")), File.ReadAllBytes(At("again.data")));
        Assert.Equal(File.ReadAllBytes(At("image.index")), File.ReadAllBytes(At("again.index")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TreesCanBeExtractedIntoMemory(bool writeZeroes)
    {
        using var image = Save(Sample());
        using var fs = new MemoryFileSystem();
        image.ExtractTo(fs, "/", sync: true, writeZeroes);
        CheckSample(fs);
        fs.Stat("/base/zero", true, out var s);
        Assert.Equal(writeZeroes ? 7 * 16 : 0, s.Blocks);
        using var full = new MemoryFileSystem(sizeLimit: 8192);
        var e = Assert.Throws<FileSystemException>(() => image.ExtractTo(full, "/", sync: false, writeZeroes));
        Assert.Equal(Errno.ENOSPC, e.Error);
    }

    [Fact]
    public void ExtractingOverAFileSaysWhatIsWrong()
    {
        using var image = Save(Sample());
        File.WriteAllText(At("occupied"), "");
        var e = Assert.Throws<FileSystemException>(() => image.ExtractTo(At("occupied"), sync: false));
        Assert.Contains("occupied", e.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.ENOTDIR, e.Error);
    }

    [Fact]
    public void DamageIsNoticed()
    {
        Save(Sample()).Dispose();
        byte[] index = File.ReadAllBytes(At("image.index"));
        foreach (int position in new[] { 0, 5, 8, 100, index.Length - 1 })
        {
            var damaged = (byte[])index.Clone();
            damaged[position] ^= 0x10;
            File.WriteAllBytes(At("bad.index"), damaged);
            Assert.Throws<InvalidDataException>(() => FileSystemImage.Open(At("bad.index"), At("image.data")).Dispose());
        }

        File.WriteAllBytes(At("bad.index"), index[..20]);
        Assert.Throws<InvalidDataException>(() => FileSystemImage.Open(At("bad.index"), At("image.data")).Dispose());
        File.WriteAllBytes(At("short.data"), File.ReadAllBytes(At("image.data"))[..^1]);
        Assert.Throws<InvalidDataException>(() => FileSystemImage.Open(At("image.index"), At("short.data")).Dispose());
        Assert.Throws<FileNotFoundException>(() => FileSystemImage.Open(At("image.index"), At("none")).Dispose());
    }

    [Fact]
    public void ASecondImageMergesIntoTheTree()
    {
        using var first = Save(Sample(), "first");
        var extension = new FileSystemImageWriter();
        extension.AddFile("/share/extension/x.control", 0x1A4, "x"u8.ToArray());
        extension.AddFile("/bin/postgres", 0x1ED, "new"u8.ToArray());
        using var second = Save(extension, "second");
        using var fs = MemoryFileSystem.FromImage(first);
        fs.AddImage(second);
        Assert.Equal("x", MemoryFileSystemTests.Get(fs, "/share/extension/x.control"));
        Assert.Equal("new", MemoryFileSystemTests.Get(fs, "/bin/postgres"));
        Assert.Equal("tz", MemoryFileSystemTests.Get(fs, "/share/zone/Europe/Zürich"));
    }

    private static void CheckSample(IFileSystem fs)
    {
        Assert.Equal("tz", MemoryFileSystemTests.Get(fs, "/share/zone/Europe/Zürich"));
        Assert.Equal(new string('p', 20_000), MemoryFileSystemTests.Get(fs, "/bin/postgres"));
        foreach (string path in new[] { "/base/sparse", "/base/copy" })
        {
            string sparse = MemoryFileSystemTests.Get(fs, path);
            Assert.Equal((100_000, '\u0007', '\u0009', 99_998), (sparse.Length, sparse[40_000], sparse[99_999], sparse.Count(c => c == '\0')));
        }

        Assert.Equal(new string('\0', 50_000), MemoryFileSystemTests.Get(fs, "/base/zero"));
        Assert.Equal(new string('\0', 8192) + new string('d', 8192), MemoryFileSystemTests.Get(fs, "/base/zero-then-data"));
        Assert.Equal("", MemoryFileSystemTests.Get(fs, "/base/empty"));
        Assert.Equal(Errno.None, fs.ReadLink("/link", out string target));
        Assert.Equal("share/zone", target);
        foreach (var (path, mode) in new[] { ("/base", 0x41C0), ("/none", 0x41E8), ("/share/zone", 0x41ED), ("/bin/postgres", 0x81ED), ("/base/copy", 0x8180) })
        {
            Assert.Equal(Errno.None, fs.Stat(path, true, out var s));
            Assert.Equal(mode, s.Mode);
        }
    }
}
