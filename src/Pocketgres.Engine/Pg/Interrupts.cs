using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Preemption and signals, where Postgres itself looks for interrupts.</summary>
public static unsafe class Interrupts
{
    /// <summary>Runs before ProcessInterrupts: a place where a process may be preempted, because it holds no spinlock or LWLock there.</summary>
    [EntryHook("ProcessInterrupts", Locking = KernelLocking.None)]
    public static void ProcessInterrupts(byte* m)
    {
        if (GuestVariables.InterruptHoldoffCount(m) == 0 && GuestVariables.CritSectionCount(m) == 0)
        {
            Process.From(m).PreemptionPoint();
        }
    }
}
