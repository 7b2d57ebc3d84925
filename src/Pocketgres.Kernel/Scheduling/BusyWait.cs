using System.Diagnostics;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// Looks for the next event of a process, or for a process's answer, for a moment before it sleeps, while that pays: a client that asks the next question within microseconds of the
/// answer then need not wake a core that has gone to sleep, which takes longer than a small query (25-35 us on a virtual machine) and as much processor
/// time as looking does. One object a process, used by its thread only, and one a connection in memory, used by its reader.
/// </summary>
/// <remarks>
/// What the last waits were like decides: after some short ones it looks. A long one takes back what eight short ones gave, so one in twenty ends nothing. When a look
/// finds nothing and those before have not paid for it, it takes some short waits until the next, twice as many each time. So a session that thinks, or whose client needs this core, costs
/// nothing. Nobody looks while other processes of the kernel run too: they and their clients have the better use for a core.
/// </remarks>
internal sealed class BusyWait
{
    /// <summary>A wait up to this long, in ticks of <see cref="Stopwatch"/>, is short: a client that does little, and two wake-ups. 125 us.</summary>
    public static readonly long Short = Stopwatch.Frequency / 8000;

    /// <summary>Short waits before the first look.</summary>
    public const int FirstTrial = 4;

    /// <summary>How long a look takes at most, in ticks of <see cref="Stopwatch"/>. 83 us.</summary>
    public static readonly long Patience = Stopwatch.Frequency / 12_000;

    /// <summary>The same for a client in memory, which is just as idle while its statement runs. 250 us: most are short when it looks, and it pays to see the others out.</summary>
    public static readonly long ClientPatience = Stopwatch.Frequency / 4000;

    /// <summary>Looks that found something pay for one in vain, and short waits make up for a long one: either costs some times what one of them saves.</summary>
    public const int CostInVain = 8;

    private const int LastTrial = 64; // a look in vain each so many waits is next to nothing
    private const int Proof = 64; // looks that found something, until an old failure is forgotten
    private const int LooksAtMemory = 128; // for each one at the descriptors, which is a system call, and there for signals and the end of the client

    private int _short; // waits, less what long ones took back; up to LastTrial
    private int _needed = FirstTrial;
    private int _credit; // up to Proof
    private long _switches; // at the last wait

    /// <summary>True when the next wait is likely to be short.</summary>
    public bool Promising => _short >= _needed;

    /// <summary>Looks without sleeping, if that is likely to find something. Called by a process's thread without the kernel's lock.</summary>
    /// <param name="running">The other processes of the kernel.</param>
    /// <param name="fds">What the process waits for, the descriptor that wakes it included.</param>
    /// <param name="count">How many.</param>
    /// <param name="memory">What it waits for in memory; null for nothing there.</param>
    /// <param name="wanted">The events there.</param>
    /// <returns>Whether something is ready; false when the process shall sleep. The number of descriptors among it.</returns>
    public unsafe (bool Found, int Descriptors) Look(RunningProcesses running, PollEntry* fds, int count, MemoryConnection? memory, short wanted)
    {
        if (!MayLook(running, 0))
        {
            return (false, 0);
        }

        long start = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; memory is not null && i < LooksAtMemory; i++)
            {
                if (memory.Ready(wanted) != 0)
                {
                    Looked(true);
                    return (true, 0);
                }

                Thread.SpinWait(1);
            }

            int ready = Libc.PollNow(fds, (nuint)count, 0);
            if (ready > 0)
            {
                Looked(true);
                return (true, ready);
            }
        }
        while (Stopwatch.GetTimestamp() - start < Patience && running.Count == 0);
        Looked(false);
        return (false, 0);
    }

    /// <summary>Whether a look now is likely to find something: once before each wait.</summary>
    /// <param name="running">The processes of the kernel.</param>
    /// <param name="self">1 if the process counts among those that run, 0 if it waits already.</param>
    public bool MayLook(RunningProcesses running, int self)
    {
        bool alone = running.Switches == _switches;
        _switches = running.Switches;
        return alone && Promising && running.Count == self;
    }

    /// <summary>Tells how long a wait was, looking included, and without the time that waking took where that is known, in ticks of <see cref="Stopwatch"/>.</summary>
    public void Waited(long ticks) => _short = ticks <= Short ? Math.Min(_short + 1, LastTrial) : Math.Max(0, _short - CostInVain);

    /// <summary>Tells what a look came to.</summary>
    public void Looked(bool found)
    {
        if (found)
        {
            if (_credit < Proof && ++_credit == Proof)
            {
                _needed = FirstTrial;
            }

            return;
        }

        _credit -= CostInVain;
        if (_credit < 0)
        {
            _credit = 0;
            _short = 0;
            _needed = Math.Min(2 * _needed, LastTrial);
        }
    }
}
