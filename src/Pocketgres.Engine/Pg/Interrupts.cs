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
        else
        {
            Process.From(m).LookForInterrupts();
        }
    }

    /// <summary>
    /// ProcessInterrupts where Postgres does not call it: only to raise an error. What else it does (it may close files, for one) is for the places where it is called.
    /// </summary>
    internal static void Interrupted(Process process)
    {
        byte* m = process.Memory;
        bool raises = GuestVariables.ProcDiePending(m) != 0 || (GuestVariables.QueryCancelPending(m) != 0 && GuestVariables.QueryCancelHoldoffCount(m) == 0);
        if (raises && GuestVariables.InterruptHoldoffCount(m) == 0 && GuestVariables.CritSectionCount(m) == 0)
        {
            ((delegate*<byte*, void>)process.Export("ProcessInterrupts"))(m);
        }
    }
}
