using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Snapshots of a kernel, and kernels that start from one: frozen processes, copy-on-write memory, own files.</summary>
[Collection("Whole process")] // one test counts what the .NET process holds
public sealed unsafe partial class SnapshotTests
{
    private const int Private = TestProgram.Scratch, Heap = TestProgram.HeapStart;
    private const int SharedAddress = 0x180000, SharedLength = 0x10000;

    [Fact]
    public void A_frozen_process_has_its_id_and_no_thread_until_a_signal_thaws_it()
    {
        using var source = new TestKernel();
        var sleeper = Sleeper(source, p => *(int*)(p.Memory + Private) = 41);
        using var snapshot = Take(source);
        int handled = 0;
        using var clone = Clone(snapshot, source, p =>
        {
            Assert.Equal(41, *(int*)(p.Memory + Private));
            Assert.True(p.HasPendingSignals);
            Interlocked.Increment(ref handled);
        });
        var copy = clone.Processes.Find(sleeper.Pid)!;
        Assert.True(copy.IsFrozen);
        Assert.Equal(ProcessState.Frozen, copy.State);
        Assert.Equal(41, clone.RunLocked(() => copy.ReadInt32(Private)));
        copy.Post(Signal.User1);
        Eventually.Holds(() => copy.HasExited);
        Assert.Equal(1, handled);
        Assert.False(sleeper.HasExited);
        sleeper.Post(Signal.Kill);
    }

    [Fact]
    public void Memory_goes_its_own_way_and_so_do_files()
    {
        using var source = new TestKernel();
        var sleeper = Sleeper(source, p =>
        {
            *(int*)(p.Memory + Private) = 1;
            Open(p, "/file", OpenFlags.ReadWrite | OpenFlags.Create, out var file);
            int one = 1;
            file.Write((byte*)&one, 4);
            p.Files.Add(file);
        });
        using var snapshot = Take(source);
        source.Kernel.RunLocked(() => *(int*)(sleeper.Memory + Private) = 2);
        var seen = new int[2];
        for (int i = 0; i < 2; i++)
        {
            int round = i;
            using var clone = Clone(snapshot, source, p =>
            {
                seen[round] = *(int*)(p.Memory + Private);
                *(int*)(p.Memory + Private) = 99;

                // The descriptor is the clone's own, at the same offset.
                Assert.True(p.Files.TryGet(3, out var file));
                Assert.Equal(4, file.Position);
                int value = 77, first = 0;
                file.WriteAt((byte*)&value, 4, 0);
                Open(p, "/file", OpenFlags.ReadOnly, out var again);
                Assert.Equal(4, again.ReadAt((byte*)&first, 4, 0));
                Assert.Equal(77, first);
                again.Release();
            });
            RunToEnd(clone, sleeper.Pid);
        }

        Assert.Equal([1, 1], seen);
        source.Kernel.RunLocked(() =>
        {
            Assert.Equal(2, *(int*)(sleeper.Memory + Private));
            Assert.Equal(Errno.None, source.Mounts.Open("/file", OpenFlags.ReadOnly, 0, out var file));
            int value = 0;
            Assert.Equal(4, file!.ReadAt((byte*)&value, 4, 0));
            file.Release();
            Assert.Equal(1, value);
            return 0;
        });
        sleeper.Post(Signal.Kill);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(ClonedMemory.PatientMoves)]
    public void Shared_memory_is_shared_between_the_processes_of_a_clone(int rounds)
    {
        using var source = new TestKernel();
        var (parent, child) = ParentAndChild(source, p => *(int*)(p.Memory + SharedAddress) = 5);
        using var snapshot = Take(source);
        Assert.Equal(2, snapshot.Processes.Count);

        // Each adds one in turn: what one writes the other must see, whoever has the pages.
        using var clone = Clone(snapshot, source, p =>
        {
            int parity = p.Pid == parent.Pid ? 0 : 1;
            int* counter = (int*)(p.Memory + SharedAddress);
            while (Volatile.Read(ref *counter) < 5 + rounds)
            {
                if ((Volatile.Read(ref *counter) - 5) % 2 == parity)
                {
                    (*counter)++;
                }

                p.RunBlocking(() => Thread.Yield());
            }
        });
        var copies = clone.Processes.Snapshot();
        foreach (var p in copies)
        {
            p.Thaw();
        }

        Eventually.Holds(() => copies.All(p => p.HasExited));
        Assert.All(copies, p => Assert.Equal(0, p.ExitStatus));
        source.Kernel.RunLocked(() =>
        {
            Assert.Equal(5, *(int*)(parent.Memory + SharedAddress));
            return 0;
        });
        child.Post(Signal.Kill);
        parent.Post(Signal.Kill);
    }

    [Fact]
    public void A_clone_of_a_clone_has_what_was_written_and_what_is_still_frozen()
    {
        using var source = new TestKernel();
        var (parent, child) = ParentAndChild(source, p => *(int*)(p.Memory + Private) = 1);
        using var first = Take(source);
        using var clone = Clone(first, source, p =>
        {
            *(int*)(p.Memory + SharedAddress) = 8;
            *(int*)(p.Memory + Private) = 9;
            Wait(p);
        });
        var copy = clone.Processes.Find(parent.Pid)!;
        copy.Thaw();
        Eventually.Holds(() => copy.State == ProcessState.Waiting);
        using var second = clone.TrySnapshot(_ => SnapshotDecision.Include, out _, out string reason);
        Assert.True(second is not null, reason);
        copy.Post(Signal.Kill);
        var seen = new Dictionary<int, (int Shared, int Private)>();
        using var last = Clone(second, source, p => seen[p.Pid] = (*(int*)(p.Memory + SharedAddress), *(int*)(p.Memory + Private)));
        var lastParent = last.Processes.Find(parent.Pid)!; // looked up first: its child's end wakes it, and then it may be gone at once
        RunToEnd(last, child.Pid);
        RunToEnd(lastParent);
        Assert.Equal((8, 9), seen[parent.Pid]);
        Assert.Equal((8, 1), seen[child.Pid]);
        child.Post(Signal.Kill);
        parent.Post(Signal.Kill);
    }

    [Fact]
    public void A_process_in_a_host_call_is_not_copied()
    {
        using var source = new TestKernel();
        using var release = new ManualResetEventSlim();
        var busy = source.Start(p => p.RunBlocking(() => release.Wait(TestKernel.Patience)));
        Eventually.Holds(() => busy.State == ProcessState.HostCall);
        Assert.Null(source.Kernel.TrySnapshot(_ => SnapshotDecision.Include, out var obstacle, out string reason));
        Assert.Equal(SnapshotDecision.NotNow, obstacle);
        Assert.Contains(busy.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture), reason, StringComparison.Ordinal);
        release.Set();
        source.Finish(busy);
    }

    [Fact]
    public void Processes_that_compute_beside_each_other_stop_for_a_snapshot_and_go_on()
    {
        using var source = new TestKernel();
        Process[] spinners = [];
        var parent = Sleeper(source, p => spinners = [.. Enumerable.Range(0, 2).Select(_ => p.Fork("spinner", p.Tag, c => ((delegate*<byte*, long, void>)c.Export("spin"))(c.Memory, long.MaxValue)))]);
        Eventually.Holds(() => spinners.All(p => Spins(p) > 0));
        for (int i = 0; i < 5; i++)
        {
            KernelSnapshot? snapshot = null;
            Eventually.Holds(() => (snapshot = source.Kernel.TrySnapshot(
                p =>
                {
                    if (spinners.Contains(p))
                    {
                        Assert.Equal(ProcessState.Preempted, p.State);
                        int spins = Spins(p);
                        Thread.SpinWait(10_000);
                        Assert.Equal(spins, Spins(p));
                    }

                    return SnapshotDecision.Include;
                },
                out _, out _)) is not null);
            snapshot!.Dispose();
            int[] before = [.. spinners.Select(Spins)];
            Eventually.Holds(() => spinners.Select(Spins).Zip(before).All(s => s.First != s.Second), "all of them going on");
        }

        Array.ForEach(spinners, p => p.Post(Signal.Kill));
        Array.ForEach(spinners, p => source.Finish(p));
        parent.Post(Signal.Kill);

        static int Spins(Process p) => Volatile.Read(ref *(int*)(p.Memory + TestProgram.SpinCounter));
    }

    [Fact]
    public void Clones_that_nobody_thawed_end_at_once_and_nothing_is_left()
    {
        using var source = new TestKernel();
        var sleeper = Sleeper(source, p => p.MapSharedMemory("test", SharedAddress, SharedLength));
        using (var warm = Take(source))
        {
            Clone(warm, source, _ => { }).Dispose();
        }

        Eventually.Holds(() => HostResources.ProcessThreads() == 1, "the end of threads of earlier tests");
        var before = Held();
        var snapshot = Take(source);
        var clones = Enumerable.Range(0, 5).Select(_ => Clone(snapshot, source, _ => { })).ToList();
        snapshot.Dispose();
        RunToEnd(clones[0], sleeper.Pid);
        clones.ForEach(c => c.Dispose());
        Assert.All(clones, c => Assert.True(c.Processes.Snapshot().Count == 0));
        Assert.Throws<ObjectDisposedException>(() => Clone(snapshot, source, _ => { }));
        Eventually.Holds(() => Held() == before, before);
        sleeper.Post(Signal.Kill);
    }

    private static string Held() =>
        $"{HostResources.Reservations()} spaces, {HostResources.Descriptors("memfd")} memory files, {HostResources.Descriptors("eventfd")} events, {HostResources.ProcessThreads()} threads";

    // A process that has set something up and then only waits.
    private static Process Sleeper(TestKernel kernel, Action<Process> setUp)
    {
        var process = kernel.Start(p =>
        {
            *(int*)(p.Memory + TestProgram.BreakVariable) = Heap;
            setUp(p);
            Wait(p);
        });
        Eventually.Holds(() => process.State == ProcessState.Waiting);
        return process;
    }

    // A process with shared memory that has set something up and forked; both then only wait.
    private static (Process Parent, Process Child) ParentAndChild(TestKernel kernel, Action<Process> setUp)
    {
        Process? child = null;
        var parent = kernel.Start(p =>
        {
            *(int*)(p.Memory + TestProgram.BreakVariable) = Heap;
            p.MapSharedMemory("test", SharedAddress, SharedLength);
            setUp(p);
            child = p.Fork("child", p.Tag, Wait);
            Wait(p);
        });
        Eventually.Holds(() => child?.State == ProcessState.Waiting && parent.State == ProcessState.Waiting);
        return (parent, child!);
    }

    private static void Wait(Process p)
    {
        while (true)
        {
            p.Pause();
            p.DeliverSignals();
        }
    }

    private static KernelSnapshot Take(TestKernel kernel)
    {
        var snapshot = kernel.Kernel.TrySnapshot(_ => SnapshotDecision.Include, out _, out string reason);
        Assert.True(snapshot is not null, reason);
        return snapshot;
    }

    private static PosixKernel Clone(KernelSnapshot snapshot, TestKernel source, Action<Process> body) =>
        PosixKernel.FromSnapshot(snapshot, source.Kernel.Options, (_, fileSystem) => fileSystem is DeviceFileSystem ? new DeviceFileSystem() : fileSystem,
            (_, p) => new PosixKernel.Revival(p.Tag, body), []);

    private static void RunToEnd(PosixKernel kernel, int pid) => RunToEnd(kernel.Processes.Find(pid)!);

    private static void RunToEnd(Process process)
    {
        process.Thaw();
        Eventually.Holds(() => process.HasExited);
        Assert.Equal(0, process.ExitStatus);
    }

    private static void Open(Process p, string path, OpenFlags flags, out OpenFile file)
    {
        Assert.Equal(Errno.None, p.Kernel.FileSystem.Open(path, flags, 0x1A4, out var opened));
        file = opened!;
        file.Path = path;
    }
}
