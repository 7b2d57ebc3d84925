using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <content>Address spaces that clones' processes leave to those of later clones.</content>
public sealed unsafe partial class SnapshotTests
{
    private const int Rounds = 10; // the first four teach what is written
    private const int Far = Heap + 0x100000; // beyond what the image holds
    private const int Unused = 0x1A0000; // of the image

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_space_used_again_is_as_the_snapshot_has_it(bool abandon)
    {
        using var source = new TestKernel();
        var (parent, child, before, snapshot, spares) = TakeWithSpares(source);
        var seen = new List<Content>();
        for (int round = 0; round < Rounds; round++)
        {
            RunClone(snapshot, source, parent.Pid, abandon, round, seen);
        }

        Assert.Equal(Rounds, seen.Count);
        Assert.All(seen, s => Assert.Equal(new Content(1, 5, 0, 0), s));
        Assert.Equal(2, spares.Count); // one that was thawed, one worker
        snapshot.Dispose();
        Assert.Equal(0, spares.Count);
        Assert.Equal(before, HostResources.Reservations());
        child.Post(Signal.Kill);
        parent.Post(Signal.Kill);
    }

    [Fact]
    public void A_space_that_lost_a_part_of_its_image_is_not_used_again()
    {
        using var source = new TestKernel();
        var (parent, child, _, snapshot, spares) = TakeWithSpares(source);
        using var taken = snapshot;
        var seen = new List<Content>();
        for (int round = 0; round < Rounds; round++)
        {
            RunClone(snapshot, source, parent.Pid, abandon: true, round, seen);
        }

        Assert.Equal(2, spares.Count);
        RunClone(snapshot, source, parent.Pid, abandon: true, Rounds, seen, p => p.MapSharedMemory("over", Unused, 0x10000));
        Assert.Equal(1, spares.Count); // a worker's: the one of this round started from an image of its own
        RunClone(snapshot, source, parent.Pid, abandon: true, Rounds + 1, seen);
        Assert.All(seen, s => Assert.Equal(new Content(1, 5, 0, 0), s));
        Assert.Equal(2, spares.Count);
        child.Post(Signal.Kill);
        parent.Post(Signal.Kill);
    }

    [Fact]
    public void What_clones_write_in_shared_memory_stays_with_the_first_process_that_ends_before_others()
    {
        using var source = new TestKernel();
        var (parent, child, before, snapshot, spares) = TakeWithSpares(source);
        var seen = new List<Content>();
        for (int round = 0; round < Rounds; round++)
        {
            using var wrote = new ManualResetEventSlim();
            using var mayEnd = new ManualResetEventSlim();
            using var clone = Clone(snapshot, source, p =>
            {
                seen.Add(Content.Of(p));
                new Content(round + 10, round + 20, round + 30, 0).WriteTo(p);
                p.Fork("worker", p.Tag, w =>
                {
                    new Content(round + 11, round + 21, round + 31, round + 41).WriteTo(w);
                    wrote.Set();
                    w.RunBlocking(() =>
                    {
                        mayEnd.Wait();
                        return 0;
                    });
                    Assert.Equal(round + 21, Content.Of(w).Common);
                });
                p.RunBlocking(() =>
                {
                    wrote.Wait();
                    return 0;
                });
            });
            var copy = clone.Processes.Find(parent.Pid)!;
            copy.Thaw();
            clone.Abandon();
            Eventually.Holds(() => copy.HasExited);
            mayEnd.Set();
        }

        Assert.All(seen, s => Assert.Equal(new Content(1, 5, 0, 0), s));
        Assert.NotEqual("worker", Assert.Single(spares.Kept, s => s.HasClonedPages).Kind);
        snapshot.Dispose();
        Assert.Equal(before, HostResources.Reservations());
        child.Post(Signal.Kill);
        parent.Post(Signal.Kill);
    }

    // Before: the host's reservations without the snapshot's.
    private static (Process Parent, Process Child, int Before, KernelSnapshot Snapshot, SpareSpaces Spares) TakeWithSpares(TestKernel source)
    {
        var (parent, child) = ParentAndChild(source, SetUp);
        int before = HostResources.Reservations();
        var snapshot = Take(source);
        return (parent, child, before, snapshot, snapshot.Processes.Single(p => p.Pid == parent.Pid).Memory.Spares);
    }

    private static void SetUp(Process p)
    {
        *(int*)(p.Memory + Private) = 1;
        *(int*)(p.Memory + SharedAddress) = 5;
    }

    // A clone whose main process notes what it has, writes everywhere, and has a worker that sees this and does the same.
    private static void RunClone(KernelSnapshot snapshot, TestKernel source, int pid, bool abandon, int round, List<Content> seen, Action<Process>? first = null)
    {
        using var clone = Clone(snapshot, source, p =>
        {
            seen.Add(Content.Of(p));
            first?.Invoke(p);
            new Content(round + 10, round + 20, round + 30, 0).WriteTo(p);
            var worker = p.Fork("worker", p.Tag, w =>
            {
                Assert.Equal(new Content(round + 10, round + 20, 0, 0), Content.Of(w)); // nothing beyond the break is inherited
                new Content(round + 11, round + 21, round + 31, round + 41).WriteTo(w);
            });
            Assert.Equal(0, p.RunBlocking(() => worker.Exited.GetAwaiter().GetResult()));
            Assert.Equal(new Content(round + 10, round + 21, round + 30, 0), Content.Of(p));
        });
        var copy = clone.Processes.Find(pid)!;
        copy.Thaw();
        if (abandon)
        {
            clone.Abandon();
        }

        Eventually.Holds(() => copy.HasExited);
        Assert.Equal(0, copy.ExitStatus);
    }

    private readonly record struct Content(int Own, int Common, int Beyond, int Last)
    {
        public static Content Of(Process p) =>
            new(*(int*)(p.Memory + Private), *(int*)(p.Memory + SharedAddress), *(int*)(p.Memory + Far), *(int*)(p.Memory + Far + 0x8000));

        public void WriteTo(Process p)
        {
            *(int*)(p.Memory + Private) = Own;
            *(int*)(p.Memory + SharedAddress) = Common;
            *(int*)(p.Memory + Far) = Beyond;
            *(int*)(p.Memory + Far + 0x8000) = Last;
        }
    }
}
