using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>Names and directories against their POSIX contract, on every file system.</summary>
public class DirectoryContractTests
{
    public static TheoryData<Place> Both => Places.Both;

    [Theory]
    [MemberData(nameof(Both))]
    public void DirectoriesAreMadeAndRemoved(Place place) => Places.Run(place, g =>
    {
        Assert.Equal(0, g.MakeDirectory("/d"));
        Assert.Equal(-20, g.MakeDirectory("/d"));
        Assert.Equal(-20, g.MakeDirectory("/"));
        Assert.Equal(0, g.MakeDirectory("/d/e/"));
        Assert.Equal(-44, g.MakeDirectory("/x/y"));
        g.CreateClosed("/d/f");
        Assert.Equal(-20, g.MakeDirectory("/d/f"));
        Assert.Equal(-54, g.MakeDirectory("/d/f/g"));
        Assert.Equal(-55, g.RemoveDirectory("/d"));
        Assert.Equal(-54, g.RemoveDirectory("/d/f"));
        Assert.Equal(-31, g.Unlink("/d/e"));
        Assert.Equal(-54, g.Unlink("/d/f/"));
        Assert.Equal(0, g.Unlink("/d/e", flags: 0x200));
        Assert.Equal(0, g.Unlink("/d/f"));
        Assert.Equal(-44, g.Unlink("/d/f"));
        Assert.Equal(0, g.RemoveDirectory("/d/"));
        Assert.Equal(-44, g.RemoveDirectory("/d"));
        Assert.Equal(-10, g.RemoveDirectory("/"));
        Assert.Equal(-28, g.Unlink("/d", flags: 1));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void ListingsAreCompleteAndRewind(Place place) => Places.Run(place, g =>
    {
        g.MakeDirectory("/d");
        g.MakeDirectory("/d/sub");
        g.SymbolicLink("sub", "/d/link");
        var expected = new List<string> { ".:4", "..:4", "link:10", "sub:4" };
        for (int i = 0; i < 20; i++)
        {
            g.CreateClosed($"/d/f{i:00}");
            expected.Add($"f{i:00}:8");
        }

        expected.Sort(StringComparer.Ordinal);
        Assert.Equal(expected, g.List("/d"));
        Assert.Equal(expected, g.List("/d", atOnce: 100));
        int fd = g.Open("/d");
        Assert.Equal(-28, g.ReadDirectory(fd, 279));
        Assert.Equal(expected.Count, g.List(fd).Count);
        Assert.Equal(0, g.ReadDirectory(fd, 2800));
        g.Unlink("/d/f00");
        Assert.Equal(0, g.Seek(fd, 0, 0));
        Assert.Equal(expected.Count - 1, g.List(fd).Count);
        Assert.Equal(3 * 280, g.Seek(fd, 3 * 280, 0)); // seekdir
        Assert.Equal(expected.Count - 4, g.List(fd).Count);
        int file = g.Open("/d/f01");
        Assert.Equal(-54, g.ReadDirectory(file, 2800));
        Assert.Equal(-8, g.ReadDirectory(99, 2800));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void RenameReplacesAndRefuses(Place place) => Places.Run(place, g =>
    {
        g.CreateClosed("/a", "A");
        g.CreateClosed("/b", "B");
        g.MakeDirectory("/d");
        g.MakeDirectory("/empty");
        g.MakeDirectory("/full");
        g.CreateClosed("/full/x", "x");
        Assert.Equal(-44, g.Rename("/none", "/b"));
        Assert.Equal(-44, g.Rename("/a", "/none/b"));
        Assert.Equal(-31, g.Rename("/a", "/d"));
        Assert.Equal(-54, g.Rename("/d", "/a"));
        Assert.Equal(-54, g.Rename("/a", "/new/"));
        Assert.Equal(-55, g.Rename("/d", "/full"));
        Assert.Equal(-28, g.Rename("/full", "/full/below"));
        Assert.Equal(-55, g.Rename("/full/x", "/full"));
        Assert.Equal(-10, g.Rename("/", "/x"));
        Assert.Equal(0, g.Rename("/a", "/a"));
        int open = g.Open("/b");
        Assert.Equal(0, g.Rename("/a", "/b"));
        Assert.Equal("A", g.Content("/b"));
        Assert.Equal("B", g.ReadText(open)); // the replaced file lives on for who has it open
        Assert.Equal(-44, g.Open("/a"));
        Assert.Equal(0, g.Rename("/full", "/empty"));
        Assert.Equal("x", g.Content("/empty/x"));
        Assert.Equal(0, g.Rename("/empty/x", "/d/y"));
        Assert.Equal(0, g.Rename("/d/", "/moved/"));
        Assert.Equal("x", g.Content("/moved/y"));
        g.Link("/b", "/same");
        Assert.Equal(0, g.Rename("/b", "/same")); // two names of one file: nothing happens
        Assert.Equal("A", g.Content("/b"));
        Assert.Equal("A", g.Content("/same"));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void DirectoryLinkCountsFollowRename(Place place) => Places.Run(place, g =>
    {
        g.MakeDirectory("/a");
        g.MakeDirectory("/b");
        g.MakeDirectory("/a/x");
        Assert.Equal(0, g.Rename("/a/x", "/b/x"));
        g.Stat("/a", out var a);
        g.Stat("/b", out var b);
        Assert.Equal((2, 3), (a.Links, b.Links));
        Assert.Equal("/b", Parent(g, "/b/x"));
        Assert.Equal(0, g.RemoveDirectory("/b/x"));
        g.Stat("/b", out b);
        Assert.Equal(2, b.Links);

        static string Parent(Guest g, string path)
        {
            Assert.Equal(0, g.ChangeDirectory(path + "/.."));
            g.WorkingDirectory(4096, out string cwd);
            return cwd;
        }
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void HardLinksShareTheFile(Place place) => Places.Run(place, g =>
    {
        g.CreateClosed("/a", "one");
        g.MakeDirectory("/d");
        Assert.Equal(0, g.Link("/a", "/d/b"));
        Assert.Equal(-20, g.Link("/a", "/d/b"));
        Assert.Equal(-44, g.Link("/none", "/c"));
        Assert.Equal(-44, g.Link("/a", "/none/c"));
        Assert.Equal(-63, g.Link("/d", "/e"));
        g.Stat("/a", out var a);
        g.Stat("/d/b", out var b);
        Assert.Equal((a.Inode, 2, 2), (b.Inode, a.Links, b.Links));
        int fd = g.Open("/d/b", OpenFlags.WriteOnly | OpenFlags.Truncate);
        g.Write(fd, "two");
        Assert.Equal("two", g.Content("/a"));
        Assert.Equal(0, g.Unlink("/a"));
        Assert.Equal("two", g.Content("/d/b"));
        g.Stat(fd, out b);
        Assert.Equal(1, b.Links);
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void SymbolicLinksAreFollowedOrNot(Place place) => Places.Run(place, g =>
    {
        g.MakeDirectory("/d");
        g.CreateClosed("/d/f", "content");
        Assert.Equal(0, g.SymbolicLink("d/f", "/l"));
        Assert.Equal(0, g.SymbolicLink("d", "/dl"));
        Assert.Equal(0, g.SymbolicLink("../l", "/d/up"));
        Assert.Equal(0, g.SymbolicLink("nowhere", "/dangling"));
        Assert.Equal(-20, g.SymbolicLink("x", "/l"));
        Assert.Equal(-44, g.SymbolicLink("", "/empty"));
        Assert.Equal("content", g.Content("/l"));
        Assert.Equal("content", g.Content("/dl/f"));
        Assert.Equal("content", g.Content("/dl/up"));
        Assert.Equal(3, g.ReadLink("/l", out string target));
        Assert.Equal("d/f", target);
        Assert.Equal(2, g.ReadLink("/l", out target, size: 2));
        Assert.Equal("d/", target);
        Assert.Equal(-28, g.ReadLink("/d/f", out _));
        Assert.Equal(-44, g.ReadLink("/none", out _));
        Assert.Equal(0, g.StatLink("/l", out var s));
        Assert.Equal((0xA000, 3L), (s.Type, s.Size));
        Assert.Equal(0, g.Stat("/l", out s));
        Assert.Equal(0x8000, s.Type);
        Assert.Equal(0, g.StatAt(-100, "/l", 0x100, out s));
        Assert.Equal(0xA000, s.Type);
        Assert.Equal(-32, g.Open("/l", OpenFlags.NoFollow));
        Assert.Equal(-54, g.Open("/l/"));
        Assert.Equal(-44, g.Open("/dangling"));
        Assert.Equal(-20, g.Open("/dangling", OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive));
        int fd = g.Open("/dangling", OpenFlags.WriteOnly | OpenFlags.Create);
        Assert.True(fd >= 0);
        Assert.Equal(0, g.Stat("/nowhere", out _));
        Assert.Equal(-54, g.RemoveDirectory("/dl"));
        Assert.Equal(-54, g.RemoveDirectory("/dl/"));
        Assert.Equal(0, g.Unlink("/dl"));
        Assert.Equal(0, g.Stat("/d", out _));
        Assert.Equal(0, g.Rename("/l", "/l2"));
        Assert.Equal("content", g.Content("/l2"));
        g.SymbolicLink("loop2", "/loop1");
        g.SymbolicLink("loop1", "/loop2");
        Assert.Equal(-32, g.Open("/loop1"));
        Assert.Equal(-32, g.Stat("/loop1/x", out _));
        Assert.Equal(0, g.StatLink("/loop1", out _));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void DotsGoWhereThePathReallyLeads(Place place) => Places.Run(place, g =>
    {
        g.MakeDirectory("/a");
        g.MakeDirectory("/a/b");
        g.MakeDirectory("/a/b/c");
        g.CreateClosed("/a/f", "in a");
        g.CreateClosed("/f", "in root");
        g.SymbolicLink("a/b", "/link");
        Assert.Equal("in a", g.Content("/link/../f"));
        Assert.Equal("in root", g.Content("/a/../f"));
        Assert.Equal("in root", g.Content("/../..//./f"));
        Assert.Equal("in a", g.Content("/a/b/c/../../f"));
        Assert.Equal(-44, g.Open("/none/../f"));
        Assert.Equal(-54, g.Open("/f/../f"));
        Assert.Equal(-54, g.Stat("/f/..", out _));
        Assert.Equal(0, g.Stat("/a/b/..", out var up));
        g.Stat("/a", out var a);
        Assert.Equal(a.Inode, up.Inode);
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void RelativePathsStartAtTheWorkingDirectoryOrADescriptor(Place place) => Places.Run(place, g =>
    {
        g.MakeDirectory("/data");
        g.MakeDirectory("/data/base");
        Assert.Equal(0, g.ChangeDirectory("/data"));
        g.CreateClosed("base/1", "one");
        Assert.Equal("one", g.Content("/data/base/1"));
        Assert.Equal(0, g.ChangeDirectory("base"));
        Assert.Equal("one", g.Content("1"));
        Assert.Equal("one", g.Content("../base/./1"));
        Assert.Equal("/data/base".Length + 1, g.WorkingDirectory(4096, out string cwd));
        Assert.Equal("/data/base", cwd);
        Assert.Equal(-68, g.WorkingDirectory(10, out _));
        Assert.Equal(-44, g.ChangeDirectory("none"));
        Assert.Equal(-54, g.ChangeDirectory("1"));
        int fd = g.Open("/data", OpenFlags.Directory);
        Assert.True(g.Open("base/1", directory: fd) >= 0);
        Assert.Equal(0, g.MakeDirectory("new", directory: fd));
        Assert.Equal(0, g.StatAt(fd, "new", 0, out _));
        Assert.Equal(0, g.StatAt(fd, "", 0x1000, out var s)); // AT_EMPTY_PATH
        Assert.Equal(0x4000, s.Type);
        Assert.Equal(-44, g.StatAt(fd, "", 0, out _));
        Assert.Equal(0, g.Unlink("new", directory: fd, flags: 0x200));
        int file = g.Open("1");
        Assert.Equal(-54, g.Open("x", directory: file));
        Assert.Equal(-8, g.Open("x", directory: 99));
        Assert.True(g.Open("/data/base/1", directory: 99) >= 0); // absolute: the descriptor does not matter
    });
}
