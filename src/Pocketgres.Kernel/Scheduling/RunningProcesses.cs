namespace Pocketgres.Kernel.Scheduling;

/// <summary>How many processes of a kernel run, that is, are in no wait; and how often it was another one that began to. For <see cref="BusyWait"/>. Any thread.</summary>
internal sealed class RunningProcesses
{
    private int _count;
    private long _switches;
    private Process? _last;

    /// <summary>How many processes run.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How often another process than the one before began to run.</summary>
    public long Switches => Volatile.Read(ref _switches);

    /// <summary>A process begins to run.</summary>
    public void Begin(Process process)
    {
        Interlocked.Increment(ref _count);
        if (Volatile.Read(ref _last) != process)
        {
            Volatile.Write(ref _last, process);
            Interlocked.Increment(ref _switches);
        }
    }

    /// <summary>A process begins to wait, or ends.</summary>
    public void End() => Interlocked.Decrement(ref _count);
}
