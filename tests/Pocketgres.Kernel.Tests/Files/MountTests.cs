using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

public class MountTests
{
    [Fact]
    public void TheLongestPrefixWins()
    {
        using var mounts = Three(out var root, out var data, out var deep);
        Check(mounts, "/x", root, "/x");
        Check(mounts, "/data", data, "/");
        Check(mounts, "/data/", data, "/");
        Check(mounts, "/data/base/1", data, "/base/1");
        Check(mounts, "/database", root, "/database");
        Check(mounts, "/data/pg_dynshmem/x", deep, "/x");
        Check(mounts, "/data/./base//../pg_dynshmem/y", deep, "/y");
        Check(mounts, "/data/..", root, "/");
        Assert.Same(deep, mounts.Unmount("/data/pg_dynshmem"));
        Check(mounts, "/data/pg_dynshmem/x", data, "/pg_dynshmem/x");
        Assert.Null(mounts.Unmount("/data/pg_dynshmem"));
        Assert.Throws<InvalidOperationException>(() => mounts.Mount("/data/", deep));
        Assert.Throws<ArgumentException>(() => mounts.Mount("data", deep));
        deep.Dispose();
    }

    [Fact]
    public void LinksLeadIntoOtherFileSystems() => Guest.Run(Three(out _, out _, out _), g =>
    {
        g.CreateClosed("/target", "in root");
        g.MakeDirectory("/space");
        g.CreateClosed("/space/16384", "tablespace");
        Assert.Equal(0, g.SymbolicLink("/space", "/data/pg_tblspc"));
        Assert.Equal(0, g.SymbolicLink("../target", "/data/up"));
        Assert.Equal(0, g.SymbolicLink("/data/pg_dynshmem", "/short"));
        Assert.Equal("tablespace", g.Content("/data/pg_tblspc/16384"));
        Assert.Equal("in root", g.Content("/data/up"));
        g.CreateClosed("/short/m", "deep");
        Assert.Equal("deep", g.Content("/data/pg_dynshmem/m"));
        Assert.Equal("in root", g.Content("/data/pg_tblspc/../target"));
        Assert.Equal(0, g.ChangeDirectory("/data/pg_tblspc"));
        g.WorkingDirectory(100, out string cwd);
        Assert.Equal("/space", cwd); // resolved, as the file system gives it
    });

    [Fact]
    public void FileSystemsDoNotMix() => Guest.Run(Three(out _, out _, out _), g =>
    {
        g.CreateClosed("/f", "x");
        Assert.Equal(-75, g.Rename("/f", "/data/f"));
        Assert.Equal(-75, g.Link("/f", "/data/f"));
        Assert.Equal(-10, g.RemoveDirectory("/data"));
        Assert.Equal(-10, g.Rename("/data", "/elsewhere"));
        Assert.Equal(-31, g.Unlink("/data"));
        Assert.Equal(-20, g.MakeDirectory("/data"));
        Assert.Equal(-20, g.SymbolicLink("x", "/data"));
        Assert.Equal(0, g.Stat("/data", out var s));
        Assert.Equal(0x4000, s.Type);
    });

    [Fact]
    public void FortyLinksAreTooMany() => Guest.Run(Three(out _, out _, out _), g =>
    {
        g.CreateClosed("/l0", "end");
        for (int i = 1; i <= 41; i++)
        {
            g.SymbolicLink($"l{i - 1}", $"/l{i}");
        }

        Assert.Equal("end", g.Content("/l40"));
        Assert.Equal(-32, g.Open("/l41"));
    });

    [Fact]
    public void WithoutARootNothingIsThere()
    {
        using var mounts = new MountTable();
        Assert.Equal(Errno.ENOENT, mounts.Resolve("/x", true, out _));
        Assert.Throws<InvalidOperationException>(() => mounts.StandardDescriptors());
    }

    [Theory]
    [InlineData("/", "", false, false)]
    [InlineData("//a///b", "/a/b", false, false)]
    [InlineData("/a/./b/.", "/a/b", true, false)]
    [InlineData("/a/", "/a", true, false)]
    [InlineData("/a/..", "/a/..", true, true)]
    [InlineData("/.../..a", "/.../..a", false, false)]
    public void PathsAreNormalised(string path, string expected, bool directory, bool parents)
    {
        Span<char> buffer = stackalloc char[100];
        int n = MountTable.Normalise(path, buffer, out bool d, out bool p);
        Assert.Equal((expected, directory, parents), (new string(buffer[..n]), d, p));
        Assert.Equal(-1, MountTable.Normalise("/" + new string('x', 100), buffer, out _, out _));
    }

    private static MountTable Three(out MemoryFileSystem root, out MemoryFileSystem data, out MemoryFileSystem deep)
    {
        var mounts = new MountTable();
        root = new MemoryFileSystem(device: 1);
        data = new MemoryFileSystem(device: 2);
        deep = new MemoryFileSystem(device: 3);
        root.MakeDirectory("/data", 0x1ED);
        data.MakeDirectory("/base", 0x1ED);
        mounts.Mount("/data/pg_dynshmem", deep);
        mounts.Mount("/", root);
        mounts.Mount("/data", data);
        return mounts;
    }

    private static void Check(MountTable mounts, string path, IFileSystem fileSystem, string inner)
    {
        Assert.Equal(Errno.None, mounts.Resolve(path, true, out var location));
        Assert.Same(fileSystem, location.FileSystem);
        Assert.Equal(inner, location.Path);
    }
}
