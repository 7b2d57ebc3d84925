using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>Files against their POSIX contract, on every file system.</summary>
public class FileContractTests
{
    public static TheoryData<Place> Both => Places.Both;

    [Theory]
    [MemberData(nameof(Both))]
    public void WhatIsWrittenIsRead(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", "hello world");
        Assert.Equal("", g.ReadText(fd));
        Assert.Equal(6, g.Seek(fd, 6, 0));
        Assert.Equal("world", g.ReadText(fd));
        Assert.Equal(9, g.Seek(fd, -2, 2));
        Assert.Equal("l", g.ReadText(fd, 1));
        Assert.Equal(8, g.Seek(fd, -2, 1));
        Assert.Equal(3, g.WriteAt(fd, "XYZ", 0));
        Assert.Equal("XYZlo", g.ReadTextAt(fd, 5, 0));
        Assert.Equal(8, g.Seek(fd, 0, 1)); // pwrite and pread do not move it
        Assert.Equal(-28, g.Seek(fd, -1, 0));
        Assert.Equal(-28, g.Seek(fd, 0, 7));
        Assert.Equal(0, g.Stat(fd, out var s));
        Assert.Equal((0x8000, 0x1A4, 11L, 1, 0), (s.Type, s.Permissions, s.Size, s.Links, s.User));
        Assert.Equal(0, g.Close(fd));
        Assert.Equal(-8, g.Close(fd));
        Assert.Equal(-8, g.Read(fd, 1, out _));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void OpenFlagsMeanWhatTheySay(Place place) => Places.Run(place, g =>
    {
        Assert.Equal(-44, g.Open("/none"));
        Assert.Equal(-44, g.Open(""));
        Assert.Equal(-44, g.Open("/none/f", OpenFlags.WriteOnly | OpenFlags.Create));
        g.CreateClosed("/f", "abc");
        Assert.Equal(-20, g.Open("/f", OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive));
        Assert.Equal(-54, g.Open("/f/x"));
        Assert.Equal(-54, g.Open("/f/"));
        Assert.Equal(-54, g.Open("/f", OpenFlags.Directory));
        Assert.Equal(0, g.MakeDirectory("/d"));
        Assert.Equal(-31, g.Open("/d", OpenFlags.WriteOnly));
        Assert.Equal(-31, g.Open("/d", OpenFlags.ReadWrite | OpenFlags.Create));
        Assert.Equal(-31, g.Open("/new/", OpenFlags.WriteOnly | OpenFlags.Create));
        int fd = g.Open("/f");
        Assert.Equal(-8, g.Write(fd, "x"));
        Assert.Equal(-28, g.Truncate(fd, 0));
        Assert.Equal(0, g.Control(fd, 3) & 3);
        g.Close(fd);
        fd = g.Open("/f", OpenFlags.WriteOnly);
        Assert.Equal(-8, g.Read(fd, 1, out _));
        g.Close(fd);
        int directory = g.Open("/d");
        Assert.Equal(-31, g.Read(directory, 1, out _));
        g.Close(directory);
        g.Close(g.Open("/f", OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate));
        Assert.Equal("", g.Content("/f"));
        Assert.Equal(-37, g.Open("/" + new string('n', 256), OpenFlags.WriteOnly | OpenFlags.Create));
        Assert.Equal(-37, g.Open("/" + string.Join('/', Enumerable.Repeat("d", 2100))));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void AppendGoesToTheEnd(Place place) => Places.Run(place, g =>
    {
        int a = g.Open("/log", OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Append);
        int b = g.Open("/log", OpenFlags.WriteOnly | OpenFlags.Append);
        Assert.Equal(2, g.Write(a, "a1"));
        Assert.Equal(2, g.Write(b, "b1"));
        g.Seek(a, 0, 0);
        Assert.Equal(2, g.Write(a, "a2"));
        Assert.Equal(6, g.Seek(a, 0, 1));
        Assert.Equal(1, g.WriteAt(a, "X", 0)); // POSIX: pwrite has its own offset even with O_APPEND
        Assert.Equal(1, g.Write(a, "Z"));
        Assert.Equal("X1b1a2Z", g.Content("/log"));
        Assert.Equal(0, g.Control(a, 4, 0)); // F_SETFL without O_APPEND
        g.Seek(a, 1, 0);
        Assert.Equal(1, g.Write(a, "Y"));
        Assert.Equal("XYb1a2Z", g.Content("/log"));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void UmaskAndModes(Place place) => Places.Run(place, g =>
    {
        Assert.Equal(0x12, g.Umask(0));
        g.Close(g.Create("/open", "", 0x1B6));
        Assert.Equal(0, g.MakeDirectory("/wide", 0x1FF));
        Assert.Equal(0, g.Umask(0x3F));
        g.Close(g.Create("/closed", "", 0x1B6));
        Assert.Equal(0, g.MakeDirectory("/narrow", 0x1FF));
        Assert.Equal(new[] { 0x1B6, 0x1FF, 0x180, 0x1C0 }, new[] { "/open", "/wide", "/closed", "/narrow" }.Select(p =>
        {
            Assert.Equal(0, g.Stat(p, out var s));
            return s.Permissions;
        }));
        Assert.Equal(0, g.ChangeMode("/open", 0x1A0));
        Assert.Equal(0, g.Stat("/open", out var stat));
        Assert.Equal(0x1A0, stat.Permissions);
        int fd = g.Open("/open", OpenFlags.ReadOnly);
        Assert.Equal(0, g.ChangeMode(fd, 0x100));
        Assert.Equal(0, g.Stat(fd, out stat));
        Assert.Equal((0x8000, 0x100), (stat.Type, stat.Permissions));
        Assert.Equal(-44, g.ChangeMode("/none", 0));
        Assert.Equal(0, g.ChangeOwner("/open", 0, -1));
        Assert.Equal(-63, g.ChangeOwner("/open", 12, -1));
        Assert.Equal(-44, g.ChangeOwner("/none", 0, 0));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void AccessAnswersForTheOwner(Place place) => Places.Run(place, g =>
    {
        g.CreateClosed("/f");
        g.MakeDirectory("/d");
        Assert.Equal(0, g.Access("/f", 0));
        Assert.Equal(0, g.Access("/f", 6));
        Assert.Equal(-2, g.Access("/f", 1));
        Assert.Equal(0, g.ChangeMode("/f", 0x1ED));
        Assert.Equal(0, g.Access("/f", 7));
        Assert.Equal(0, g.Access("/d", 7));
        Assert.Equal(-44, g.Access("/none", 0));
        Assert.Equal(-54, g.Access("/f/", 0));
        Assert.Equal(-28, g.Access("/f", 8));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void SparseFilesAndBigOffsets(Place place) => Places.Run(place, g =>
    {
        const long Far = (5L << 30) + 12345;
        int fd = g.Create("/sparse");
        Assert.Equal(3, g.WriteAt(fd, "end", Far));
        Assert.Equal(0, g.Stat(fd, out var s));
        Assert.Equal(Far + 3, s.Size);
        Assert.True(s.Blocks <= 64, $"{s.Blocks} blocks for three bytes");
        Assert.Equal(new string('\0', 8), g.ReadTextAt(fd, 8, 4L << 30));
        Assert.Equal("\0end", g.ReadTextAt(fd, 100, Far - 1));
        Assert.Equal("", g.ReadTextAt(fd, 100, Far + 3));
        Assert.Equal(Far + 3, g.Seek(fd, 0, 2));
        Assert.Equal(0, g.Truncate(fd, 3L << 30));
        Assert.Equal("\0", g.ReadTextAt(fd, 10, (3L << 30) - 1));
        Assert.Equal(-28, g.ReadAt(fd, 1, -1, out _));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void TruncateCutsAndExtendsWithZeroes(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", new string('x', 20000));
        Assert.Equal(0, g.Truncate(fd, 10));
        Assert.Equal(0, g.Truncate(fd, 20000));
        string content = g.ReadTextAt(fd, 30000, 0);
        Assert.Equal(new string('x', 10) + new string('\0', 19990), content);
        Assert.Equal(0, g.Truncate("/f", 5));
        Assert.Equal(1, g.WriteAt(fd, "y", 8));
        Assert.Equal("xxxxx\0\0\0y", g.ReadTextAt(fd, 100, 0));
        Assert.Equal(-28, g.Truncate("/f", -1));
        Assert.Equal(-28, g.Truncate(fd, -1));
        Assert.Equal(-44, g.Truncate("/none", 0));
        g.MakeDirectory("/d");
        Assert.Equal(-31, g.Truncate("/d", 0));
        Assert.Equal(-8, g.Truncate(99, 0));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void AllocateReservesAndKeepsContent(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", "abc");
        Assert.Equal(0, g.Allocate(fd, 0, 100_000));
        Assert.Equal(0, g.Stat(fd, out var s));
        Assert.Equal(100_000, s.Size);
        Assert.True(s.Blocks * 512L >= 100_000, $"{s.Blocks} blocks");
        Assert.Equal("abc\0\0", g.ReadTextAt(fd, 5, 0));
        Assert.Equal(0, g.Allocate(fd, 10, 10));
        Assert.Equal(0, g.Stat(fd, out s));
        Assert.Equal(100_000, s.Size);
        Assert.Equal(-138, g.Allocate(fd, 0, 10, mode: 1));
        Assert.Equal(-28, g.Allocate(fd, 0, 0));
        Assert.Equal(-28, g.Allocate(fd, -1, 5));
        Assert.Equal(-8, g.Allocate(77, 0, 5));
        int readOnly = g.Open("/f");
        Assert.Equal(-8, g.Allocate(readOnly, 0, 5));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void AnUnlinkedFileLivesUntilClosed(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", "still here");
        Assert.Equal(0, g.Unlink("/f"));
        Assert.Equal(-44, g.Open("/f"));
        Assert.Equal("still here", g.ReadTextAt(fd, 100, 0));
        Assert.Equal(4, g.WriteAt(fd, "even", 0));
        Assert.Equal(0, g.Stat(fd, out var s));
        Assert.Equal((0, 10L), (s.Links, s.Size));
        g.CreateClosed("/f", "another");
        Assert.Equal("even", g.ReadTextAt(fd, 4, 0));
        Assert.Equal(0, g.Close(fd));
        Assert.Equal("another", g.Content("/f"));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void EachDescriptionSeesHowLongAnotherMadeTheFile(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", "abc"), other = g.Open("/f", OpenFlags.ReadWrite);
        long Size() => g.Seek(fd, 0, 2);
        Assert.Equal(3, Size());
        g.WriteAt(other, "defg", 1);
        Assert.Equal(5, Size());
        g.WriteAt(other, "x", 0);
        Assert.Equal(5, Size());
        g.Vector(other, [new byte[70_000], new byte[10]], 10, write: true);
        Assert.Equal(70_020, Size());
        Assert.Equal(0, g.Truncate(other, 7));
        Assert.Equal(7, Size());
        Assert.Equal(0, g.Truncate("/f", 9));
        Assert.Equal(9, Size());
        int writer = g.Open("/f", OpenFlags.WriteOnly);
        g.WriteAt(writer, "ab", 20);
        Assert.Equal(22, Size());
        int appending = g.Open("/f", OpenFlags.WriteOnly | OpenFlags.Append);
        Assert.Equal(4, g.Write(appending, "more"));
        Assert.Equal(26, Size());
        Assert.Equal(0, g.Allocate(other, 0, 50));
        Assert.Equal(50, Size());
        g.Close(g.Open("/f", OpenFlags.WriteOnly | OpenFlags.Truncate));
        Assert.Equal(0, Size());
        g.WriteAt(writer, "a", 0);
        Assert.Equal(1, g.Seek(other, 0, 2));

        // The name's next file is another one, also where the host uses the inode again.
        g.Unlink("/f");
        g.WriteAt(other, "longer", 0);
        Assert.Equal(6, Size());
        foreach (int d in (int[])[fd, other, writer, appending])
        {
            g.Close(d);
        }

        fd = g.Create("/f", "ab");
        Assert.Equal(2, Size());
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void LargeTransfersArriveWholeAndInOrder(Place place) => Places.Run(place, g =>
    {
        // Of buffers smaller than a host's write, larger, of nothing, and such that sums meet and miss its bound.
        int[] lengths = [65536, 1, 65535, 0, 8192, 8192, 200_001, 40_000, 40_000, 65536, 131_072, 3];
        var random = new Random(5);
        byte[][] written = [.. lengths.Select(n => new byte[n])];
        foreach (byte[] buffer in written)
        {
            random.NextBytes(buffer);
        }

        byte[] all = [.. written.SelectMany(b => b)];
        foreach (var sync in new[] { default, OpenFlags.DataSync })
        {
            int fd = g.Open("/f", OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate | sync, 0x1B6);
            Assert.Equal(all.Length, g.Vector(fd, written, 777, write: true));
            byte[] read = new byte[all.Length + 777 + 1];
            Assert.Equal(all.Length + 777, g.Vector(fd, [read], 0, write: false));
            Assert.Equal([.. new byte[777], .. all, 0], read);
            Assert.Equal(all.Length, g.Vector(fd, [all], 5, write: true));
            Assert.Equal(all.Length + 777, g.Vector(fd, [read], 0, write: false));
            Assert.Equal([.. new byte[5], .. all, .. all.AsSpan(all.Length - 772), 0], read);
            g.Close(fd);
        }
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void VectorsTransferInOrder(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f");
        byte[] a = [.. Enumerable.Repeat((byte)'a', 5000)], b = [.. Enumerable.Repeat((byte)'b', 9000)];
        Assert.Equal(14000, g.Vector(fd, [a, [], b], 100, write: true));
        Assert.Equal(14100, g.Seek(fd, 0, 2));
        byte[] x = new byte[4999], y = new byte[2], z = new byte[20000];
        Assert.Equal(14000, g.Vector(fd, [x, y, z], 100, write: false));
        Assert.Equal("ab", System.Text.Encoding.ASCII.GetString(y));
        Assert.Equal(8999, z.Count(c => c == 'b'));
        g.Seek(fd, 0, 0);
        Assert.Equal(14100, g.Vector(fd, [x, z], -1, write: false));
        Assert.Equal(14100, g.Seek(fd, 0, 1));
        Assert.Equal(14000, g.Vector(fd, [a, b], -1, write: true));
        Assert.Equal(28100, g.Seek(fd, 0, 1));
        Assert.Equal(0, g.Vector(fd, [], 0, write: false));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void TimesAreKept(Place place) => Places.Run(place, g =>
    {
        long before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        int fd = g.Create("/f", "x");
        Assert.Equal(0, g.Stat(fd, out var s));
        Assert.InRange(s.ModifiedSeconds, before - 1, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        Assert.Equal(0, g.SetTimes(-100, "/f", (1_000_000_000, 5), (-7, 999_999_999)));
        Assert.Equal(0, g.Stat("/f", out s));
        Assert.Equal((1_000_000_000L, 5, -7L, 999_999_999), (s.AccessedSeconds, s.AccessedNanoseconds, s.ModifiedSeconds, s.ModifiedNanoseconds));
        Assert.Equal(0, g.SetTimes(fd, null, (0, 0x3ffffffe), (42, 1))); // UTIME_OMIT
        Assert.Equal(0, g.Stat("/f", out s));
        Assert.Equal((1_000_000_000L, 42L), (s.AccessedSeconds, s.ModifiedSeconds));
        Assert.Equal(0, g.SetTimes(fd, null, (0, 0x3fffffff), (0, 0x3ffffffe))); // UTIME_NOW
        Assert.Equal(0, g.Stat("/f", out s));
        Assert.True(s.AccessedSeconds >= before - 1);
        Assert.Equal(42, s.ModifiedSeconds);
        Assert.Equal(-28, g.SetTimes(fd, null, (0, -1), (0, 0)));
        Assert.Equal(-44, g.SetTimes(-100, "/none", (0, 0), (0, 0)));
    });

    [Theory]
    [MemberData(nameof(Both))]
    public void SyncAndAdviseSucceed(Place place) => Places.Run(place, g =>
    {
        int fd = g.Create("/f", "x");
        Assert.Equal(0, g.Sync(fd));
        Assert.Equal(0, g.SyncData(fd));
        Assert.Equal(0, g.Advise(fd));
        int directory = g.Open("/");
        Assert.Equal(0, g.Sync(directory));
        Assert.Equal(-8, g.Sync(50));
        Assert.Equal(-8, g.SyncData(50));
        Assert.Equal(-8, g.Advise(50));
        Assert.Equal(-59, g.DeviceControl(fd));
        Assert.Equal((0, 4), (g.DescriptorStatus(fd).Error, g.DescriptorStatus(fd).Type));
        Assert.Equal(3, g.DescriptorStatus(directory).Type);
        var (error, blockSize, blocks, free) = g.StatFileSystem("/");
        Assert.True(error == 0 && blockSize > 0 && blocks >= free && free > 0);
        Assert.Equal(-44, g.StatFileSystem("/none").Error);
    });
}
