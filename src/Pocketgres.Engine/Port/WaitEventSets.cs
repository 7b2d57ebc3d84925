using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;
using Pocketgres.Pglite;
using Stopwatch = System.Diagnostics.Stopwatch;
using Set = Pocketgres.Pglite.PgliteStructs.WaitEventSet;
using Event = Pocketgres.Pglite.PgliteStructs.WaitEvent;
using Latch = Pocketgres.Pglite.PgliteStructs.Latch;

namespace Pocketgres.Engine.Port;

/// <summary>
/// WaitEventSetWait (storage/ipc/waiteventset.c): where every idle process sleeps. The module's own poll() knows neither signals nor
/// other processes; this one waits on the kernel.
/// </summary>
public static unsafe class WaitEventSets
{
    private const int LatchSet = 1, SocketReadable = 2, SocketWriteable = 4, SocketClosed = 128; // WL_* (storage/waiteventset.h)
    private const int SocketMask = SocketReadable | SocketWriteable | SocketClosed;
    private const short Broken = PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid;

    /// <summary>Waits until the latch is set, a socket is ready or the time (milliseconds, -1 for ever) is over; returns the number of events.</summary>
    [HostFunction("postgres.WaitEventSetWait")]
    public static int Wait(byte* m, int setAddress, int timeout, int occurredAddress, int maximum, int waitEventInfo)
    {
        var process = Process.From(m);
        byte* set = m + (uint)setAddress;
        int count = *(int*)(set + Set.EventCount);
        long deadline = timeout < 0 ? long.MaxValue : Stopwatch.GetTimestamp() + (timeout * (Stopwatch.Frequency / 1000));
        var entries = stackalloc PollEntry[count + 1];
        var eventOf = stackalloc int[count + 1];
        int sockets = 0;
        bool yielded = false, slept = false;
        ReportWait(m, waitEventInfo);
        PostgresProcess.Of(process).ScannedPages = 0;
        while (true)
        {
            process.DeliverSignals();
            byte* occurred = m + (uint)occurredAddress;
            int found = TakeLatch(m, set, ref occurred);
            if (found == maximum)
            {
                return End(m, set, found);
            }

            if (set[Set.ExitOnPostmasterDeath] != 0 && PostgresProcess.Of(process).PostmasterIsDead)
            {
                throw ExitException.WithCode(1);
            }

            // A look of its own at the sockets is needed only where no sleep looks at them, before or after: every client's message passes here.
            if (!slept && (found > 0 || timeout == 0))
            {
                sockets = Hold(process) > 0 ? 0 : PrepareSockets(m, set, count, process, entries, eventOf);
                _ = process.PollNow(entries, sockets);
            }

            found += CollectSockets(process, m, set, entries, eventOf, sockets, occurred, maximum - found);

            if (found > 0)
            {
                return End(m, set, found);
            }

            long nanoseconds = -1;
            if (timeout >= 0)
            {
                long left = deadline - Stopwatch.GetTimestamp();
                if (left <= 0)
                {
                    // A caller that only looks (timeout 0) in a loop must not starve those who wait for the lock.
                    if (timeout == 0 && !yielded && process.OthersWait)
                    {
                        yielded = true;
                        process.Yield();
                        continue; // slept is false: looks again
                    }

                    return End(m, set, 0);
                }

                nanoseconds = (long)(left * (1e9 / Stopwatch.Frequency));
            }

            long hold = Hold(process);
            sockets = hold > 0 ? 0 : PrepareSockets(m, set, count, process, entries, eventOf);
            process.Block(entries, sockets, hold > 0 && (nanoseconds < 0 || hold < nanoseconds) ? hold : nanoseconds);
            slept = true;
        }
    }

    // Of the postmaster while it starts: it waits for its latch only.
    private static long Hold(Process process)
    {
        var state = PostgresProcess.Of(process);
        if (state.Hold is not { } hold)
        {
            return 0;
        }

        long remaining = hold.Remaining();
        if (remaining == 0)
        {
            state.Hold = null;
        }

        return remaining;
    }

    // pgstat_report_wait_start/end: what pg_stat_activity shows as the wait event.
    private static void ReportWait(byte* m, int waitEventInfo) =>
        *(int*)(m + (uint)*(int*)(m + PgliteAddresses.MyWaitEventInfo)) = waitEventInfo;

    private static int End(byte* m, byte* set, int found)
    {
        int latch = *(int*)(set + Set.Latch);
        if (latch != 0)
        {
            *(int*)(m + (uint)latch + Latch.MaybeSleeping) = 0;
        }

        ReportWait(m, 0);
        return found;
    }

    private static int TakeLatch(byte* m, byte* set, ref byte* occurred)
    {
        int address = *(int*)(set + Set.Latch);
        if (address == 0)
        {
            return 0;
        }

        byte* latch = m + (uint)address;
        if (*(int*)(latch + Latch.IsSet) == 0)
        {
            // From here on SetLatch sends a signal. No barrier is needed: setters run under the same global lock.
            *(int*)(latch + Latch.MaybeSleeping) = 1;
            return 0;
        }

        byte* e = EventAt(m, set, *(int*)(set + Set.LatchPosition));
        Store(ref occurred, e, LatchSet, -1);
        return 1;
    }

    private static int PrepareSockets(byte* m, byte* set, int count, Process process, PollEntry* entries, int* eventOf)
    {
        int sockets = 0;
        for (int i = 0; i < count; i++)
        {
            byte* e = EventAt(m, set, i);
            int wanted = *(int*)(e + Event.Events);
            if ((wanted & SocketMask) == 0)
            {
                continue;
            }

            int events = ((wanted & SocketReadable) != 0 ? PollEvents.In : 0)
                | ((wanted & SocketWriteable) != 0 ? PollEvents.Out : 0)
                | ((wanted & SocketClosed) != 0 ? PollEvents.PeerHangUp : 0);
            entries[sockets] = new PollEntry { Descriptor = process.PollDescriptor(*(int*)(e + Event.Descriptor)), Events = (short)events };
            eventOf[sockets++] = i;
        }

        return sockets;
    }

    private static int CollectSockets(Process process, byte* m, byte* set, PollEntry* entries, int* eventOf, int sockets, byte* occurred, int maximum)
    {
        int found = 0;
        for (int k = 0; k < sockets && found < maximum; k++)
        {
            int returned = entries[k].Returned;
            if (returned == 0)
            {
                continue;
            }

            byte* e = EventAt(m, set, eventOf[k]);
            int wanted = *(int*)(e + Event.Events);
            int happened = 0;
            if (!process.IsReady(*(int*)(e + Event.Descriptor)))
            {
                continue;
            }

            if ((wanted & SocketReadable) != 0 && (returned & (PollEvents.In | Broken)) != 0)
            {
                happened |= SocketReadable;
            }

            if ((wanted & SocketWriteable) != 0 && (returned & (PollEvents.Out | Broken)) != 0)
            {
                happened |= SocketWriteable;
            }

            if ((wanted & SocketClosed) != 0 && (returned & (PollEvents.PeerHangUp | Broken)) != 0)
            {
                happened |= SocketClosed;
            }

            if (happened != 0)
            {
                Store(ref occurred, e, happened, *(int*)(e + Event.Descriptor));
                found++;
            }
        }

        return found;
    }

    private static byte* EventAt(byte* m, byte* set, int position) => m + (uint)*(int*)(set + Set.Events) + (Event.Size * position);

    private static void Store(ref byte* occurred, byte* e, int events, int descriptor)
    {
        *(int*)(occurred + Event.Position) = *(int*)(e + Event.Position);
        *(int*)(occurred + Event.Events) = events;
        *(int*)(occurred + Event.Descriptor) = descriptor;
        *(int*)(occurred + Event.UserData) = *(int*)(e + Event.UserData);
        occurred += Event.Size;
    }
}
