using System.Diagnostics;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel;

/// <content>Waiting: each blocking host call gives up the global lock and is woken by signals through an eventfd.</content>
public sealed unsafe partial class Process
{
    private const int RequestsPerLook = 8; // at the core of the client, which costs a system call

    private BusyWait? _busyWait; // null: always sleeps at once
    private int _waiting;
    private int _semaphore;
    private uint _requestsInCrowds;

    /// <summary>Gives up the global lock before a host call that may block. No linear memory of other processes may be touched until <see cref="LeaveBlocking"/>.</summary>
    internal void EnterBlocking()
    {
        State = ProcessState.HostCall;
        Kernel.Scheduler.Release();
        TrySendDeferred();
    }

    /// <summary>Takes the global lock again.</summary>
    internal void LeaveBlocking()
    {
        Kernel.Scheduler.Acquire(this);
        State = ProcessState.Running;
        DropFlushed();
    }

    /// <summary>
    /// Runs a host call that may block without the global lock, on any core (programs that it starts inherit that). It must not touch linear memory of
    /// other processes.
    /// </summary>
    public T RunBlocking<T>(Func<T> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        EnterBlocking();
        Kernel.Scheduler.Cores.Leave(this);
        try
        {
            return call();
        }
        finally
        {
            LeaveBlocking();
        }
    }

    /// <summary>A preemption point: delivers signals and lets a waiting process run. The program must hold no lock.</summary>
    public void PreemptionPoint()
    {
        FlushOutputAtPreemption();
        DeliverSignals();
        Yield();
        DeliverSignals();
    }

    /// <summary>Lets a waiting process run; signals stay pending.</summary>
    public void Yield()
    {
        State = ProcessState.Preempted;
        Kernel.Scheduler.Yield(this);
        State = ProcessState.Running;
    }

    /// <summary>True when another process waits for the global lock, asleep or spinning.</summary>
    public bool OthersWait => Kernel.Scheduler.Wanted;

    /// <summary>
    /// Waits until a descriptor is ready, a signal is pending, another process wakes this one, or the time is over.
    /// </summary>
    /// <param name="fds">Descriptors to wait for; must have room for one more than <paramref name="count"/>.</param>
    /// <param name="count">How many.</param>
    /// <param name="timeoutNanoseconds">How long at most; negative for ever.</param>
    /// <returns>False when the time was over; true otherwise, sometimes for nothing (a late wake-up): look again. Check signals after either.</returns>
    public bool Block(PollEntry* fds, int count, long timeoutNanoseconds)
    {
        fds[count] = new PollEntry { Descriptor = _wakeDescriptor, Events = PollEvents.In };
        _waitDeadline = timeoutNanoseconds < 0 ? long.MaxValue : Stopwatch.GetTimestamp() + (long)(timeoutNanoseconds * (Stopwatch.Frequency / 1e9));
        Volatile.Write(ref _waiting, 1);

        // A full barrier. Pairs with Wake: either the waker sees _waiting, or we see what it did before.
        bool interrupted = Interlocked.Exchange(ref _waitInterrupted, 0) != 0;
        if (interrupted || HasPendingSignals)
        {
            Volatile.Write(ref _waiting, 0);
            return true;
        }

        State = ProcessState.Waiting;
        TrimStack();
        int memory = TakeMemoryEntry(fds, count, out short wanted);
        Kernel.Scheduler.Release();
        int ready = !HasDeferred ? -1 : FlushOutputBeforeWait(fds, count + 1, ref timeoutNanoseconds);
        if (ready < 0)
        {
            ready = LookAndWait(fds, count + 1, memory >= 0 ? _memorySocket!.Memory : null, wanted, timeoutNanoseconds);
        }

        if (memory >= 0)
        {
            ready += GiveMemoryEntry(&fds[memory], wanted);
        }

        int clientCore = ready > 0 && Kernel.Scheduler.Cores.Watches ? ClientCore(fds, count) : -1;
        Kernel.Scheduler.Acquire(this);
        State = ProcessState.Running;
        DropFlushed();
        Volatile.Write(ref _waiting, 0);
        if (ready > 0 && fds[count].Returned != 0)
        {
            ulong value;
            _ = Libc.read(_wakeDescriptor, &value, sizeof(ulong));
        }
        else if (ready > 0)
        {
            Kernel.Scheduler.CountRequest(this, clientCore);
        }

        return ready != 0;
    }

    /// <summary>Sleeps; a signal ends it early. Returns false in that case.</summary>
    public bool Sleep(long nanoseconds)
    {
        if (nanoseconds <= 0)
        {
            Yield();
            return true;
        }

        long deadline = Stopwatch.GetTimestamp() + (long)(nanoseconds * (Stopwatch.Frequency / 1e9));
        while (nanoseconds > 0)
        {
            PollEntry wake;
            if (!Block(&wake, 0, nanoseconds))
            {
                return true;
            }

            if (HasPendingSignals)
            {
                return false;
            }

            // Woken by a semaphore or for an earlier wait: nanosleep(2) ends for neither.
            nanoseconds = (long)((deadline - Stopwatch.GetTimestamp()) * (1e9 / Stopwatch.Frequency));
        }

        return true;
    }

    /// <summary>Waits for a signal, a child's end or a semaphore, without a time limit.</summary>
    public void Pause()
    {
        PollEntry wake;
        Block(&wake, 0, -1);
    }

    /// <summary>Waits until a file can be read (or a signal comes). For descriptions without O_NONBLOCK.</summary>
    internal void WaitReadable(OpenFile file) => WaitFor(file, PollEvents.In);

    /// <summary>Waits until a file can be written (or a signal comes).</summary>
    internal void WaitWritable(OpenFile file) => WaitFor(file, PollEvents.Out);

    /// <summary>
    /// sem_wait(3) on this process's own semaphore, restarted after each signal, as it serves Postgres' lightweight locks. Handlers run meanwhile: SIGQUIT ends
    /// a process that waits for a lock which a crashed one will never release.
    /// </summary>
    public void SemaphoreWait()
    {
        while (_semaphore == 0)
        {
            Pause();
            DeliverSignals();
        }

        _semaphore--;
    }

    /// <summary>sem_post on this process's semaphore; called by another process under the global lock.</summary>
    public void SemaphorePost()
    {
        _semaphore++;
        Wake();
    }

    /// <summary>
    /// Tells the process that what it waits for, in shared memory, has come: ends its wait in <see cref="Block"/>, or else the next one. Any thread.
    /// </summary>
    public void Notify()
    {
        Thaw();
        InterruptWait();
    }

    /// <summary>Ends a wait in <see cref="Block"/>. Any thread.</summary>
    internal void Wake()
    {
        if (Volatile.Read(ref _waiting) == 0)
        {
            return;
        }

        lock (_lifetime)
        {
            if (_wakeDescriptor >= 0)
            {
                ulong one = 1;
                _ = Libc.write(_wakeDescriptor, &one, sizeof(ulong));
            }
        }
    }

    /// <summary>What the process would have waited for was there already.</summary>
    internal void DidNotWait() => _busyWait?.Waited(0);

    // Where the client runs whose request has come; negative if this is not one of those that are looked at.
    private int ClientCore(PollEntry* fds, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (fds[i].Returned != 0)
            {
                return ++_requestsInCrowds % RequestsPerLook == 0 ? ClientCores.Of(fds[i].Descriptor) : -1;
            }
        }

        return -1;
    }

    private int LookAndWait(PollEntry* fds, int count, MemoryConnection? memory, short wanted, long timeoutNanoseconds)
    {
        if (_busyWait is null || count == 1)
        {
            return WaitFor(memory, wanted, fds, count, timeoutNanoseconds);
        }

        memory?.BeginWait();
        long start = Stopwatch.GetTimestamp();
        (bool found, int ready) = _busyWait.Look(Kernel.Scheduler, fds, count, memory, wanted);
        if (!found)
        {
            ready = WaitFor(memory, wanted, fds, count, timeoutNanoseconds);
        }

        // Without what waking the client took, as the client does not count what waking this process takes.
        _busyWait.Waited(Stopwatch.GetTimestamp() - Math.Max(start, memory?.HostWoke ?? 0));
        return ready;
    }

    private static int WaitFor(MemoryConnection? memory, short wanted, PollEntry* fds, int count, long timeoutNanoseconds)
    {
        if (memory is null)
        {
            return Wait(fds, count, timeoutNanoseconds);
        }

        memory.BeginSleep(wanted);
        bool sleeps = memory.Ready(wanted) == 0;
        int ready = sleeps ? Wait(fds, count, timeoutNanoseconds) : Libc.PollNow(fds, (nuint)count, 0);
        memory.EndSleep(sleeps);
        return ready;
    }

    // poll(2) with a time limit in nanoseconds, negative for none. Signals of the host neither end nor prolong it.
    private static int Wait(PollEntry* fds, int count, long timeoutNanoseconds)
    {
        if (timeoutNanoseconds < 0)
        {
            return RestartPoll(fds, count);
        }

        long start = Stopwatch.GetTimestamp(), left = timeoutNanoseconds;
        while (true)
        {
            var time = new Libc.TimeSpec { Seconds = left / 1_000_000_000, Nanoseconds = left % 1_000_000_000 };
            int ready = Libc.ppoll(fds, (nuint)count, &time, null);
            if (ready >= 0)
            {
                return ready;
            }

            ThrowUnlessInterrupted();

            left = Math.Max(0, timeoutNanoseconds - (long)(Stopwatch.GetElapsedTime(start).Ticks * 100));
        }
    }

    private static int RestartPoll(PollEntry* fds, int count)
    {
        while (true)
        {
            int ready = Libc.poll(fds, (nuint)count, -1);
            if (ready >= 0)
            {
                return ready;
            }

            ThrowUnlessInterrupted();
        }
    }

    // poll(2) fails otherwise only for want of the host's memory, or with more descriptors than the host allows.
    private static void ThrowUnlessInterrupted()
    {
        const int interrupted = 4;
        int error = Marshal.GetLastPInvokeError();
        if (error != interrupted)
        {
            throw new IOException($"poll(2) on the host failed: {Marshal.GetPInvokeErrorMessage(error)}.");
        }
    }

    private void WaitFor(OpenFile file, short events)
    {
        var fds = stackalloc PollEntry[2];
        fds[0] = new PollEntry { Descriptor = file.PollDescriptor, Events = events };
        Block(fds, 1, -1);
        DeliverSignals();
    }
}
