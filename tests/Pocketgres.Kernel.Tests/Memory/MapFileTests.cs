using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>mmap(2) and munmap(2) of files.</summary>
public sealed unsafe class MapFileTests
{
    private const int Shared = 1, Private = 2, Read = 1, ReadWrite = 3;
    private const int Allocated = TestProgram.Scratch + 0x8000, Address = Allocated + 8;

    [Theory]
    [InlineData("/file")]
    [InlineData("/host/file")]
    public void A_shared_mapping_is_one_memory_for_all_processes_and_the_file(string path)
    {
        string directory = Directory.CreateTempSubdirectory("pocketgres-mmap-").FullName;
        try
        {
            using var kernel = new TestKernel();
            kernel.Mounts.Mount("/host", new HostFileSystem(directory));
            kernel.Run(p =>
            {
                var calls = new Calls(p);
                byte[] content = new byte[100_000];
                new Random(3).NextBytes(content);
                int fd = calls.Create(path, content);
                int a = Map(p, content.Length, ReadWrite, Shared, fd);
                Assert.True(new Span<byte>(p.Memory + a, content.Length).SequenceEqual(content));

                // A child by inheritance, and another that maps the file itself, at another address.
                var inherits = p.Fork("inherits", new GuestState(), c => c.Memory[a + 70_000] = 1);
                var maps = p.Fork("maps", new GuestState(), c =>
                {
                    int other = new Calls(c).Open(path, OpenFlags.ReadWrite);
                    int b = Map(c, content.Length, ReadWrite, Shared, other);
                    Assert.NotEqual(a, b);
                    c.Memory[b + 70_001] = 2;
                    c.Memory[a + 70_002] = 3;
                    Assert.Equal(3, c.Memory[b + 70_002]);
                });
                Assert.Equal(0, p.Kernel.Processes.Wait(p, inherits.Pid));
                Assert.Equal(0, p.Kernel.Processes.Wait(p, maps.Pid));
                Assert.Equal((1, 2, 3), (p.Memory[a + 70_000], p.Memory[a + 70_001], p.Memory[a + 70_002]));

                // Reads and writes of the file are the same bytes.
                p.Files.TryGet(fd, out var file);
                byte* buffer = stackalloc byte[3];
                Assert.Equal(3, file!.ReadAt(buffer, 3, 70_000));
                Assert.Equal([1, 2, 3], new Span<byte>(buffer, 3).ToArray());
                buffer[0] = 9;
                Assert.Equal(1, file.WriteAt(buffer, 1, 5));
                Assert.Equal(9, p.Memory[a + 5]);

                // Unmapped here: private zeros; the file keeps what was written through the mapping, also once it is closed.
                p.Memory[a + 6] = 8;
                Assert.Equal(0, MemoryCalls.Unmap(p.Memory, a, content.Length, ReadWrite, Shared, fd, 0));
                Assert.Equal(0, p.Memory[a + 5]);
                p.Memory[a + 5] = 7;
                Assert.Equal(1, file.ReadAt(buffer, 1, 5));
                Assert.Equal(9, buffer[0]);
                calls.Close(fd);
                fd = calls.Open(path, OpenFlags.ReadOnly);
                Assert.Equal(8, calls.Read(fd, 10, out byte[] start) == 10 ? start[6] : 0);
            });
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Theory]
    [InlineData(ReadWrite, Private)]
    [InlineData(Read, Private)]
    public void A_private_mapping_is_a_copy(int protection, int flags)
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            byte[] content = new byte[5000];
            Array.Fill(content, (byte)1);
            int fd = calls.Create("/file", content);
            int a = Map(p, 6000, protection, flags, fd);
            Assert.True(new Span<byte>(p.Memory + a, 5000).SequenceEqual(content));
            Assert.False(new Span<byte>(p.Memory + a + 5000, 65536 - 5000).ContainsAnyExcept((byte)0));
            p.Memory[a] = 2;
            p.Files.TryGet(fd, out var file);
            byte b;
            Assert.Equal((1, (byte)1), (file!.ReadAt(&b, 1, 0), b));
            Assert.Equal(0, MemoryCalls.Unmap(p.Memory, a, 6000, protection, flags, fd, 0));

            int tail = Map(p, 100, protection, flags, fd, offset: 4096);
            Assert.True(new Span<byte>(p.Memory + tail, 100).SequenceEqual(content.AsSpan(0, 100)));
            int behind = Map(p, 100, protection, flags, fd, offset: 8192);
            Assert.Equal(0, p.Memory[behind]);
        });
    }

    [Fact]
    public void What_cannot_be_mapped_is_refused_and_costs_no_memory()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int fd = calls.Create("/file", new byte[10]);
            int readOnly = calls.Open("/file", OpenFlags.ReadOnly);
            int writeOnly = calls.Open("/file", OpenFlags.WriteOnly);
            int directory = calls.Open("/", OpenFlags.Directory);
            var (pipe, _) = calls.Pipe();
            int before = p.Linker.BreakAddress();
            Assert.Equal(-(int)Errno.EBADF, Map(p, 100, Read, Private, 99));
            Assert.Equal(-(int)Errno.EINVAL, Map(p, 0, Read, Private, fd));
            Assert.Equal(-(int)Errno.EINVAL, Map(p, -5, Read, Private, fd));
            Assert.Equal(-(int)Errno.EINVAL, Map(p, int.MaxValue, Read, Private, fd));
            Assert.Equal(-(int)Errno.EACCES, Map(p, 10, ReadWrite, Shared, readOnly));
            Assert.Equal(-(int)Errno.ENODEV, Map(p, 10, Read, Shared, readOnly)); // it would be read whole
            Assert.Equal(-(int)Errno.EACCES, Map(p, 10, Read, Private, writeOnly));
            Assert.Equal(-(int)Errno.ENODEV, Map(p, 10, ReadWrite, Shared, fd, offset: 4096)); // a limit of this kernel
            Assert.Equal(-(int)Errno.ENODEV, Map(p, 10, Read, Private, directory));
            Assert.Equal(-(int)Errno.ENODEV, Map(p, 10, Read, Private, pipe));
            Assert.Equal(-(int)Errno.ENODEV, Map(p, 10, Read, Private, calls.Socket()));
            Assert.Equal(before, p.Linker.BreakAddress());
        });
    }

    [Fact]
    public void The_memory_of_a_shared_file_goes_with_its_last_user()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int fd = calls.Create("/file", new byte[10]);
            int a = Map(p, 10, ReadWrite, Shared, fd);
            p.Memory[a] = 5;
            calls.Close(fd);
            Assert.Equal(0, DirectoryCalls.Unlink(p.Memory, -100, calls.Text("/file", TestProgram.Scratch), 0));
            p.Memory[a] += 1; // an unlinked, closed file stays mapped
            Assert.Equal(6, p.Memory[a]);
        });
    }

    private static int Map(Process p, int length, int protection, int flags, int fd, long offset = 0)
    {
        int result = MemoryCalls.MapFile(p.Memory, length, protection, flags, fd, offset, Allocated, Address);
        if (result != 0)
        {
            return result;
        }

        Assert.Equal(1, *(int*)(p.Memory + Allocated));
        int address = *(int*)(p.Memory + Address);
        Assert.Equal(0, address % 65536);
        return address;
    }
}
