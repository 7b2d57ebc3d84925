using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using static Pocketgres.Kernel.Tests.Files.MemoryFileSystemTests;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>The simulated power cut: what was synced is there, what was not may be gone, and nothing else is there.</summary>
public sealed unsafe class PowerLossTests
{
    private static readonly PowerLossOptions s_posix = new() { NamesWithFiles = false };

    [Fact]
    public void UnsyncedBytesAreLostAndSyncedOnesAreNot()
    {
        var fs = Start();
        Put(fs, "/old", "OVERWRITTEN");
        Put(fs, "/synced", "abc");
        FileTree.Sync(fs, "/synced");
        Write(fs, "/synced", "X", 1);
        Assert.Equal("aXc", Get(fs, "/synced"));
        using var disk = Cut(fs);
        Assert.Equal("old", Get(disk, "/old"));
        Assert.Equal("abc", Get(disk, "/synced"));
        Assert.Equal(["d", "old", "synced"], Names(disk, "/"));
    }

    [Fact]
    public void ByPosixTheNameOfANewFileNeedsItsDirectory()
    {
        foreach (bool syncDirectory in (bool[])[false, true])
        {
            var fs = Start(s_posix);
            Put(fs, "/d/new", "content");
            FileTree.Sync(fs, "/d/new");
            if (syncDirectory)
            {
                FileTree.Sync(fs, "/d");
            }

            using var disk = Cut(fs);
            Assert.Equal(syncDirectory ? ["f", "new"] : ["f"], Names(disk, "/d"));
            Assert.Equal(syncDirectory ? "content" : null, syncDirectory ? Get(disk, "/d/new") : null);
        }
    }

    [Fact]
    public void AnUnsyncedFileHasItsNameButNotItsBytes()
    {
        var fs = Start();
        Put(fs, "/d/new", "content");
        FileTree.Sync(fs, "/d");
        using var disk = Cut(fs);
        Assert.Equal("", Get(disk, "/d/new"));
    }

    [Fact]
    public void RenamesAndRemovalsWaitForTheirDirectory()
    {
        foreach (bool sync in (bool[])[false, true])
        {
            var fs = Start();
            Assert.Equal(Errno.None, fs.Rename("/d/f", "/d/g"));
            Assert.Equal(Errno.None, fs.Unlink("/old"));
            if (sync)
            {
                FileTree.Sync(fs, "/d");
                FileTree.Sync(fs, "/");
            }

            using var disk = Cut(fs);
            Assert.Equal(sync ? ["g"] : ["f"], Names(disk, "/d"));
            Assert.Equal(sync ? ["d"] : ["d", "old"], Names(disk, "/"));
            Assert.Equal("inner", Get(disk, sync ? "/d/g" : "/d/f"));
        }
    }

    [Fact]
    public void ARenameBetweenDirectoriesIsInBothOrNeither()
    {
        foreach (string synced in (string[])["", "/", "/d"])
        {
            var fs = Start();
            Assert.Equal(Errno.None, fs.Rename("/d/f", "/old")); // replaces
            if (synced.Length > 0)
            {
                FileTree.Sync(fs, synced);
            }

            using var disk = Cut(fs);
            Assert.Equal(synced.Length > 0 ? [] : ["f"], Names(disk, "/d"));
            Assert.Equal(synced.Length > 0 ? "inner" : "old", Get(disk, "/old"));
        }
    }

    [Fact]
    public void NewDirectoriesMoveWithTheirContent()
    {
        var fs = Start();
        Assert.Equal(Errno.None, fs.MakeDirectory("/a", 0x1C0));
        Put(fs, "/a/f", "1");
        Assert.Equal(Errno.None, fs.MakeDirectory("/a/b", 0x1C0));
        FileTree.SyncTree(fs, "/a");
        Assert.Equal(Errno.None, fs.Rename("/a", "/d/a"));
        FileTree.Sync(fs, "/d");
        using var disk = Cut(fs);
        Assert.Equal("1", Get(disk, "/d/a/f"));
        Assert.Equal(["b", "f"], Names(disk, "/d/a"));
    }

    [Fact]
    public void WhatAFailedFsyncLeftIsNeverWrittenAlthoughProgramsSeeIt()
    {
        var fs = Start();
        var faulty = new FaultFileSystem(fs);
        faulty.Add(new FaultRule { Operations = FileOperations.Sync, Happened = call => fs.LoseUnsynced(call.Path) });
        Write(faulty, "/old", "X", 0);
        Assert.Throws<FileSystemException>(() => FileTree.Sync(faulty, "/old"));
        Write(faulty, "/old", "Y", 1);
        FileTree.Sync(faulty, "/old"); // succeeds, and tells nothing of X
        Assert.Equal("XYd", Get(faulty, "/old"));
        using var disk = Cut(fs);
        Assert.Equal("oYd", Get(disk, "/old"));
    }

    [Fact]
    public void SynchronousWritesNeedNoSync()
    {
        var fs = Start();
        Assert.Equal(Errno.None, fs.Open("/old", OpenFlags.WriteOnly | OpenFlags.DataSync, 0, out var file));
        byte b = (byte)'O';
        Assert.Equal(1, file!.WriteAt(&b, 1, 0));
        using var disk = Cut(fs);
        Assert.Equal("Old", Get(disk, "/old"));
        Assert.Equal(-(int)Errno.EIO, file.WriteAt(&b, 1, 0)); // the power is off
        Assert.Equal(Errno.EIO, fs.Stat("/old", true, out _));
        file.Release();
    }

    [Fact]
    public void AShrunkAndRegrownFileShowsNoOldBytes()
    {
        var fs = Start();
        Assert.Equal(Errno.None, fs.Truncate("/old", 1));
        Write(fs, "/old", "Z", 2);
        Assert.Equal("o\0Z", Get(fs, "/old"));
        FileTree.Sync(fs, "/old");
        using var disk = Cut(fs);
        Assert.Equal("o\0Z", Get(disk, "/old"));
    }

    [Fact]
    public void WriteBackTearsBetweenSectors()
    {
        var content = new MemoryFileSystem();
        Put(content, "/f", new string('-', 8192));
        var fs = new PowerLossFileSystem(content, new PowerLossOptions { Seed = 5, WriteBack = 1 });
        Write(fs, "/f", new string('+', 8192), 0);
        using var disk = Cut(fs);
        string torn = Get(disk, "/f");
        var sectors = Enumerable.Range(0, 16).Select(i => torn.Substring(i * 512, 512).Distinct().ToArray()).ToList();
        Assert.All(sectors, s => Assert.Single(s));
        Assert.Contains(sectors, s => s[0] == '+');
        Assert.Contains(sectors, s => s[0] == '-');
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhateverHappensSyncfsMakesDiskAndCacheEqual(bool namesWithFiles)
    {
        for (int seed = 0; seed < 150; seed++)
        {
            var random = new Random(seed);
            var fs = Start(new PowerLossOptions
            {
                Seed = seed,
                NamesWithFiles = namesWithFiles,
                WriteBack = random.NextDouble(),
                NameWriteBack = random.Next(2) * random.NextDouble() / 2,
            });
            Run(fs, random, 300);
            Assert.Equal(Errno.None, fs.Open("/", OpenFlags.ReadOnly, 0, out var root));
            Assert.Equal(Errno.None, root!.SyncFileSystem());
            root.Release();
            string expected = Dump(fs, "/");
            using var disk = Cut(fs);
            Assert.True(expected == Dump(disk, "/"), $"seed {seed}:\n{expected}\nbecame\n{Dump(disk, "/")}");
            fs.Free();
        }
    }

    [Fact]
    public void ASeedReplaysExactly()
    {
        string? first = null;
        for (int round = 0; round < 2; round++)
        {
            var fs = Start(new PowerLossOptions { Seed = 7, WriteBack = 0.5, NameWriteBack = 0.3 });
            Run(fs, new Random(7), 400);
            using var disk = Cut(fs);
            string dump = Dump(disk, "/");
            Assert.Equal(first ??= dump, dump);
            fs.Free();
        }
    }

    /// <summary>Linux forgets after a failed fsync that there was something to write; the kernel does not.</summary>
    [Theory]
    [InlineData("fsync")]
    [InlineData("fdatasync")]
    public void WhatAFailedFsyncDidNotWriteTheNextOneDoes(string call)
    {
        var fs = Start();
        var faults = new FaultFileSystem(fs);
        faults.Add(new FaultRule { Operations = FileOperations.Sync, Happened = c => fs.LoseUnsynced(c.Path) });
        string text = string.Concat(Enumerable.Range(0, 100_000).Select(i => (char)('a' + (i % 26))));
        var mounts = new MountTable();
        mounts.Mount("/", faults);
        Guest.Run(mounts, g =>
        {
            int fd = g.Create("/new");
            for (int at = 0; at < 700_000; at += text.Length)
            {
                Assert.Equal(text.Length, g.WriteAt(fd, text, at));
            }

            Func<int, int> sync = call == "fsync" ? g.Sync : g.SyncData;
            Assert.Equal(-(int)Errno.EIO, sync(fd));
            Assert.Equal(0, sync(fd));
        });
        using var disk = Cut(fs);
        Assert.Equal(string.Concat(Enumerable.Repeat(text, 7)), Get(disk, "/new"));
    }

    private static PowerLossFileSystem Start(PowerLossOptions? options = null)
    {
        var content = new MemoryFileSystem();
        Put(content, "/old", "old");
        content.MakeDirectory("/d", 0x1C0);
        Put(content, "/d/f", "inner");
        return new PowerLossFileSystem(content, options);
    }

    private static MemoryFileSystem Cut(PowerLossFileSystem fs)
    {
        var disk = fs.CutPower();
        Assert.True(fs.IsOff);
        return disk;
    }

    private static string[] Names(IFileSystem fs, string path) => [.. FileTree.List(fs, path).Select(e => e.Name).Order(StringComparer.Ordinal)];

    private static string Dump(IFileSystem fs, string path) => string.Join('\n', Names(fs, path).Select(name =>
    {
        string below = FileTree.Combine(path, name);
        Assert.Equal(Errno.None, fs.Stat(below, false, out var status));
        return status.IsDirectory ? $"{below}/\n{Dump(fs, below)}" : $"{below} {status.Links} {Get(fs, below)}";
    }));

    /// <summary>Random calls on a small set of names, so that they hit each other.</summary>
    private static void Run(PowerLossFileSystem fs, Random random, int calls)
    {
        string[] directories = ["", "/d", "/e", "/d/e"];
        string Any() => $"{directories[random.Next(directories.Length)]}/{"fgh"[random.Next(3)]}";
        var open = new List<OpenFile>();
        for (int i = 0; i < calls; i++)
        {
            string path = Any();
            switch (random.Next(12))
            {
                case 0:
                    fs.Rename(path, Any());
                    break;
                case 1:
                    fs.Unlink(path);
                    break;
                case 2:
                    fs.Link(path, Any());
                    break;
                case 3:
                    fs.MakeDirectory(directories[random.Next(1, 4)], 0x1C0);
                    break;
                case 4:
                    fs.RemoveDirectory(directories[random.Next(1, 4)]);
                    break;
                case 5:
                    fs.Rename(directories[random.Next(1, 4)], directories[random.Next(1, 4)]);
                    break;
                case 6:
                    fs.Truncate(path, random.Next(2000));
                    break;
                case 7 when fs.Open(random.Next(3) == 0 ? directories[random.Next(1, 4)] : path, OpenFlags.ReadOnly, 0, out var synced) == Errno.None:
                    synced!.Sync(false);
                    synced.Release();
                    break;
                default:
                    var flags = OpenFlags.ReadWrite | OpenFlags.Create | (random.Next(4) == 0 ? OpenFlags.Truncate : 0);
                    if (fs.Open(path, flags, 0x180, out var file) == Errno.None)
                    {
                        byte[] bytes = new byte[random.Next(1, 1500)];
                        Array.Fill(bytes, (byte)random.Next('a', 'z' + 1));
                        fixed (byte* p = bytes)
                        {
                            file!.WriteAt(p, bytes.Length, random.Next(1500));
                        }

                        open.Add(file);
                    }

                    break;
            }

            if (open.Count > 5)
            {
                open[0].Release();
                open.RemoveAt(0);
            }
        }

        open.ForEach(f => f.Release());
    }
}
