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
/// What the last waits were like decides: after some short ones it looks; when that finds nothing it sleeps, and unless many looks before found something, it takes
/// twice as many short waits in a row until it looks again. So a session that thinks, or whose client needs this core, costs nothing. Nobody looks while other
/// processes of the kernel run too: they and their clients have the better use for a core.
/// </remarks>
internal sealed class BusyWait
{
    /// <summary>A wait up to this long, in ticks of <see cref="Stopwatch"/>, is short: a client that does little, and two wake-ups. 125 us.</summary>
    public static readonly long Short = Stopwatch.Frequency / 8000;

    /// <summary>Short waits in a row before the first look.</summary>
    public const int FirstTrial = 4;

    /// <summary>How long a look takes at most, in ticks of <see cref="Stopwatch"/>. 83 us.</summary>
    public static readonly long Patience = Stopwatch.Frequency / 12_000;

    private const int LastTrial = 64; // a look in vain each so many waits is next to nothing, and many more short ones in a row hardly ever come
    private const int Proof = 64; // looks that found something, until an old failure is forgotten
    private const int CostInVain = 8; // looks that found something pay for one in vain: it costs some times what one of them saves
    private const int LooksAtMemory = 16; // for each one at the descriptors, which is a system call

    private int _inARow; // short waits
    private int _needed = FirstTrial;
    private int _credit; // up to Proof
    private long _switches; // the scheduler's, at the last wait

    /// <summary>True when the next wait is likely to be short.</summary>
    public bool Promising => _inARow >= _needed;

    /// <summary>Looks without sleeping, if that is likely to find something. Called by a process's thread without the global lock.</summary>
    /// <param name="scheduler">Of the process's kernel.</param>
    /// <param name="fds">What the process waits for, the descriptor that wakes it included.</param>
    /// <param name="count">How many.</param>
    /// <param name="memory">What it waits for in memory; null for nothing there.</param>
    /// <param name="wanted">The events there.</param>
    /// <returns>Whether something is ready; false when the process shall sleep. The number of descriptors among it.</returns>
    public unsafe (bool Found, int Descriptors) Look(Scheduler scheduler, PollEntry* fds, int count, MemoryConnection? memory, short wanted)
    {
        bool alone = scheduler.Switches == _switches;
        _switches = scheduler.Switches;
        if (!alone || !Promising || scheduler.Busy)
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
        while (Stopwatch.GetTimestamp() - start < Patience && !scheduler.Busy);
        Looked(false);
        return (false, 0);
    }

    /// <summary>Tells how long a wait was, looking included, in ticks of <see cref="Stopwatch"/>.</summary>
    public void Waited(long ticks) => _inARow = ticks <= Short ? Math.Min(_inARow + 1, LastTrial) : 0;

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

        _inARow = 0;
        _credit -= CostInVain;
        if (_credit < 0)
        {
            _credit = 0;
            _needed = Math.Min(2 * _needed, LastTrial);
        }
    }
}
