using System.Diagnostics;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel;

/// <content>Waiting: each blocking host call gives up the kernel's lock and is woken by signals through an eventfd.</content>
public sealed unsafe partial class Process
{
    private BusyWait? _busyWait; // null: always sleeps at once
    private int _waiting;
    private int _semaphore;
    private bool _wasLocked; // before EnterBlocking

    /// <summary>Before a host call that may block: gives the kernel's lock up. No linear memory of other processes may be touched until <see cref="LeaveBlocking"/>.</summary>
    internal void EnterBlocking() => _wasLocked = BeginWait(ProcessState.HostCall);

    /// <summary>After that: takes the lock again, if the process had it.</summary>
    internal void LeaveBlocking() => EndWait(_wasLocked);

    /// <summary>Runs a host call that may block without the kernel's lock. It must not touch linear memory of other processes.</summary>
    public T RunBlocking<T>(Func<T> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        EnterBlocking();
        try
        {
            return call();
        }
        finally
        {
            LeaveBlocking();
        }
    }

    /// <summary>
    /// A preemption point: delivers signals, stays here while all processes shall stop, and gives the kernel's lock to who waits for it, if it has it. The program must hold no lock of its own.
    /// </summary>
    public void PreemptionPoint()
    {
        Answer();
        DeliverSignals();
        if (Kernel.World.IsRequested)
        {
            Park();
        }

        if (_isLocked && OthersWait)
        {
            Yield();
        }

        DeliverSignals();
    }

    /// <summary>Lets a waiting process run; signals stay pending.</summary>
    public void Yield()
    {
        if (!_isLocked)
        {
            Thread.Yield();
            return;
        }

        State = ProcessState.Preempted;
        _isLocked = false;
        Kernel.Lock.Yield(this);
        Locked();
        State = ProcessState.Running;
    }

    /// <summary>True when another thread waits for the kernel's lock.</summary>
    public bool OthersWait => Kernel.Lock.IsWanted;

    /// <summary>
    /// Waits until a descriptor is ready, a signal is pending, another process wakes this one, or the time is over.
    /// </summary>
    /// <param name="fds">Descriptors to wait for; must have room for one more than <paramref name="count"/>.</param>
    /// <param name="count">How many.</param>
    /// <param name="timeoutNanoseconds">How long at most; negative for ever.</param>
    /// <returns>False when the time was over; true otherwise, sometimes for nothing (a late wake-up): look again. Check signals after either.</returns>
    public bool Block(PollEntry* fds, int count, long timeoutNanoseconds)
    {
        TrimStack();
        if (timeoutNanoseconds is >= 0 and <= TrimPatience || !HasHeapGrown)
        {
            return WaitOnce(fds, count, timeoutNanoseconds);
        }

        if (WaitOnce(fds, count, TrimPatience))
        {
            return true;
        }

        TrimHeap();
        return WaitOnce(fds, count, timeoutNanoseconds < 0 ? timeoutNanoseconds : timeoutNanoseconds - TrimPatience);
    }

    private bool WaitOnce(PollEntry* fds, int count, long timeoutNanoseconds)
    {
        fds[count] = new PollEntry { Descriptor = _wakeDescriptor, Events = PollEvents.In };
        _waitDeadline = timeoutNanoseconds < 0 ? long.MaxValue : Stopwatch.GetTimestamp() + (long)(timeoutNanoseconds * (Stopwatch.Frequency / 1e9));
        Volatile.Write(ref _waiting, 1);

        // A full barrier. Pairs with Wake and InterruptWait: either the waker sees _waiting, or we see what it did before.
        bool interrupted = Interlocked.Exchange(ref _waitInterrupted, 0) != 0;
        if (interrupted || HasPendingSignals)
        {
            Volatile.Write(ref _waiting, 0);
            return true;
        }

        Answer();
        int memory = TakeMemoryEntry(fds, count, out short wanted);
        bool wasLocked = BeginWait(ProcessState.Waiting);
        int ready = LookAndWait(fds, count + 1, memory >= 0 ? _memorySocket!.Memory : null, wanted, timeoutNanoseconds);
        if (memory >= 0)
        {
            ready += GiveMemoryEntry(&fds[memory], wanted);
        }

        EndWait(wasLocked);
        Volatile.Write(ref _waiting, 0);
        if (Volatile.Read(ref _waitInterrupted) != 0)
        {
            Interlocked.Exchange(ref _waitInterrupted, 0); // a full barrier: who set it had done before what the caller looks at next
        }

        if (ready > 0 && fds[count].Returned != 0)
        {
            ulong value;
            _ = Libc.read(_wakeDescriptor, &value, sizeof(ulong));
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
        while (Volatile.Read(ref _semaphore) == 0)
        {
            Pause();
            DeliverSignals();
        }

        Interlocked.Decrement(ref _semaphore); // only this thread takes from it
    }

    /// <summary>sem_post on this process's semaphore. Any thread.</summary>
    public void SemaphorePost()
    {
        Interlocked.Increment(ref _semaphore);
        InterruptWait();
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

    private int LookAndWait(PollEntry* fds, int count, MemoryConnection? memory, short wanted, long timeoutNanoseconds)
    {
        if (_busyWait is null || count == 1)
        {
            return WaitFor(memory, wanted, fds, count, timeoutNanoseconds);
        }

        _emptyReads.Wait();
        memory?.BeginWait();
        long looked = _lookedSince, start = looked != 0 ? looked : Stopwatch.GetTimestamp();
        _lookedSince = 0;
        (bool found, int ready) = looked != 0 ? (false, 0) : _busyWait.Look(Kernel.Running, fds, count, memory, wanted);
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
