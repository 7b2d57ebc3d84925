using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using static Pocketgres.Kernel.Tests.Files.MemoryFileSystemTests;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>Chosen calls fail, and only those.</summary>
public sealed unsafe class FaultFileSystemTests
{
    [Fact]
    public void TheKernelContinuesTransfersThatFallShort()
    {
        using var memory = new MemoryFileSystem();
        var fs = new FaultFileSystem(memory, seed: 7);
        fs.Add(new FaultRule { Partial = true, Count = long.MaxValue, Operations = FileOperations.Read | FileOperations.Write });
        var mounts = new MountTable();
        mounts.Mount("/", fs);
        string text = string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i} "));
        Guest.Run(mounts, g =>
        {
            int fd = g.Create("/f", text); // write(2)
            Assert.Equal(text.Length, g.WriteAt(fd, text, 3));
            Assert.Equal("0 1" + text, g.ReadTextAt(fd, text.Length + 100, 0));
            g.Seek(fd, 0, 0);
            Assert.Equal("0 1" + text, g.ReadText(fd, text.Length + 100));

            // What fails later has come so far, and the next call says why.
            fs.Add(new FaultRule { Operations = FileOperations.Write, First = 3, Count = long.MaxValue, Error = Errno.ENOSPC });
            Assert.InRange(g.WriteAt(fd, text, 0), 2, text.Length - 1);
            Assert.Equal(-51, g.WriteAt(fd, text, 0));
            g.Close(fd);
        });
        Assert.True(fs.Injected > 10);
    }

    [Fact]
    public void TheNthWriteFailsAndWritesNothing()
    {
        using var memory = new MemoryFileSystem();
        var fs = new FaultFileSystem(memory);
        Put(fs, "/f", "....");
        fs.Add(new FaultRule { Operations = FileOperations.Write, First = 2, Error = Errno.ENOSPC });
        Assert.Equal([1, -(int)Errno.ENOSPC, 1], [WriteByte(fs, "/f", 0), WriteByte(fs, "/f", 1), WriteByte(fs, "/f", 2)]);
        Assert.Equal("x.x.", Get(memory, "/f"));
        Assert.Equal(4, fs.CountOf(FileOperations.Write));
        Assert.Equal(1, fs.Injected);
    }

    [Fact]
    public void AnErrorThatStaysIsGoneWhenRepaired()
    {
        using var memory = new MemoryFileSystem();
        var fs = new FaultFileSystem(memory);
        Put(fs, "/f", "....");
        fs.Add(new FaultRule { Operations = FileOperations.Sync, Path = p => p == "/f", Count = long.MaxValue });
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(Errno.EIO, Assert.Throws<FileSystemException>(() => FileTree.Sync(fs, "/f")).Error);
        }

        FileTree.Sync(fs, "/");
        fs.Clear();
        FileTree.Sync(fs, "/f");
    }

    [Fact]
    public void ShortTransfersSayHowMuchWasDone()
    {
        using var memory = new MemoryFileSystem();
        var fs = new FaultFileSystem(memory, seed: 3);
        Put(fs, "/f", "");
        fs.Add(new FaultRule { Operations = FileOperations.Write | FileOperations.Read, Partial = true, Count = long.MaxValue });
        fs.Open("/f", OpenFlags.ReadWrite, 0, out var file);
        byte[] bytes = new byte[1000];
        Array.Fill(bytes, (byte)'y');
        fixed (byte* p = bytes)
        {
            int n = file!.WriteAt(p, 1000, 0);
            Assert.InRange(n, 1, 999);
            Assert.Equal(Errno.None, memory.Stat("/f", true, out var status));
            Assert.Equal(n, status.Size);
            Assert.InRange(file.ReadAt(p, n, 0), 1, n - 1);
        }

        file.Release();
    }

    [Fact]
    public void EveryCallIsSeenOnceWithItsKind()
    {
        using var memory = new MemoryFileSystem();
        var seen = new List<FileOperations>();
        var fs = new FaultFileSystem(memory) { Observer = (call, _) => seen.Add(call.Operation) };
        fs.MakeDirectory("/d", 0x1C0);
        Assert.Equal(Errno.None, fs.Open("/d/f", OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out var file));
        byte b = 1;
        file!.Write(&b, 1);
        file.ReadAt(&b, 1, 0);
        file.Sync(true);
        file.Truncate(5);
        file.Allocate(0, 10);
        file.Release();
        fs.Rename("/d/f", "/d/g");
        fs.ChangeMode("/d/g", 0x100);
        fs.Stat("/d/g", true, out _);
        fs.Unlink("/d/g");
        fs.RemoveDirectory("/d");
        Assert.Equal(
            [
                FileOperations.Create, FileOperations.Open, FileOperations.Write, FileOperations.Read, FileOperations.Sync, FileOperations.Resize,
                FileOperations.Resize, FileOperations.Rename, FileOperations.SetStatus, FileOperations.Look, FileOperations.Remove, FileOperations.Remove,
            ], seen);
        Assert.Equal(seen.Count, fs.CountOf(FileOperations.All));
    }

    [Fact]
    public void AnUnreadableDirectoryIsNotAnEmptyOne()
    {
        using var memory = new MemoryFileSystem();
        var fs = new FaultFileSystem(memory);
        Put(fs, "/f", "");
        fs.Add(new FaultRule { Operations = FileOperations.Look });
        Assert.Throws<FileSystemException>(() => FileTree.List(fs, "/"));
        Assert.Single(FileTree.List(fs, "/"));
    }

    private static int WriteByte(FaultFileSystem fs, string path, long offset)
    {
        Assert.Equal(Errno.None, fs.Open(path, OpenFlags.WriteOnly, 0, out var file));
        byte b = (byte)'x';
        int n = file!.WriteAt(&b, 1, offset);
        file.Release();
        return n;
    }
}
