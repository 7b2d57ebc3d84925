using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>The postmaster, while it restarts the server after a crash.</summary>
public static unsafe class CrashRestart
{
    private const int Immediate = 3; // ImmediateShutdown (postmaster/postmaster.c)

    /// <summary>
    /// Runs before PostmasterStateMachine (postmaster/postmaster.c). After a crash it waits for the checkpointer to end too, which the crash told it to; but the one that the restart
    /// has begun was not told. So PostgreSQL 18 waits for ever when a startup process fails there (HandleChildCrash does nothing while FatalError is set), or when a fast or smart shutdown is asked for before
    /// that process has ended. An immediate shutdown ends it: the next start recovers.
    /// </summary>
    [EntryHook("PostmasterStateMachine", Locking = KernelLocking.None)]
    public static void Advance(byte* m)
    {
        int shutdown = GuestVariables.Shutdown(m);
        if (GuestVariables.FatalError(m) && shutdown < Immediate
            && (GuestVariables.StartupStatus(m) == StartupStatuses.Crashed || (shutdown > 0 && GuestVariables.StartupProcess(m) == 0 && GuestVariables.Checkpointer(m) != 0)))
        {
            Process.From(m).Post(Signal.Quit);
        }
    }
}
