using System.Diagnostics;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>select(2).</summary>
public sealed unsafe class SelectTests
{
    private const int Reading = TestProgram.Scratch + 4096, Writing = Reading + 128, Exceptional = Writing + 128, Time = Exceptional + 128;

    [Fact]
    public void What_is_ready_is_left_in_the_sets()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, w) = calls.Pipe();
            Set(p, Reading, r, true);
            Set(p, Writing, w, true);
            Set(p, Exceptional, r, true);
            Assert.Equal(1, Select(p, w + 1, -1));
            Assert.Equal((false, true, false), (IsSet(p, Reading, r), IsSet(p, Writing, w), IsSet(p, Exceptional, r)));

            Assert.True(p.Files.TryGet(w, out var end));
            Assert.Equal(1, end.Write(p.Memory, 1));
            Set(p, Reading, r, true);
            Assert.Equal(2, Select(p, w + 1, -1));
            Assert.True(IsSet(p, Reading, r));
        });
    }

    [Fact]
    public void The_end_of_a_pipe_is_readable()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var (r, w) = new Calls(p).Pipe();
            p.Files.Close(w);
            Set(p, Reading, r, true);
            Assert.Equal(1, Select(p, r + 1, -1));
            Assert.True(IsSet(p, Reading, r));
        });
    }

    [Fact]
    public void The_timeout_is_kept_and_clears_the_sets()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var (r, _) = new Calls(p).Pipe();
            Set(p, Reading, r, true);
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, Select(p, r + 1, 12_000));
            Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= 12);
            Assert.False(IsSet(p, Reading, r));
        });
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            Set(p, Reading, 77, true);
            Assert.Equal(-(int)Errno.EBADF, Select(p, 78, 0));
            Assert.Equal(-(int)Errno.EINVAL, Select(p, 1025, 0));
            Assert.Equal(-(int)Errno.EINVAL, Select(p, -1, 0));
            Assert.Equal(-(int)Errno.EFAULT, PollCalls.Select(p.Memory, 8, -8, 0, 0, 0));
        });
    }

    private static int Select(Process p, int count, int microseconds)
    {
        int* time = (int*)(p.Memory + Time); // longs of 32 bits
        (time[0], time[1]) = (0, microseconds);
        return PollCalls.Select(p.Memory, count, Reading, Writing, Exceptional, microseconds < 0 ? 0 : Time);
    }

    private static bool IsSet(Process p, int set, int fd) => (p.Memory[set + (fd / 8)] & (1 << (fd % 8))) != 0;

    private static void Set(Process p, int set, int fd, bool value) =>
        p.Memory[set + (fd / 8)] = (byte)(value ? p.Memory[set + (fd / 8)] | (1 << (fd % 8)) : p.Memory[set + (fd / 8)] & ~(1 << (fd % 8)));
}
