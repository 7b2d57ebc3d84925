using System.Diagnostics;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>Reads, writes and sizes of the host's files by several processes at once, without the kernel's lock.</summary>
public sealed class ConcurrentTransferTests
{
    private const int Page = 8192;

    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(1);

    [Fact]
    public void Transfers_run_while_another_process_has_the_lock()
    {
        using var places = new Places(Place.Host);
        using var kernel = new PosixKernel(new KernelOptions(), places.Mounts);
        Transfer(kernel, "/file", unlocked: true);
    }

    [Fact]
    public void Transfers_of_other_files_wait_for_the_lock()
    {
        using var places = new Places(Place.Memory);
        using var kernel = new PosixKernel(new KernelOptions(), places.Mounts);
        Transfer(kernel, "/file", unlocked: false);
    }

    [Fact]
    public void Nothing_is_written_while_the_host_looks_at_files()
    {
        using var places = new Places(Place.Host);
        using var kernel = new PosixKernel(new KernelOptions(), places.Mounts);
        bool stop = false;
        int written = 0;
        var writers = Enumerable.Range(0, 2).Select(i => Guest.Start(kernel, g =>
        {
            int fd = Locked(g, () => g.Create($"/file{i}", new string('\0', Page)));
            var page = new byte[Page];
            for (byte value = 1; !Volatile.Read(ref stop); value++)
            {
                page.AsSpan().Fill(value);
                Assert.Equal(Page, g.WriteAt(fd, page, 0));
                Interlocked.Increment(ref written);
            }
        })).ToArray();
        long start = Stopwatch.GetTimestamp();
        int looks = 0;
        try
        {
            while (Stopwatch.GetElapsedTime(start) < s_time || looks < 100)
            {
                kernel.RunLocked(() =>
                {
                    string[] files = Directory.GetFiles(places.RootDirectory!);
                    var first = files.Select(File.ReadAllBytes).ToList();
                    Thread.SpinWait(2000);
                    Assert.Equal(first, files.Select(File.ReadAllBytes));
                    Assert.All(first.Where(f => f.Length == Page), f => Assert.Single(f.Distinct()));
                    return looks++;
                });
                int before = Volatile.Read(ref written);
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref written) > before + 1, Support.TestKernel.Patience));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            Array.ForEach(writers, end => end());
        }
    }

    [Fact]
    public void A_size_is_never_older_than_a_write_that_has_returned()
    {
        using var places = new Places(Place.Host);
        using var kernel = new PosixKernel(new KernelOptions(), places.Mounts);
        long written = 0;
        bool stop = false;
        Guest.Start(kernel, g => g.CreateClosed("/file"))();
        var writer = Guest.Start(kernel, g =>
        {
            int fd = Locked(g, () => g.Open("/file", OpenFlags.ReadWrite));
            long start = Stopwatch.GetTimestamp();
            for (long end = 0; !Volatile.Read(ref stop) && Stopwatch.GetElapsedTime(start) < s_time; end += 4)
            {
                Assert.Equal(4, g.WriteAt(fd, "abcd", end));
                Volatile.Write(ref written, end + 4);
            }

            Volatile.Write(ref stop, true);
        });
        var openers = Enumerable.Range(0, 2).Select(_ => Guest.Start(kernel, g =>
        {
            while (!Volatile.Read(ref stop))
            {
                Locked(g, () => g.Close(g.Open("/file", OpenFlags.ReadWrite))); // after which the size is asked for anew
            }
        }));
        var reader = Guest.Start(kernel, g =>
        {
            int fd = Locked(g, () => g.Open("/file", OpenFlags.ReadWrite));
            while (!Volatile.Read(ref stop))
            {
                long least = Volatile.Read(ref written);
                Assert.True(g.Seek(fd, 0, 2) >= least);
            }
        });
        Array.ForEach([writer, reader, .. openers], end => end());
    }

    // As the call's thunk does, for calls that are locked.
    private static int Locked(Guest guest, Func<int> call)
    {
        guest.Process.EnterKernel();
        try
        {
            return call();
        }
        finally
        {
            guest.Process.LeaveKernel();
        }
    }

    private static void Transfer(PosixKernel kernel, string path, bool unlocked)
    {
        using var created = new ManualResetEventSlim();
        using var held = new ManualResetEventSlim();
        bool done = false;
        var transfer = Guest.Start(kernel, g =>
        {
            int fd = Locked(g, () => g.Create(path, "before"));
            created.Set();
            held.Wait(Support.TestKernel.Patience);
            Assert.Equal(5, g.WriteAt(fd, "after", 0));
            Assert.Equal("aftere", g.ReadTextAt(fd, 6, 0));
            Volatile.Write(ref done, true);
        });
        var holder = Guest.Start(kernel, g =>
        {
            created.Wait(Support.TestKernel.Patience); // which takes the lock
            g.Process.EnterKernel();
            held.Set();
            if (unlocked)
            {
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref done), Support.TestKernel.Patience));
            }
            else
            {
                Assert.True(SpinWait.SpinUntil(() => g.Process.OthersWait, Support.TestKernel.Patience));
                Assert.False(Volatile.Read(ref done));
            }

            g.Process.LeaveKernel();
        });
        holder();
        transfer();
    }
}
