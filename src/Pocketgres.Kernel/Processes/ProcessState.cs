namespace Pocketgres.Kernel;

/// <summary>What a process does, as others see it.</summary>
public enum ProcessState
{
    /// <summary>Its thread has not run yet.</summary>
    Starting,

    /// <summary>It runs code of the program or of the kernel, or waits for the kernel's lock.</summary>
    Running,

    /// <summary>It stays at a preemption point until it may go on.</summary>
    Preempted,

    /// <summary>It waits for descriptors, signals, a notification or time, or has been woken from that and may not go on yet.</summary>
    Waiting,

    /// <summary>It is in a call of the host that cannot be repeated or given up (fsync).</summary>
    HostCall,

    /// <summary>It has ended, or is ending.</summary>
    Ended,

    /// <summary>In a clone: nothing has woken it yet, so it has neither a thread nor memory.</summary>
    Frozen,
}
