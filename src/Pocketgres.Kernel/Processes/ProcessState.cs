namespace Pocketgres.Kernel;

/// <summary>What a process does, as seen by the holder of the global lock.</summary>
public enum ProcessState
{
    /// <summary>Its thread has not run yet.</summary>
    Starting,

    /// <summary>It holds the lock.</summary>
    Running,

    /// <summary>It gave the lock up at a preemption point and waits to go on.</summary>
    Preempted,

    /// <summary>It waits for descriptors, signals or time, or has been woken from that and waits for the lock.</summary>
    Waiting,

    /// <summary>It is in a call of the host that cannot be repeated or given up (fsync), waits for a semaphore, or is in a private section.</summary>
    HostCall,

    /// <summary>It has ended, or is ending.</summary>
    Ended,

    /// <summary>In a clone: nothing has woken it yet, so it has neither a thread nor memory.</summary>
    Frozen,
}
