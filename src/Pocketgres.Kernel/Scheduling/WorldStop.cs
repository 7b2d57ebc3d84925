using System.Diagnostics;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// Stops all processes of a kernel where their memories can be copied: at preemption points and in waits. While a stop is requested, a process that comes to a preemption point
/// stays there; one that waits goes on if what it waits for comes, since others may need what it holds, and comes to a preemption point later. While the world is held, nobody goes on.
/// </summary>
/// <remarks>A process announces what it does in <see cref="Process.State"/> before it looks here, who stops the world asks first and looks at the states then: so one of the two sees the other.</remarks>
internal sealed class WorldStop
{
    private static readonly long s_patience = Stopwatch.Frequency / 50; // 20 ms for all to come to a stop

    private readonly object _gate = new();
    private int _requests;
    private int _holds;

    /// <summary>Whether processes shall stay at preemption points. Any thread.</summary>
    public bool IsRequested => Volatile.Read(ref _requests) != 0;

    /// <summary>Asks processes to stop and waits until all have, but not for long: the caller looks at their states. Calls nest.</summary>
    /// <param name="processes">Those of the kernel.</param>
    public void Request(ProcessTable processes)
    {
        Interlocked.Increment(ref _requests);
        long start = Stopwatch.GetTimestamp();
        for (var wait = default(SpinWait); Stopwatch.GetTimestamp() - start < s_patience; wait.SpinOnce())
        {
            bool runs = false;
            foreach (var process in processes.Alive())
            {
                if (process.State is ProcessState.Running or ProcessState.Starting or ProcessState.HostCall)
                {
                    runs = true;
                    process.RequestReschedule();
                }
            }

            if (!runs)
            {
                return;
            }
        }
    }

    /// <summary>Takes a request back.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            Interlocked.Decrement(ref _requests);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>From now on no process that waits goes on. Under the kernel's lock, with a request.</summary>
    public void Hold() => Interlocked.Increment(ref _holds);

    /// <summary>Takes that back.</summary>
    public void Release()
    {
        lock (_gate)
        {
            Interlocked.Decrement(ref _holds);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>At a preemption point: stays there while a stop is requested. The process's thread, without the kernel's lock.</summary>
    public void Park(Process process)
    {
        lock (_gate)
        {
            while (IsRequested)
            {
                process.State = ProcessState.Preempted;
                Monitor.Wait(_gate);
            }

            process.State = ProcessState.Running;
        }
    }

    /// <summary>At the end of a wait: goes on, when the world is not held. The process's thread, without the kernel's lock.</summary>
    public void GoOn(Process process)
    {
        var waited = process.State;
        while (true)
        {
            process.State = ProcessState.Running;
            Interlocked.MemoryBarrier(); // pairs with Hold
            if (Volatile.Read(ref _holds) == 0)
            {
                return;
            }

            process.State = waited;
            lock (_gate)
            {
                while (_holds != 0)
                {
                    Monitor.Wait(_gate);
                }
            }
        }
    }
}
