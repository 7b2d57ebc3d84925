using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>Processes that run private functions without the global lock, and every way back under it.</summary>
public sealed unsafe class PrivateSectionTests
{
    private static readonly KernelOptions On = new() { StackSize = 1 << 20, PrivateSections = PrivateSectionMode.On };
    private static readonly KernelOptions Checked = On with { PrivateSections = PrivateSectionMode.Checked };

    [Theory]
    [InlineData("open_call", 101)] // a private function calls one that is not
    [InlineData("by_table", 201)] // the same through the table
    [InlineData("replaced", 701)] // through the table to a function that the host replaced
    [InlineData("host", 301)] // a private function calls the host
    [InlineData("argument", 401)] // an argument of the call begins the section
    [InlineData("returns", 501)] // a private function returns to one that is not
    [InlineData("returns_by_table", 601)] // the same, called through the table
    public void Whatever_is_not_private_runs_under_the_lock(string function, int reported)
    {
        foreach (var mode in Enum.GetValues<PrivateSectionMode>())
        {
            using var kernel = new TestKernel(SectionProgram.Image, On with { PrivateSections = mode });
            GuestState? state = null;
            kernel.Run(p =>
            {
                state = (GuestState)p.Tag!;
                Call(p, function, 1);
                Assert.False(p.InPrivateSection);
                Assert.Same(p, kernel.Kernel.Scheduler.Current);
            });
            Assert.Contains(reported, state!.Reports.Select(r => r.Value));
            Assert.All(state.Reports, r => Assert.True(r.HasLock, $"{r.Value} without the lock"));
            Assert.Equal(mode != PrivateSectionMode.Off, kernel.Kernel.Scheduler.Activity.Sections > 0);
            Assert.Equal(0, kernel.Kernel.Scheduler.ActiveSections);
        }
    }

    [Fact]
    public void Who_has_the_lock_does_not_take_it_again()
    {
        using var kernel = new TestKernel(SectionProgram.Image, On);
        GuestState? state = null;
        kernel.Run(p =>
        {
            state = (GuestState)p.Tag!;
            Call(p, "replaced_with_lock", 1);
        });
        Assert.Equal([(801, true)], state!.Reports);
        Assert.Equal(0, kernel.Kernel.Scheduler.Activity.Sections);
    }

    [Fact]
    public void Another_process_runs_meanwhile()
    {
        using var kernel = new TestKernel(SectionProgram.Image, On);
        bool beside = false;
        var spinner = Spinner(kernel, (spinner, p) =>
        {
            WaitForSection(spinner, p);
            beside = p.Kernel.Scheduler.Current == p && spinner.InPrivateSection;
            *(int*)(p.Memory + SectionProgram.Shared) = 1;
        });
        Assert.Equal(0, kernel.Finish(spinner));
        Assert.True(beside);
        Assert.Equal([(7, true)], ((GuestState)spinner.Tag!).Reports);
    }

    [Fact]
    public void A_signal_ends_a_process_in_a_section()
    {
        using var kernel = new TestKernel(SectionProgram.Image, On);
        var spinner = Spinner(kernel, (spinner, p) =>
        {
            WaitForSection(spinner, p);
            spinner.Post(Signal.Kill);
        });
        Assert.Equal(Signal.Kill, kernel.Finish(spinner));
        Assert.Equal(0, kernel.Kernel.Scheduler.ActiveSections);
    }

    [Fact]
    public void A_crash_in_a_section_ends_that_process_only()
    {
        using var kernel = new TestKernel(SectionProgram.Image, On) { CrashesAreExpected = true };
        Assert.Equal(Signal.Abort, kernel.Finish(kernel.Start(p => Call(p, "traps", 1))));
        Assert.Equal(0, kernel.Kernel.Scheduler.ActiveSections);
        Assert.Equal(0, kernel.Finish(kernel.Start(p => Call(p, "open_call", 1))));
    }

    [Fact]
    public void A_snapshot_waits_until_nobody_is_in_a_section()
    {
        using var kernel = new TestKernel(SectionProgram.Image, On);
        var spinner = Spinner(kernel, (_, _) => { });
        Eventually.Holds(() => kernel.Kernel.Scheduler.Activity.ActiveSections == 1);
        var states = new List<ProcessState>();
        using (kernel.Kernel.TrySnapshot(
            p =>
            {
                states.Add(p.State);
                Assert.Equal(0, kernel.Kernel.Scheduler.ActiveSections);
                return SnapshotDecision.Include;
            },
            out _, out _))
        {
            Assert.Contains(ProcessState.Preempted, states);
        }

        spinner.Post(Signal.Kill);
        kernel.Finish(spinner);
    }

    [Fact]
    public void Checked_sections_have_shared_memory_read_only()
    {
        using var kernel = new TestKernel(SectionProgram.Image, Checked);
        string during = "", after = "";
        var spinner = Spinner(kernel, (spinner, p) =>
        {
            WaitForSection(spinner, p);
            during = ProtectionOf(spinner);
            *(int*)(p.Memory + SectionProgram.Shared) = 1;
        }, p => after = ProtectionOf(p));
        Assert.Equal(0, kernel.Finish(spinner));
        Assert.Equal("r--s", during);
        Assert.Equal("rw-s", after);
    }

    // A process that spins in a section until the word in shared memory is set, and its child.
    private static Process Spinner(TestKernel kernel, Action<Process, Process> child, Action<Process>? after = null) => kernel.Start(p =>
    {
        p.MapSharedMemory("ktest-section", SectionProgram.Shared, SectionProgram.SharedLength);
        p.Fork("child", p.Tag, c => child(p, c));
        Call(p, "spins", 7);
        after?.Invoke(p);
    });

    private static void WaitForSection(Process spinner, Process p)
    {
        while (!spinner.InPrivateSection)
        {
            p.RunBlocking(Thread.Yield);
        }
    }

    private static void Call(Process p, string function, int argument) => ((delegate*<byte*, int, int>)p.Export(function))(p.Memory, argument);

    private static string ProtectionOf(Process p)
    {
        string address = ((nint)p.Memory + SectionProgram.Shared).ToString("x", null);
        return File.ReadLines("/proc/self/maps").Single(l => l.StartsWith(address, StringComparison.Ordinal)).Split(' ')[1];
    }
}
