using System.Diagnostics;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Programs;

/// <summary>Programs of 64-bit addresses: pointers of 8 bytes, structures of LP64, up to 4 GiB, and the system calls that only such programs import.</summary>
public sealed unsafe class Program64Tests
{
    private const int Scratch = TestProgram64.Scratch;

    [Fact]
    public void Arguments_and_environment_are_pointers_of_8_bytes()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Finish(kernel.Start((p, argc, argv) =>
        {
            long* pointers = (long*)(p.Memory + argv);
            Assert.Equal(2, argc);
            Assert.Equal(["first", "second"], [CString.Read(p.Memory, (int)pointers[0]), CString.Read(p.Memory, (int)pointers[1])]);
            Assert.Equal(0, pointers[2]);

            long* sizes = (long*)(p.Memory + Scratch);
            sizes[0] = sizes[1] = -1;
            Assert.Equal(0, ProcessCalls.EnvironmentSizes(p.Memory, Scratch, Scratch + 8));
            Assert.Equal((2L, 8L), (sizes[0], sizes[1]));
            Assert.Equal(0, ProcessCalls.EnvironmentGet(p.Memory, Scratch, Scratch + 64));
            Assert.Equal((Scratch + 64L, Scratch + 68L), (sizes[0], sizes[1]));
            Assert.Equal("C=D", CString.Read(p.Memory, (int)sizes[1]));
        }, arguments: ["first", "second"], environment: ["A=B", "C=D"]));
    }

    [Fact]
    public void Structures_have_the_layouts_of_LP64()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            var calls = new Calls(p);
            int fd = calls.Open("/file", OpenFlags.ReadWrite | OpenFlags.Create);
            long* vector = (long*)(m + Scratch); // struct iovec
            (vector[0], vector[1], vector[2], vector[3], vector[8]) = (Scratch + 256, 3, Scratch + 512, 4, -1);
            "abc"u8.CopyTo(new Span<byte>(m + Scratch + 256, 3));
            "defg"u8.CopyTo(new Span<byte>(m + Scratch + 512, 4));
            Assert.Equal(0, TransferCalls.Write(m, fd, Scratch, 2, Scratch + 64));
            Assert.Equal(7, vector[8]);
            new Span<byte>(m + Scratch + 256, 3).Clear();
            vector[8] = -1;
            Assert.Equal(0, TransferCalls.ReadAt(m, fd, Scratch, 1, 2, Scratch + 64));
            Assert.Equal(3, vector[8]);
            Assert.Equal("cde"u8, new Span<byte>(m + Scratch + 256, 3));

            Assert.Equal(0, StatusCalls.StatDescriptor(m, fd, Scratch)); // struct stat, 104 bytes
            Assert.Equal((TestProgram64.UserId, TestProgram64.UserId), (*(int*)(m + Scratch + 16), *(int*)(m + Scratch + 20)));
            Assert.Equal(1, *(long*)(m + Scratch + 8));
            Assert.Equal(7, *(long*)(m + Scratch + 32));
            Assert.InRange(*(long*)(m + Scratch + 64), DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 600, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            Assert.NotEqual(0, *(long*)(m + Scratch + 96));

            calls.Text("/", Scratch);
            Assert.Equal(0, StatusCalls.StatFileSystem(m, Scratch, 120, Scratch + 64)); // struct statfs, 120 bytes
            Assert.Equal(*(long*)(m + Scratch + 64 + 8), *(long*)(m + Scratch + 64 + 72));
            Assert.Equal(255, *(long*)(m + Scratch + 64 + 64));

            new Span<byte>(m + Scratch, 64).Fill(0xEE);
            Assert.Equal(0, TimeCalls.GmTime(m, 86400, Scratch)); // struct tm: tm_gmtoff at 40
            Assert.Equal((2, 0L), (*(int*)(m + Scratch + 12), *(long*)(m + Scratch + 40)));
            Assert.Equal(86400, TimeCalls.MakeTime(m, Scratch));

            calls.Text("127.0.0.1", Scratch);
            Assert.Equal(0, NameCalls.GetAddressInfo(m, Scratch, 0, 0, Scratch + 64)); // struct addrinfo: ai_addr at 24
            byte* info = m + *(long*)(m + Scratch + 64);
            Assert.Equal((2, 16), (*(int*)(info + 4), *(int*)(info + 16)));
            Assert.Equal(127, (m + *(long*)(info + 24))[4]);
            Assert.Equal((0L, 0L), (*(long*)(info + 32), *(long*)(info + 40)));
        });
    }

    [Fact]
    public void Memory_beyond_2_GiB_is_inherited_and_used_in_calls()
    {
        const uint high = 0xC000_0000;
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            var load = (delegate*<byte*, long, long>)p.Export("load");
            if (argc == 0)
            {
                Assert.Equal(0x1122334455667788, load(p.Memory, high));
                throw ExitException.WithCode(7);
            }

            var grow = (delegate*<byte*, long, long>)p.Export("grow");
            Assert.Equal(64, grow(p.Memory, (0xD000_0000L >> 16) - 64));
            Assert.Equal(-1, grow(p.Memory, 0x10000));
            Assert.Equal(1L << 32, MemoryCalls.HeapMaximum64(p.Memory));
            *(long*)(p.Memory + TestProgram64.BreakVariable) = 0xC001_0000;
            ((delegate*<byte*, long, long, void>)p.Export("store"))(p.Memory, high, 0x1122334455667788);
            Assert.Equal(7 << 8, WaitFor(p, ChildCalls.Fork(p.Memory, TestProgram64.ChildSlot, 0)));

            var calls = new Calls(p);
            int fd = calls.Open("/file", OpenFlags.ReadWrite | OpenFlags.Create);
            long* vector = (long*)(p.Memory + high + 64);
            (vector[0], vector[1]) = (high + 8, 8);
            Assert.Equal(0, TransferCalls.Write(p.Memory, fd, unchecked((int)(high + 64)), 1, Scratch));
            vector[0] = high + 128;
            Assert.Equal(0, TransferCalls.ReadAt(p.Memory, fd, unchecked((int)(high + 64)), 1, 0, Scratch));
            Assert.Equal(0x1122334455667788, load(p.Memory, high + 120));
        }));
    }

    [Fact]
    public void Children_share_mapped_memory_and_are_waited_for()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            if (argc == 0)
            {
                int parent = ChildCalls.GetParentId(p.Memory);
                *(int*)(p.Memory + (uint)argument) = parent;
                throw ExitException.WithCode(3);
            }

            long block = MappingCalls.Map(p.Memory, 0, 100000, 3, 0x21, -1, 0);
            Assert.True(block > 0 && block % 65536 == 0);
            Assert.Equal(0, ChildCalls.WaitForChild(p.Memory, -1, 0, 1) is var none && none == -(int)Errno.ECHILD ? 0 : 1);
            int child = ChildCalls.Fork(p.Memory, TestProgram64.ChildSlot, (int)block);
            Assert.Equal(3 << 8, WaitFor(p, child));
            Assert.Equal(ChildCalls.GetProcessId(p.Memory), *(int*)(p.Memory + block));

            long own = MappingCalls.Map(p.Memory, 0, 70000, 3, 0x22, -1, 0); // private
            *(long*)(p.Memory + own) = 5;
            Assert.Equal(0, MappingCalls.Synchronise(p.Memory, (int)block, 100000, 4));
            Assert.Equal(0, MappingCalls.Unmap(p.Memory, (int)block, 100000));
            Assert.Equal(0, *(long*)(p.Memory + block));
            Assert.Equal(-(int)Errno.EINVAL, MappingCalls.Map(p.Memory, 0, -1L, 3, 0x21, -1, 0));
            Assert.Equal(-(int)Errno.EINVAL, MappingCalls.Unmap(p.Memory, 4, 4));
        }));
    }

    [Fact]
    public void A_wait_at_an_address_ends_when_it_is_notified()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            var wait = (delegate*<byte*, long, int, long, int>)p.Export("wait");
            var notify = (delegate*<byte*, long, int, int>)p.Export("notify");
            if (argc == 0)
            {
                // Tells that it is about to wait, then waits for the value to become 1.
                *(int*)(p.Memory + argument + 8) = 1;
                while (*(int*)(p.Memory + argument) == 0)
                {
                    Assert.InRange(wait(p.Memory, argument, 0, -1), 0, 1);
                }

                throw ExitException.WithCode(0);
            }

            int block = (int)MappingCalls.Map(p.Memory, 0, 65536, 3, 0x21, -1, 0);
            Assert.Equal(1, wait(p.Memory, block, 5, -1)); // another value
            Assert.Equal(2, wait(p.Memory, block, 0, 1_000_000)); // time-out
            Assert.Equal(0, notify(p.Memory, block, 1)); // nobody waits
            int[] children = [ChildCalls.Fork(p.Memory, TestProgram64.ChildSlot, block), ChildCalls.Fork(p.Memory, TestProgram64.ChildSlot, block)];
            int woken = 0;
            *(int*)(p.Memory + block) = 0;
            while (woken < 2)
            {
                p.Yield();
                woken += notify(p.Memory, block, 1); // with the value unchanged: they wait again
            }

            *(int*)(p.Memory + block) = 1;
            notify(p.Memory, block, -1);
            Assert.Equal([0, 0], children.Select(c => WaitFor(p, c)));
        }));
    }

    [Fact]
    public void Signals_are_handled_in_a_wait_at_an_address_and_end_a_sleep()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        int handled = 0;
        var process = kernel.Start((p, argc, argument) =>
        {
            if (argc == 0)
            {
                var wait = (delegate*<byte*, long, int, long, int>)p.Export("wait");
                wait(p.Memory, Scratch, 0, -1);
                Assert.Fail("nobody notifies");
            }

            int child = ChildCalls.Fork(p.Memory, TestProgram64.ChildSlot, 0);
            Assert.Equal(0, ChildCalls.Kill(p.Memory, child, Signal.Terminate));
            Assert.Equal(9 << 8, WaitFor(p, child));
            Assert.Equal(-(int)Errno.ESRCH, ChildCalls.Kill(p.Memory, child, 0));
            Assert.Equal(0, ChildCalls.Kill(p.Memory, p.Pid, Signal.User1));
            Assert.Equal(1, handled);

            p.SetAlarm(1);
            Assert.Equal(-(int)Errno.EINTR, ChildCalls.Sleep(p.Memory, 1000, 0));
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, ChildCalls.Sleep(p.Memory, 0, 2_000_000));
            Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(2));
            Assert.Equal(-(int)Errno.EINVAL, ChildCalls.Sleep(p.Memory, 0, 1_000_000_000));
        }, (p, signal) =>
        {
            handled += signal == Signal.User1 ? 1 : 0;
            if (signal == Signal.Terminate)
            {
                throw ExitException.WithCode(9);
            }
        });
        kernel.Finish(process);
    }

    [Fact]
    public void Limits_and_usage()
    {
        using var kernel = new TestKernel(TestProgram64.Instance);
        kernel.Run(p =>
        {
            long* limit = (long*)(p.Memory + Scratch);
            Assert.Equal(0, LimitCalls.Limit(p.Memory, 0, 3, 0, Scratch));
            Assert.Equal((TestProgram64.StackTop, TestProgram64.StackTop), (limit[0], limit[1]));
            Assert.Equal(0, LimitCalls.Limit(p.Memory, 0, 7, 0, Scratch));
            Assert.Equal(p.Files.Limit, limit[0]);
            Assert.Equal(0, LimitCalls.GetLimit(p.Memory, 3, Scratch));
            Assert.Equal(TestProgram64.StackTop, limit[0]);
            Assert.Equal((1, true), (TimeCalls.IsMonotonic(p.Memory), TimeCalls.Resolution(p.Memory) >= 1));
            Assert.Equal(0, DescriptorCalls.CreatePipe(p.Memory, Scratch));
            Assert.True(((int*)limit)[0] >= 0 && ((int*)limit)[1] > ((int*)limit)[0]);
            Assert.Equal(-(int)Errno.EPERM, LimitCalls.Limit(p.Memory, 0, 7, Scratch, 0));
            long end = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 50);
            while (Stopwatch.GetTimestamp() < end)
            {
                // uses processor time
            }

            Assert.Equal(0, LimitCalls.Usage(p.Memory, 0, Scratch));
            Assert.True(limit[0] + limit[1] + limit[2] + limit[3] > 0);
            Assert.Equal(0, LimitCalls.Name(p.Memory, Scratch));
            Assert.Equal("wasm64", CString.Read(p.Memory, Scratch + (4 * 65)));
            Assert.Equal(TestProgram64.UserId, ProcessCalls.GetUserId(p.Memory));
        });
    }

    private static int WaitFor(Process parent, int child)
    {
        Assert.True(child > 0, $"fork: {child}");
        Assert.Equal(child, ChildCalls.WaitForChild(parent.Memory, child, Scratch + 0x8000, 0));
        return *(int*)(parent.Memory + Scratch + 0x8000);
    }
}
