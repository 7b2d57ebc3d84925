using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

public class DescriptorTests
{
    [Fact]
    public void TheLowestFreeDescriptorIsTaken() => Places.Run(Place.Memory, g =>
    {
        Assert.Equal(0, g.Create("/a"));
        Assert.Equal(1, g.Create("/b"));
        Assert.Equal(2, g.Duplicate(0));
        Assert.Equal(0, g.Close(1));
        Assert.Equal(1, g.Create("/c"));
        Assert.Equal(10, g.Control(0, 0, 10)); // F_DUPFD
        Assert.Equal(11, g.Control(0, 0, 10));
        Assert.Equal(3, g.Duplicate(0));
        Assert.Equal(20, g.DuplicateTo(0, 20));
        Assert.Equal(-28, g.DuplicateTo(0, 0));
        Assert.Equal(-8, g.DuplicateTo(99, 5));
        Assert.Equal(-8, g.DuplicateTo(0, 100_000));
        Assert.Equal(-28, g.Control(0, 0, 100_000));
        Assert.Equal(-8, g.Duplicate(-1));
        Assert.Equal(-8, g.Control(99, 3));
        Assert.Equal(-28, g.Control(0, 99));
        Assert.Equal(7, g.Files.Count);
    });

    [Fact]
    public void DuplicatesShareTheOffset() => Places.Run(Place.Memory, g =>
    {
        int a = g.Create("/f", "0123456789"), b = g.Duplicate(a), other = g.Open("/f");
        g.Seek(a, 3, 0);
        Assert.Equal("345", g.ReadText(b, 3));
        Assert.Equal(6, g.Seek(a, 0, 1));
        Assert.Equal("012", g.ReadText(other, 3));
        g.Close(a);
        Assert.Equal("6", g.ReadText(b, 1));
        Assert.Equal(b, g.DuplicateTo(other, b)); // closes what b was
        Assert.Equal("3", g.ReadText(b, 1));
    });

    [Fact]
    public void DescriptorsRunOut()
    {
        var table = new FileDescriptorTable(limit: 4);
        using var fs = new MemoryFileSystem();
        MemoryFileSystemTests.Put(fs, "/f", "x");
        fs.Open("/f", OpenFlags.ReadOnly, 0, out var file);
        Assert.Equal(0, table.Add(file!));
        for (int i = 1; i < 4; i++)
        {
            Assert.Equal(i, table.Duplicate(0));
        }

        Assert.Equal(-(int)Errno.EMFILE, table.Duplicate(0));
        fs.Open("/f", OpenFlags.ReadOnly, 0, out var extra);
        Assert.Equal(-(int)Errno.EMFILE, table.Add(extra!)); // and extra is closed
        fs.Unlink("/f");
        Assert.Equal(1, fs.LiveChunks);
        table.CloseAll();
        Assert.Equal((0, 0), (table.Count, (int)fs.LiveChunks));
    }

    [Fact]
    public void ForkSharesDescriptions()
    {
        using var fs = new MemoryFileSystem();
        MemoryFileSystemTests.Put(fs, "/f", "abc");
        fs.Open("/f", OpenFlags.ReadOnly, 0, out var file);
        var parent = new FileDescriptorTable();
        parent.Add(file!);
        var child = parent.Fork();
        Assert.True(child.TryGet(0, out var inherited));
        Assert.Same(file, inherited);
        parent.Close(0);
        fs.Unlink("/f");
        Assert.Equal(1, fs.LiveChunks); // the child still has it
        Assert.Equal(0, parent.Duplicate(0) + (int)Errno.EBADF);
        child.CloseAll();
        Assert.Equal(0, fs.LiveChunks);
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(40)]
    [InlineData(700)]
    public void ForkKeepsTheHighestDescriptorAndRoomForMore(int highest)
    {
        using var fs = new MemoryFileSystem();
        MemoryFileSystemTests.Put(fs, "/f", "abc");
        fs.Open("/f", OpenFlags.ReadOnly, 0, out var file);
        var parent = new FileDescriptorTable();
        parent.Add(file!);
        parent.Duplicate(0, highest, OpenFlags.ReadOnly);
        parent.Duplicate(0, 1000, OpenFlags.ReadOnly); // closed before the fork: the table was larger than what is copied
        parent.Close(1000);
        var child = parent.Fork();
        foreach (var table in (FileDescriptorTable[])[parent, child])
        {
            Assert.True(table.TryGet(highest, out var kept));
            Assert.Same(file, kept);
            Assert.False(table.TryGet(1000, out _));
            Assert.Equal(1000, table.Duplicate(highest, 1000, OpenFlags.ReadOnly));
            Assert.Equal(1, table.Duplicate(0));
            Assert.Equal(4, table.Count);
        }

        fs.Unlink("/f");
        parent.CloseAll();
        Assert.Equal(1, fs.LiveChunks);
        child.CloseAll();
        Assert.Equal(0, fs.LiveChunks);
    }

    [Fact]
    public void FlagsAreKeptWhereTheyBelong() => Places.Run(Place.Memory, g =>
    {
        int a = g.Open("/f", OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.CloseOnExec | OpenFlags.Append);
        int b = g.Duplicate(a);
        Assert.Equal(1, g.Control(a, 1)); // F_GETFD: per descriptor
        Assert.Equal(0, g.Control(b, 1));
        Assert.Equal(0, g.Control(b, 2, 1));
        Assert.Equal(1, g.Control(b, 1));
        Assert.Equal((int)(OpenFlags.ReadWrite | OpenFlags.Append), g.Control(a, 3)); // F_GETFL: per description
        Assert.Equal(0, g.Control(a, 4, (int)(OpenFlags.NonBlocking | OpenFlags.WriteOnly)));
        Assert.Equal((int)(OpenFlags.ReadWrite | OpenFlags.NonBlocking), g.Control(b, 3));
        Assert.Equal(0, g.Control(a, 13));
        Assert.Equal(1, g.Control(g.Control(a, 1030, 5), 1)); // F_DUPFD_CLOEXEC
    });

    [Fact]
    public void PipesCarryBytesAndEnd() => Places.Run(Place.Memory, g =>
    {
        Assert.Equal(0, g.Pipe(out int r, out int w));
        Assert.Equal(5, g.Write(w, "hello"));
        Assert.Equal("hel", g.ReadText(r, 3));
        Assert.Equal("lo", g.ReadText(r));
        Assert.Equal(-8, g.Write(r, "x"));
        Assert.Equal(-8, g.Read(w, 1, out _));
        Assert.Equal(-70, g.Seek(r, 0, 0));
        Assert.Equal(-70, g.ReadAt(r, 1, 0, out _));
        Assert.Equal(0, g.Stat(r, out var s));
        Assert.Equal(0x1000, s.Type);
        g.Close(w);
        Assert.Equal("", g.ReadText(r));
        Assert.Equal(0, g.Pipe(out r, out w, OpenFlags.NonBlocking));
        Assert.Equal(-6, g.Read(r, 1, out _));
        int n, total = 0;
        while ((n = g.Write(w, new string('x', 8192))) > 0)
        {
            total += n;
        }

        Assert.Equal(-6, n);
        Assert.Equal(65536, total);
        g.Close(r);
        Assert.Equal(Signal.Pipe, Assert.Throws<ExitException>(() => g.Write(w, "x")).Status); // to a program with a handler, or that ignores it, EPIPE
        Assert.Equal(-28, g.Pipe(out _, out _, OpenFlags.Create));
    });

    [Fact]
    public void ABlockedReaderLetsTheWriterRun()
    {
        var mounts = new MountTable();
        mounts.Mount("/", new MemoryFileSystem());
        using var kernel = new PosixKernel(new KernelOptions(), mounts);
        var ends = new FileDescriptorTable();
        Assert.Equal(Errno.None, Pipe.Create(0, out var r, out var w));
        ends.Add(r!);
        ends.Add(w!);
        var writerEnds = ends.Fork();
        string big = string.Concat(Enumerable.Range(0, 60_000).Select(i => $"{i},"));
        var reader = Guest.Start(kernel, g =>
        {
            g.Close(1);
            var all = new System.Text.StringBuilder();
            for (string piece; (piece = g.ReadText(0, 50_000)).Length > 0;)
            {
                all.Append(piece);
            }

            Assert.Equal(big, all.ToString());
        }, ends);
        var writer = Guest.Start(kernel, g =>
        {
            g.Close(0);
            Assert.Equal(big.Length, g.Write(1, big)); // five times what the pipe holds: blocks until the reader made room
        }, writerEnds);
        writer();
        reader();
    }

    [Fact]
    public void HostFifosBlockLikeFifos()
    {
        using var places = new Places(Place.Host);
        string path = System.IO.Path.Combine(places.RootDirectory!, "fifo");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", path))
        {
            mkfifo.WaitForExit();
            Assert.Equal(0, mkfifo.ExitCode);
        }

        var written = new TaskCompletionSource();
        var writer = Task.Run(() =>
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Write); // blocks until the guest opened
            stream.Write("through"u8);
            stream.Flush();
            written.SetResult();
        });
        Guest.Run(places.Mounts, g =>
        {
            int fd = g.Open("/fifo");
            Assert.Equal("through", g.ReadText(fd, 7));
            g.Process.EnterBlocking();
            writer.Wait();
            g.Process.LeaveBlocking();
            Assert.Equal("", g.ReadText(fd, 7)); // the writer is gone
            Assert.Equal(-70, g.Seek(fd, 0, 0));
            Assert.Equal(0, g.DescriptorStatus(fd).Type);
        });
        Assert.True(written.Task.IsCompleted);
    }

    [Fact]
    public void DevicesDoTheirDuty()
    {
        var output = new List<string>();
        using var places = new Places(Place.Memory);
        places.Mounts.Mount("/dev", new DeviceFileSystem(
            b => output.Add("out:" + System.Text.Encoding.UTF8.GetString(b)), b => output.Add("err:" + System.Text.Encoding.UTF8.GetString(b))));
        using var kernel = new PosixKernel(new KernelOptions(), places.Mounts);
        Guest.Start(kernel, g =>
        {
            Assert.Equal("", g.ReadText(0));
            Assert.Equal(2, g.Write(1, "to"));
            Assert.Equal(3, g.Write(2, "err"));
            Assert.Equal(-8, g.Read(1, 1, out _));
            int fd = g.Open("/dev/stdout", OpenFlags.WriteOnly);
            Assert.Equal(4, g.Write(fd, "more"));
            fd = g.Open("/dev/null", OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate);
            Assert.Equal(1000, g.Write(fd, new string('x', 1000)));
            Assert.Equal("", g.ReadText(fd));
            fd = g.Open("/dev/zero");
            Assert.Equal(new string('\0', 100), g.ReadText(fd, 100));
            fd = g.Open("/dev/full", OpenFlags.WriteOnly);
            Assert.Equal(-51, g.Write(fd, "x"));
            fd = g.Open("/dev/urandom");
            Assert.NotEqual(g.ReadText(fd, 16), g.ReadText(fd, 16));
            Assert.Equal(-60, g.Open("/dev/tty", OpenFlags.ReadWrite));
            Assert.Equal(0, g.Stat("/dev/tty", out var s));
            Assert.Equal(0x2000, s.Type);
            int file = g.Create("/f", "0123");
            g.Seek(file, 2, 0);
            int again = g.Open($"/dev/fd/{file}");
            Assert.Equal("23", g.ReadText(again)); // the same description
            Assert.Equal(-44, g.Open("/dev/fd/999"));
            Assert.Equal(-44, g.Open("/dev/none"));
            Assert.Equal(-2, g.Open("/dev/new", OpenFlags.WriteOnly | OpenFlags.Create));
            Assert.Contains("null:2", g.List("/dev"));
            Assert.NotEqual(2, g.DescriptorStatus(1).Type); // isatty(1) is false
            Assert.NotEqual(0, g.DescriptorStatus(g.Open("/dev/null")).Rights & 4); // so it is for /dev/null
        }, places.Mounts.StandardDescriptors())();
        Assert.Equal(["out:to", "err:err", "out:more"], output);
    }

    [Fact]
    public void ForeignFilesLookForeign()
    {
        using var places = new Places(Place.Host);
        string path = System.IO.Path.Combine(places.RootDirectory!, "theirs");
        File.WriteAllText(path, "");
        using (var chown = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("chown", ["12345", path]) { RedirectStandardError = true })!)
        {
            chown.WaitForExit();
            if (chown.ExitCode != 0)
            {
                return; // only the superuser can make this situation
            }
        }

        Guest.Run(places.Mounts, g =>
        {
            Assert.Equal(0, g.Stat("/theirs", out var s));
            Assert.Equal(12345, s.User);
            g.CreateClosed("/ours");
            Assert.Equal(0, g.Stat("/ours", out s));
            Assert.Equal(0, s.User);
        });
    }

    [Fact]
    public void NamesNeedNotBeText()
    {
        using var places = new Places(Place.Host);
        byte[] name = [(byte)'n', 0xFF, 0xC3, 0xA9, 0x80];
        string text = PathEncoding.Decode(name);
        Assert.Equal("n\uDCFFé\uDC80", text);
        Assert.Equal(name, PathEncoding.Encode(text));
        Assert.Equal(5, PathEncoding.ByteCount(text));
        MemoryFileSystemTests.Put(places.Root, "/" + text, "odd");
        places.Root.Open("/", OpenFlags.Directory, 0, out var directory);
        Assert.Equal(Errno.None, directory!.ReadDirectory(out var entries));
        Assert.Contains(entries, e => e.Name == text);
        directory.Release();
        Assert.Equal("odd", MemoryFileSystemTests.Get(places.Root, "/" + text));
        Assert.Equal(Errno.None, places.Root.Unlink("/" + text)); // .NET could not delete it by name
        Assert.Equal("\uD83D\uDE00", PathEncoding.Decode("😀"u8));
        Assert.Equal(4, PathEncoding.ByteCount("😀"));
    }
}
