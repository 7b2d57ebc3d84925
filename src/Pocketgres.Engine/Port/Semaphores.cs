using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>
/// PGSemaphoreLock and PGSemaphoreUnlock: what a backend sleeps on while it waits for a lightweight lock. Each PGPROC has one semaphore
/// and one owner at a time, so the semaphore is the owner process's own and starts at 0 with it.
/// </summary>
public static unsafe class Semaphores
{
    /// <summary>PGSemaphoreLock(MyProc-&gt;sem): signal handlers run meanwhile, as in Postgres; what they ask for is done after the lock is free.</summary>
    [HostFunction("postgres.PGSemaphoreLock")]
    public static void Lock(byte* m, int pgproc) => Process.From(m).SemaphoreWait();

    /// <summary>PGSemaphoreUnlock(proc-&gt;sem).</summary>
    [HostFunction("postgres.PGSemaphoreUnlock")]
    public static void Unlock(byte* m, int pgproc)
    {
        int pid = *(int*)(m + (uint)pgproc + PgliteStructs.PgProc.Pid);
        Process.From(m).Kernel.Processes.Find(pid)?.SemaphorePost();
    }
}
