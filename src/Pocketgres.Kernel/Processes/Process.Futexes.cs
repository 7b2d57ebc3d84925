using System.Diagnostics;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Races;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel;

/// <content>Waiting at an address of linear memory.</content>
public sealed unsafe partial class Process
{
    private int _waitInterrupted; // the next wait ends at once; written by other threads

    /// <summary>Ends the wait in <see cref="Block"/> that the process is in, or else the next one. Any thread.</summary>
    internal void InterruptWait()
    {
        RaceChecker.Tell(this);
        Volatile.Write(ref _waitInterrupted, 1);
        Interlocked.MemoryBarrier(); // pairs with Block's
        Wake();
    }

    /// <summary>Waits until the address is notified. Signal handlers run meanwhile; they do not end the wait, unless they unwind it.</summary>
    /// <param name="address">Address in linear memory.</param>
    /// <param name="isExpected">Whether the value there still is what the caller saw; called at once.</param>
    /// <param name="timeoutNanoseconds">How long at most; negative for ever.</param>
    /// <returns>0 when notified, 1 when the value was another one already, 2 when the time was over.</returns>
    internal int WaitAtAddress(int address, Func<bool> isExpected, long timeoutNanoseconds)
    {
        const int notified = 0, notEqual = 1, timedOut = 2;
        var waiter = new FutexWaiter(this, address);
        if (!Kernel.Futexes.TryAdd(waiter, isExpected))
        {
            return notEqual;
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            while (true)
            {
                Interlocked.Exchange(ref _waitInterrupted, 0); // before the look: whoever signals later sets it again
                if (waiter.IsSignaled)
                {
                    return notified;
                }

                long left = timeoutNanoseconds < 0 ? -1 : timeoutNanoseconds - (Stopwatch.GetElapsedTime(start).Ticks * 100);
                if (timeoutNanoseconds >= 0 && left <= 0)
                {
                    return timedOut;
                }

                PollEntry wake;
                Block(&wake, 0, left);
                DeliverSignals();
            }
        }
        finally
        {
            Kernel.Futexes.Remove(waiter);
        }
    }
}
