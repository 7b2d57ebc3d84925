using Pocketgres.Engine.Port;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Cloning;

/// <summary>
/// What a snapshot does with each server process. Those that live as long as the server go on in the loop they wait in. All others (sessions,
/// workers) are ended in the clone by Postgres' own proc_exit, as if their clients had gone at that moment: their transactions roll back.
/// </summary>
internal static unsafe class MainLoops
{
    /// <summary>The main loop a process waits in, or 0. Under the global lock, on a thread of the host.</summary>
    public static int Of(Process process)
    {
        if (process.State != ProcessState.Waiting || !process.ShowSharedMemory())
        {
            return 0;
        }

        byte* m = process.Memory;
        var (function, stackPointer) = process.ResumePoint;
        int waitEvent = *(int*)(m + (uint)*(int*)(m + PgliteAddresses.MyWaitEventInfo));
        bool waits = PostgresProcess.Of(process).Type switch
        {
            // ServerLoop calls WaitEventSetWait itself, and nothing else in the postmaster waits with its stack.
            BackendType.Invalid => function == PgliteFunctions.Main && stackPointer == process.StackPointer,
            BackendType.AutovacuumLauncher => function == PgliteFunctions.AutoVacLauncherMain && waitEvent == PgliteWaitEvents.AutovacuumMain,
            BackendType.BackgroundWriter => function == PgliteFunctions.BackgroundWriterMain
                && waitEvent is PgliteWaitEvents.BgWriterMain or PgliteWaitEvents.BgWriterHibernate,
            BackendType.Checkpointer => function == PgliteFunctions.CheckpointerMain && waitEvent == PgliteWaitEvents.CheckpointerMain,
            BackendType.WalWriter => function == PgliteFunctions.WalWriterMain && waitEvent == PgliteWaitEvents.WalWriterMain,
            BackendType.BackgroundWorker => function == PgliteFunctions.ApplyLauncherMain && waitEvent == PgliteWaitEvents.LogicalLauncherMain,
            _ => false,
        };
        return waits ? function : 0;
    }

    /// <summary>Whether a snapshot can contain a process as it is now. Under the global lock, on a thread of the host.</summary>
    public static SnapshotDecision Decide(Process process)
    {
        if (process.State == ProcessState.Frozen || Of(process) != 0)
        {
            return SnapshotDecision.Include;
        }

        switch (PostgresProcess.Of(process).Type)
        {
            case BackendType.Invalid or BackendType.AutovacuumLauncher or BackendType.BackgroundWriter or BackendType.Checkpointer or BackendType.WalWriter:
                return SnapshotDecision.NotNow;
            case BackendType.Startup or BackendType.WalReceiver or BackendType.SlotSyncWorker or BackendType.WalSummarizer or BackendType.Archiver:
                return SnapshotDecision.Never;
            default:
                // Where interrupts are allowed, Postgres itself may end the process (ereport(FATAL) runs proc_exit on the spot).
                return process.ReadInt32(PgliteAddresses.InterruptHoldoffCount) == 0 && process.ReadInt32(PgliteAddresses.CritSectionCount) == 0
                    ? SnapshotDecision.Include
                    : SnapshotDecision.NotNow;
        }
    }

    /// <summary>As <see cref="Decide"/>, but without sessions and workers: a snapshot of which nothing has to be ended.</summary>
    public static SnapshotDecision DecideQuiet(Process process) =>
        process.State == ProcessState.Frozen || Of(process) != 0 ? SnapshotDecision.Include : SnapshotDecision.NotNow;

    /// <summary>True for processes whose work can change what a clone would contain. Under the global lock.</summary>
    public static bool IsSession(Process process) => PostgresProcess.Of(process).Type is not
        (BackendType.Invalid or BackendType.AutovacuumLauncher or BackendType.BackgroundWriter or BackendType.Checkpointer or BackendType.WalWriter)
        && process.State != ProcessState.Frozen && Of(process) == 0;

    /// <summary>The main loop a process waits in, or of a frozen one, in which it will go on; 0 for none.</summary>
    public static int OfAny(Process process) => process.State == ProcessState.Frozen ? PostgresProcess.Of(process).FrozenLoop : Of(process);

    /// <summary>What a process of a clone does when it is thawed.</summary>
    /// <param name="loop">Its main loop (<see cref="Of"/>); 0 ends it.</param>
    public static Action<Process> Body(int loop) => process =>
    {
        byte* m = process.Memory;
        HostRandom.Fill(new Span<byte>(m + PgliteAddresses.PgGlobalPrngState, 16));
        if (loop == 0)
        {
            ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.ProcExit))(m, 0);
            return;
        }

        process.RequestResume();
        switch (loop)
        {
            case PgliteFunctions.Main:
                throw ExitException.WithCode(((delegate*<byte*, int, int, int>)process.Function(loop))(m, 0, 0));
            case PgliteFunctions.ApplyLauncherMain:
                ResumeWorker(process, loop);
                break;
            default:
                ((delegate*<byte*, int, int, void>)process.Function(loop))(m, 0, 0);
                break;
        }
    };

    // BackgroundWorkerMain, which called it and catches its errors, is not on the stack any more; it would end the worker as follows.
    private static void ResumeWorker(Process process, int loop)
    {
        try
        {
            ((delegate*<byte*, int, void>)process.Function(loop))(process.Memory, 0);
        }
        catch (LongjmpException)
        {
            ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.ProcExit))(process.Memory, 1);
        }
    }
}
