using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>When a process looks before it sleeps. How long a wait was is told here, not measured.</summary>
public sealed unsafe class BusyWaitTests : IDisposable
{
    private readonly TestKernel _kernel = new();
    private readonly BusyWait _wait = new();
    private readonly int _event = Libc.eventfd(0, Libc.EventFdNonBlocking);

    public void Dispose()
    {
        _ = Libc.close(_event);
        _kernel.Dispose();
    }

    [Fact]
    public void Looks_after_some_short_waits_in_a_row()
    {
        ShortWaits(BusyWait.FirstTrial - 1);
        Assert.False(_wait.Promising);
        _wait.Waited(BusyWait.Short + 1);
        ShortWaits(BusyWait.FirstTrial - 1);
        Assert.False(_wait.Promising);
        ShortWaits(1);
        Assert.True(_wait.Promising);
        _wait.Waited(BusyWait.Short + 1);
        Assert.False(_wait.Promising);
    }

    [Fact]
    public void Finds_what_is_ready_and_does_not_look_unless_it_is_promising()
    {
        Signal();
        Assert.Equal(0, Look());
        ShortWaits(BusyWait.FirstTrial);
        Assert.Equal(1, Look());
        Assert.True(_wait.Promising);
    }

    [Fact]
    public void Looking_in_vain_takes_twice_as_many_short_waits_until_the_next_look()
    {
        for (int needed = BusyWait.FirstTrial; needed <= 64; needed *= 2)
        {
            ShortWaits(needed - 1);
            Assert.False(_wait.Promising);
            ShortWaits(1);
            Assert.True(_wait.Promising);
            Assert.Equal(0, Look());
        }
    }

    [Fact]
    public void What_was_in_vain_is_forgotten_when_looking_has_paid_for_a_while()
    {
        ShortWaits(BusyWait.FirstTrial);
        Assert.Equal(0, Look());
        ShortWaits(2 * BusyWait.FirstTrial);
        Signal();
        for (int i = 0; i < 64; i++)
        {
            Assert.Equal(1, Look());
        }

        _wait.Waited(BusyWait.Short + 1);
        ShortWaits(BusyWait.FirstTrial);
        Assert.True(_wait.Promising);
    }

    [Fact]
    public void A_look_in_vain_among_many_that_found_something_changes_nothing()
    {
        ShortWaits(BusyWait.FirstTrial);
        for (int i = 0; i < 64; i++)
        {
            _wait.Looked(found: true);
        }

        for (int i = 0; i < 64 / BusyWait.CostInVain; i++)
        {
            _wait.Looked(found: false);
            Assert.True(_wait.Promising);
        }

        _wait.Looked(found: false);
        ShortWaits(BusyWait.FirstTrial);
        Assert.False(_wait.Promising);
    }

    [Fact]
    public void A_long_wait_takes_back_what_eight_short_ones_gave()
    {
        ShortWaits(3 * BusyWait.CostInVain);
        _wait.Waited(BusyWait.Short + 1);
        _wait.Waited(BusyWait.Short + 1);
        Assert.True(_wait.Promising);
        _wait.Waited(BusyWait.Short + 1);
        Assert.False(_wait.Promising);
    }

    [Fact]
    public void Does_not_look_while_another_process_runs_nor_after_one_has_run()
    {
        ShortWaits(BusyWait.FirstTrial);
        Signal();
        int found = -1, again = -1;
        _kernel.Run(_ => (found, again) = (Look(), Look()));
        Assert.Equal((0, 0), (found, again));
        Assert.Equal(1, Look());
        _kernel.Run(_ => { });
        Assert.Equal(0, Look());
        Assert.Equal(1, Look());
    }

    private void ShortWaits(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _wait.Waited(BusyWait.Short);
        }
    }

    private void Signal()
    {
        ulong one = 1;
        Assert.Equal(sizeof(ulong), (int)Libc.write(_event, &one, sizeof(ulong)));
    }

    private int Look()
    {
        var entry = new PollEntry { Descriptor = _event, Events = PollEvents.In };
        var (found, descriptors) = _wait.Look(_kernel.Kernel.Running, &entry, 1, null, 0);
        Assert.Equal(found, descriptors > 0);
        return descriptors;
    }
}
