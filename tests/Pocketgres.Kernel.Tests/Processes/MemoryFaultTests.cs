using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Accesses to memory that a process has not: its crash, and nobody else's.</summary>
public sealed unsafe class MemoryFaultTests
{
    private const long Size = TestProgram.Pages * 65536L;

    /// <summary>The one test of what is relied upon of .NET itself: when this fails with a new runtime, the rest will.</summary>
    [Fact]
    public void The_runtime_makes_a_null_reference_of_a_fault_in_the_arena()
    {
        byte* region = AddressArena.Reserve();
        try
        {
            Assert.Null(AddressArena.LastFault(region));
            Assert.Throws<NullReferenceException>(() => *(int*)(region + 0x7654_3210));
            Assert.Equal((Signal.SegmentationFault, 0x7654_3210 - 0x10_0000), (AddressArena.LastFault(region)!.Signal, AddressArena.LastFault(region)!.Address));
            AddressArena.ForgetFault(region);
            Assert.Null(AddressArena.LastFault(region));
            string? nothing = Environment.GetEnvironmentVariable("POCKETGRES_NO_SUCH_VARIABLE");
            Assert.Throws<NullReferenceException>(() => nothing!.Length); // one of .NET's own leaves no trace
            Assert.Null(AddressArena.LastFault(region));
        }
        finally
        {
            AddressArena.Release(region);
        }
    }

    [Fact]
    public void A_thousand_random_loads_and_stores_end_a_thousand_processes_while_others_compute()
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        using var other = new TestKernel();
        bool stop = false;
        long rounds = 0;
        var neighbours = new[] { kernel, other }.Select(k => (Kernel: k, Process: k.Start(p =>
        {
            for (int i = 0; !Volatile.Read(ref stop); i++)
            {
                *(int*)(p.Memory + TestProgram.Scratch) = i;
                TestKernel.CheckInterrupts(p);
                Assert.Equal(i, *(int*)(p.Memory + TestProgram.Scratch));
                Interlocked.Increment(ref rounds);
            }
        }))).ToList();
        var random = new Random(5);
        for (int i = 0; i < 250; i++)
        {
            var some = new (Process Process, long Address)[4];
            for (int k = 0; k < some.Length; k++)
            {
                uint address = (uint)random.NextInt64(Size, uint.MaxValue + 1L);
                string function = k % 2 == 0 ? "load" : "store";
                some[k] = (kernel.Start(p =>
                {
                    if (function == "load")
                    {
                        _ = ((delegate*<byte*, int, int>)p.Export(function))(p.Memory, (int)address);
                    }
                    else
                    {
                        ((delegate*<byte*, int, int, void>)p.Export(function))(p.Memory, (int)address, 1);
                    }
                }), address);
            }

            foreach (var (process, _) in some)
            {
                Assert.Equal(Signal.SegmentationFault, kernel.Finish(process));
            }

            foreach (var (process, address) in some)
            {
                var fault = Assert.IsType<MemoryFaultException>(kernel.Crashes.Single(c => c.Process == process).Exception);
                Assert.Equal((Signal.SegmentationFault, address), (fault.Signal, fault.Address));
                Assert.Contains("ktest_program", fault.ToString(), StringComparison.Ordinal); // the stack names the translated function
            }

            kernel.Crashes.Clear();
        }

        long before = Interlocked.Read(ref rounds);
        Eventually.Holds(() => Interlocked.Read(ref rounds) > before);
        Volatile.Write(ref stop, true);
        neighbours.ForEach(n => Assert.Equal(0, n.Kernel.Finish(n.Process)));
    }

    [Theory]
    [InlineData("load_far", -1, 0, 0)] // the farthest address that can be formed: 4 GiB - 1 plus as much of offset
    [InlineData("copy", TestProgram.Scratch, 0x7000_0000, 100_000)] // the C library would do these
    [InlineData("copy", 0x7000_0000, TestProgram.Scratch, 100_000)]
    [InlineData("copy", TestProgram.Scratch, TestProgram.Scratch, -1)]
    [InlineData("copy", TestProgram.Scratch, 0x7000_0000, 65)]
    [InlineData("copy", TestProgram.Scratch, 0x7000_0000, 40)]
    [InlineData("fill", 0x7000_0000, 0, 100_000)]
    [InlineData("fill", 0x7000_0000, 1, 100_000)]
    [InlineData("fill", TestProgram.Scratch, 0, -1)]
    [InlineData("fill", TestProgram.Scratch, 1, -1)]
    public void Whatever_the_access_is(string function, int first, int second, int third)
    {
        using var kernel = new TestKernel { CrashesAreExpected = true };
        Assert.Equal(Signal.SegmentationFault, kernel.Finish(kernel.Start(p =>
        {
            if (function == "load_far")
            {
                _ = ((delegate*<byte*, int, int>)p.Export(function))(p.Memory, first);
            }
            else
            {
                ((delegate*<byte*, int, int, int, void>)p.Export(function))(p.Memory, first, second, third);
            }
        })));
        Assert.IsType<MemoryFaultException>(Assert.Single(kernel.Crashes).Exception);
    }

    [Fact]
    public void Ranges_that_end_where_memory_ends_are_there()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var copy = (delegate*<byte*, int, int, int, void>)p.Export("copy");
            copy(p.Memory, (int)Size - 100_000, TestProgram.Scratch, 100_000);
            copy(p.Memory, TestProgram.Scratch, (int)Size - 100_000, 100_000);
            ((delegate*<byte*, int, int, int, void>)p.Export("fill"))(p.Memory, (int)Size - 100_000, 7, 100_000);
            Assert.Equal(7, p.Memory[Size - 1]);
            Assert.True(LinearMemory.Contains(p.Memory, (int)Size - 1, 1));
            Assert.False(LinearMemory.Contains(p.Memory, (int)Size - 1, 2));
            Assert.False(LinearMemory.Contains(p.Memory, -1, 1));
        });
    }

    [Fact]
    public void A_mapped_file_that_became_shorter_is_SIGBUS()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[100_000]);
            using var kernel = new TestKernel { CrashesAreExpected = true };
            Assert.Equal(Signal.BusError, kernel.Finish(kernel.Start(p =>
            {
                using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
                {
                    AddressSpace.MapAt(p.Memory + TestProgram.HeapStart, 65536, Libc.MapShared | Libc.MapFixed, (int)file.DangerousGetHandle(), 0);
                }

                using (var file = new FileStream(path, FileMode.Open))
                {
                    file.SetLength(0);
                }

                _ = ((delegate*<byte*, int, int>)p.Export("load"))(p.Memory, TestProgram.HeapStart + 4096);
            })));
            var fault = Assert.IsType<MemoryFaultException>(Assert.Single(kernel.Crashes).Exception);
            Assert.Equal((Signal.BusError, TestProgram.HeapStart + 4096), (fault.Signal, fault.Address));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void System_calls_answer_EFAULT()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            const int wild = 0x7000_0000, vector = TestProgram.Scratch + 0x20000, fault = (int)Errno.EFAULT;
            var calls = new Calls(p);
            int fd = calls.Create("/file", new byte[100_000]);
            byte* m = p.Memory;
            foreach (int count in new[] { 1, 2 })
            {
                for (int i = 0; i < count; i++)
                {
                    *(int*)(m + vector + (8 * i)) = i == count - 1 ? wild : TestProgram.Scratch;
                    *(int*)(m + vector + (8 * i) + 4) = 50_000;
                }

                Assert.Equal(fault, TransferCalls.ReadAt(m, fd, vector, count, 0, vector + 64));
                Assert.Equal(fault, TransferCalls.WriteAt(m, fd, vector, count, 0, vector + 64));
            }

            Assert.Equal(0, TransferCalls.Seek(m, fd, 0, 0, vector + 64));
            Assert.Equal(fault, TransferCalls.Read(m, fd, wild, 1, vector + 64));
            *(int*)(m + vector) = wild;
            Assert.Equal(fault, TransferCalls.Read(m, fd, vector, 1, vector + 64));
            Assert.Equal(fault, TransferCalls.Write(m, fd, vector, 1, vector + 64));

            int socket = calls.Listen("127.0.0.1", 0, out int port);
            Assert.Equal(-fault, Sockets.ReceiveFrom(m, socket, wild, 100_000, 0, 0, 0));
            Assert.Equal(-fault, Sockets.SendTo(m, socket, wild, 100_000, 0, 0, 0));
            Assert.Equal(-fault, Sockets.SendTo(m, socket, TestProgram.Scratch, -1, 0, 0, 0));
            Assert.Equal(-fault, Sockets.Bind(m, socket, wild, 16, 0, 0, 0));
            Assert.Equal(-fault, PollCalls.Poll(m, wild, 1, 0));
            Assert.Equal(fault, ProcessCalls.RandomGet(m, wild, 100));
            Assert.Equal(-fault, DirectoryCalls.WorkingDirectory(m, wild, 4096));
        });
    }

    [Fact]
    public void Regions_are_used_again_and_forget_faults()
    {
        byte* first = AddressArena.Reserve();
        Assert.Throws<NullReferenceException>(() => *(first + 12345));
        AddressArena.Release(first);
        byte* second = AddressArena.Reserve();
        try
        {
            Assert.True(first == second || AddressArena.InUse > 1); // others may take it meanwhile
            Assert.Null(AddressArena.LastFault(second));
        }
        finally
        {
            AddressArena.Release(second);
        }
    }
}
