using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Latches and what else a process waits for (storage/ipc/waiteventset.c): the process sleeps in the kernel, and who sets its latch wakes it there, where
/// PostgreSQL's own code for poll(2) needs a pipe, a signal and its handler.
/// </summary>
public static unsafe class WaitEventSets
{
    private const int LatchSet = 1, SocketReadable = 2, SocketWriteable = 4, PostmasterDeath = 16, SocketClosed = 128; // WL_* (storage/waiteventset.h)
    private const int SocketMask = SocketReadable | SocketWriteable | SocketClosed;
    private const int NoSocket = -1; // PGINVALID_SOCKET
    private const short Broken = PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid;

    /// <summary>
    /// WaitEventSetWait: waits until the latch is set, a socket is ready, the postmaster has ended or the time (milliseconds, negative for ever) is over;
    /// returns the number of events.
    /// </summary>
    [FunctionReplacement("WaitEventSetWait", Locking = KernelLocking.None)]
    public static int Wait(byte* m, long setAddress, long timeout, long occurred, int maximum, int waitEventInfo)
    {
        var process = Process.From(m);
        var set = new WaitEventSet(m, (uint)setAddress);
        int count = set.Count;
        var entries = stackalloc PollEntry[count + 1];
        var eventOf = stackalloc int[count + 1];
        long deadline = timeout < 0 ? 0 : Stopwatch.GetTimestamp() + (timeout * (Stopwatch.Frequency / 1000));
        int sockets = 0;
        bool slept = false;
        ReportWait(m, waitEventInfo);
        while (true)
        {
            process.DeliverSignals();
            var events = new Occurred { Memory = m, Next = (uint)occurred, Room = maximum };
            TakeLatch(set, ref events);
            TakePostmasterDeath(process, set, count, ref events);
            long hold = Hold(process);

            // A look of its own at the sockets is needed only where no sleep looks at them, before or after: every client's message passes here.
            if (!slept && events.Room > 0 && (events.Room < maximum || timeout == 0))
            {
                sockets = hold > 0 ? 0 : PrepareSockets(process, set, count, entries, eventOf);
                _ = process.PollNow(entries, sockets);
            }

            TakeSockets(process, set, entries, eventOf, sockets, ref events);
            long left = timeout < 0 ? -1 : Math.Max(0, deadline - Stopwatch.GetTimestamp());
            if (events.Room < maximum || left == 0)
            {
                return End(m, set, maximum - events.Room);
            }

            sockets = hold > 0 ? 0 : PrepareSockets(process, set, count, entries, eventOf);
            long nanoseconds = left < 0 ? -1 : (long)Math.Ceiling(left * (1e9 / Stopwatch.Frequency));
            process.Block(entries, sockets, hold > 0 && (nanoseconds < 0 || hold < nanoseconds) ? hold : nanoseconds);
            slept = true;
        }
    }

    /// <summary>WakeupOtherProc: wakes the owner of a latch that was set. It sees that whether it sleeps already or looks at the latch later.</summary>
    [FunctionReplacement("WakeupOtherProc", Locking = KernelLocking.None)]
    public static void WakeUp(byte* m, int pid) => Process.From(m).Kernel.Processes.Find(pid)?.Notify();

    /// <summary>InitializeWaitEventSupport: no pipe is made and no signal handled. So WakeupMyProc, which asks whether the handler's pipe is watched, does nothing.</summary>
    [FunctionReplacement("InitializeWaitEventSupport", Locking = KernelLocking.None)]
    public static void Initialize(byte* m)
    {
    }

    // Of the postmaster while it starts: nanoseconds for which it waits for its latch only, or 0.
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

    // pgstat_report_wait_start and _end: what pg_stat_activity shows.
    private static void ReportWait(byte* m, int waitEventInfo) => Volatile.Write(ref *(int*)(m + GuestVariables.MyWaitEventInfo(m)), waitEventInfo);

    private static int End(byte* m, WaitEventSet set, int found)
    {
        if (set.LatchAddress != 0)
        {
            Volatile.Write(ref set.Latch.MaybeSleeping, 0);
        }

        ReportWait(m, 0);
        return found;
    }

    private static void TakeLatch(WaitEventSet set, ref Occurred events)
    {
        if (set.LatchAddress == 0)
        {
            return;
        }

        var latch = set.Latch;
        if (Volatile.Read(ref latch.IsSet) == 0)
        {
            // Pairs with SetLatch, which sets is_set before it looks at maybe_sleeping: it calls WakeUp, or the latch is seen here.
            Volatile.Write(ref latch.MaybeSleeping, 1);
            Interlocked.MemoryBarrier();
        }

        if (Volatile.Read(ref latch.IsSet) != 0)
        {
            events.Add(set.Event(set.LatchPosition), LatchSet, NoSocket);
        }
    }

    private static void TakePostmasterDeath(Process process, WaitEventSet set, int count, ref Occurred events)
    {
        if (process.ParentPid != 0 || !GuestVariables.IsUnderPostmaster(process.Memory))
        {
            return;
        }

        for (int i = 0; i < count && events.Room > 0; i++)
        {
            if (set.Event(i).Events == PostmasterDeath)
            {
                if (set.ExitOnPostmasterDeath)
                {
                    ((delegate*<byte*, int, void>)process.Export("proc_exit"))(process.Memory, 1); // does not return
                }

                events.Add(set.Event(i), PostmasterDeath, NoSocket);
            }
        }
    }

    private static int PrepareSockets(Process process, WaitEventSet set, int count, PollEntry* entries, int* eventOf)
    {
        int sockets = 0;
        for (int i = 0; i < count; i++)
        {
            var e = set.Event(i);
            uint wanted = e.Events;
            if ((wanted & SocketMask) == 0)
            {
                continue;
            }

            int events = ((wanted & SocketReadable) != 0 ? PollEvents.In : 0)
                | ((wanted & SocketWriteable) != 0 ? PollEvents.Out : 0)
                | ((wanted & SocketClosed) != 0 ? PollEvents.PeerHangUp : 0);
            entries[sockets] = new PollEntry { Descriptor = process.PollDescriptor(e.Descriptor), Events = (short)events };
            eventOf[sockets++] = i;
        }

        return sockets;
    }

    private static void TakeSockets(Process process, WaitEventSet set, PollEntry* entries, int* eventOf, int sockets, ref Occurred events)
    {
        for (int k = 0; k < sockets && events.Room > 0; k++)
        {
            int returned = entries[k].Returned;
            if (returned == 0 || !process.IsReady(set.Event(eventOf[k]).Descriptor))
            {
                continue;
            }

            var e = set.Event(eventOf[k]);
            int happened = ((returned & (PollEvents.In | Broken)) != 0 ? SocketReadable : 0)
                | ((returned & (PollEvents.Out | Broken)) != 0 ? SocketWriteable : 0)
                | ((returned & (PollEvents.PeerHangUp | Broken)) != 0 ? SocketClosed : 0);
            happened &= (int)e.Events;
            if (happened != 0)
            {
                events.Add(e, happened, e.Descriptor);
            }
        }
    }

    /// <summary>Where the caller wants to find what has happened.</summary>
    private ref struct Occurred
    {
        public byte* Memory;
        public uint Next; // the address of the next event
        public int Room; // for so many

        public void Add(WaitEvent registered, int happened, int descriptor)
        {
            if (Room == 0)
            {
                return;
            }

            var e = new WaitEvent(Memory, Next)
            {
                Position = registered.Position,
                Events = (uint)happened,
                Descriptor = descriptor,
                UserData = registered.UserData,
            };
            Next = e.Address + WaitEvent.Size;
            Room--;
        }
    }
}
