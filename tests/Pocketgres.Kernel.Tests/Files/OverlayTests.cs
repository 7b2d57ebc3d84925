using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Pocketgres.Kernel.Files.Overlays;
using static Pocketgres.Kernel.Tests.Files.MemoryFileSystemTests;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>An overlay behaves as a copy of what lies below, which stays as it is.</summary>
public sealed unsafe class OverlayTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void SameCallsSameResultsAsOnACopy(int seed)
    {
        const int Before = 3000, After = 6000;
        using var below = new MemoryFileSystem();
        Run(below, seed, Before);
        var untouched = Run(below, 0, 0);
        Assert.True(untouched.Any(r => r.Contains("content", StringComparison.Ordinal)), "there are no files below: it tests nothing");
        using var copy = below.Clone();
        var expected = Run(copy, 100 + seed, After);
        var overlay = new OverlayFileSystem(below);
        var actual = Run(overlay, 100 + seed, After);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.True(expected[i] == actual[i],
                $"step {i} differs\nbefore:\n{string.Join('\n', expected.Skip(Math.Max(0, i - 12)).Take(Math.Min(12, i)))}\ncopy:    {expected[i]}\noverlay: {actual[i]}");
        }

        Assert.Equal(expected.Count, actual.Count);
        Assert.Equal(untouched, Run(below, 0, 0));
        overlay.Free();
        Assert.Equal(0, overlay.LiveChunks);
    }

    [Fact]
    public void OnlyWhatIsWrittenTakesMemory()
    {
        using var below = new MemoryFileSystem();
        Put(below, "/f", new string('a', 100_000));
        var overlay = new OverlayFileSystem(below);
        Assert.Equal(new string('a', 100_000), Get(overlay, "/f"));
        Assert.Equal(0, overlay.UsedBytes);
        Write(overlay, "/f", "bb", 50_000);
        Assert.Equal(8192, overlay.UsedBytes);
        Assert.Equal(new string('a', 50_000) + "bb" + new string('a', 49_998), Get(overlay, "/f"));
        Assert.Equal(new string('a', 100_000), Get(below, "/f"));

        // Cut in the middle of a page and made longer again: zeroes, not what lies below.
        Assert.Equal(Errno.None, overlay.Truncate("/f", 10));
        Assert.Equal(Errno.None, overlay.Truncate("/f", 9000));
        Assert.Equal(new string('a', 10) + new string('\0', 8990), Get(overlay, "/f"));
        overlay.Free();
        Assert.Equal(0, overlay.LiveChunks);
    }

    [Fact]
    public void AnErrorBelowIsAnError()
    {
        using var below = new MemoryFileSystem();
        Put(below, "/f", new string('a', 20_000));
        var faulty = new FaultFileSystem(below);
        var overlay = new OverlayFileSystem(faulty);
        faulty.Add(new FaultRule { Operations = FileOperations.Read, Error = Errno.EIO, Count = long.MaxValue });
        Assert.Equal(Errno.None, overlay.Open("/f", OpenFlags.ReadWrite, 0, out var file));
        byte* page = stackalloc byte[8192];
        Assert.Equal(-(int)Errno.EIO, file!.ReadAt(page, 8192, 0));
        Assert.Equal(-(int)Errno.EIO, file.WriteAt(page, 10, 8192)); // needs the rest of the page
        Assert.Equal(8192, file.WriteAt(page, 8192, 8192));
        Assert.Equal(8192, file.ReadAt(page, 8192, 8192));
        file.Release();

        // Somebody cut the file behind our back.
        faulty.Clear();
        Assert.Equal(Errno.None, below.Truncate("/f", 100));
        Assert.Equal(Errno.None, overlay.Open("/f", OpenFlags.ReadOnly, 0, out file));
        Assert.Equal(-(int)Errno.EIO, file!.ReadAt(page, 8192, 0));
        file.Release();
        overlay.Free();
    }

    /// <summary>Random calls and then everything there is. The file system outlives the kernel, which disposes only what is disposable.</summary>
    private static List<string> Run(IFileSystem files, int seed, int steps)
    {
        var results = new List<string>();
        var mounts = new MountTable();
        mounts.Mount("/", new FaultFileSystem(files));
        Guest.Run(mounts, g =>
        {
            var random = new Random(seed);
            g.Umask(0x12);
            var open = new List<int>();
            for (int i = 0; i < steps; i++)
            {
                results.Add(DifferentialTests.Step(g, random, open));
            }

            DifferentialTests.Dump(g, "/", results);
        });
        return results;
    }
}
