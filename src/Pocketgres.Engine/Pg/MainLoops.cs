using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Cloning;

/// <summary>
/// What a snapshot does with each server process. Those that live as long as the server go on in the loop they wait in. All others (sessions,
/// workers) are ended in the clone by Postgres' own proc_exit, as if their clients had gone at that moment: their transactions roll back.
/// </summary>
internal static unsafe class MainLoops
{
    /// <summary>The main loop a process waits in: its function's index; 0 for none. Under the kernel's lock, on a thread of the host.</summary>
    public static int Of(Process process)
    {
        if (process.State != ProcessState.Waiting || !process.ShowSharedMemory())
        {
            return 0;
        }

        int function = process.ResumePoint.Function;
        if (Find(process.Program.Main, function) is not { } loop)
        {
            return 0;
        }

        byte* m = process.Memory;
        int waitEvent = *(int*)(m + GuestVariables.MyWaitEventInfo(m));
        return loop.Type == PostgresProcess.Of(process).Type && loop.WaitEvents.Contains(waitEvent) ? function : 0;
    }

    /// <summary>Whether a snapshot can contain a process as it is now. Under the kernel's lock, on a thread of the host.</summary>
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
                return IsZero(process, "InterruptHoldoffCount") && IsZero(process, "CritSectionCount")
                    ? SnapshotDecision.Include
                    : SnapshotDecision.NotNow;
        }
    }

    /// <summary>As <see cref="Decide"/>, but without sessions and workers: a snapshot of which nothing has to be ended.</summary>
    public static SnapshotDecision DecideQuiet(Process process) =>
        process.State == ProcessState.Frozen || Of(process) != 0 ? SnapshotDecision.Include : SnapshotDecision.NotNow;

    /// <summary>True for processes whose work can change what a clone would contain. Under the kernel's lock.</summary>
    public static bool IsSession(Process process) => PostgresProcess.Of(process).Type is not
        (BackendType.Invalid or BackendType.AutovacuumLauncher or BackendType.BackgroundWriter or BackendType.Checkpointer or BackendType.WalWriter)
        && process.State != ProcessState.Frozen && Of(process) == 0;

    /// <summary>The main loop a process waits in, or of a frozen one, in which it will go on; 0 for none.</summary>
    public static int OfAny(Process process) => process.State == ProcessState.Frozen ? PostgresProcess.Of(process).FrozenLoop : Of(process);

    /// <summary>What a process of a clone does when it is thawed.</summary>
    /// <param name="function">Its main loop (<see cref="Of"/>); 0 ends it.</param>
    public static Action<Process> Body(int function) => process =>
    {
        byte* m = process.Memory;
        HostRandom.Fill(new Span<byte>(m + GuestVariables.RandomState(m).Address, PrngState.Size));
        if (function == 0)
        {
            Exit(process, 0);
            return;
        }

        process.RequestResume();
        nint code = process.Function(function);
        switch (Find(process.Program.Main, function)!.Type)
        {
            case BackendType.Invalid:
                throw ExitException.WithCode(((delegate*<byte*, int>)code)(m));
            case BackendType.BackgroundWorker:
                ResumeWorker(process, code);
                break;
            default:
                ((delegate*<byte*, long, long, void>)code)(m, 0, 0);
                break;
        }
    };

    // BackgroundWorkerMain, which called it and catches its errors, is not on the stack any more; it would end the worker as follows.
    private static void ResumeWorker(Process process, nint code)
    {
        try
        {
            ((delegate*<byte*, long, void>)code)(process.Memory, 0);
        }
        catch (LongjmpException)
        {
            Exit(process, 1);
        }
    }

    // Not the process's own thread: it may have given its memory up.
    private static bool IsZero(Process process, string counter) => process.ReadInt32(process.Program.Main.VariableAddress(counter)) == 0;

    private static void Exit(Process process, int code) => ((delegate*<byte*, int, void>)process.Export("proc_exit"))(process.Memory, code);

    private static MainLoop? Find(ModuleImage main, int function) =>
        function < 0 ? null : Array.Find(s_loops, l => main.FunctionIndex(l.Function) == function);

    private static readonly MainLoop[] s_loops =
    [
        new(BackendType.Invalid, "ServerLoop", 0), // it waits for no event that has a name
        new(BackendType.AutovacuumLauncher, "AutoVacLauncherMain", WaitEvents.AutovacuumMain),
        new(BackendType.BackgroundWriter, "BackgroundWriterMain", WaitEvents.BgwriterMain, WaitEvents.BgwriterHibernate),
        new(BackendType.Checkpointer, "CheckpointerMain", WaitEvents.CheckpointerMain),
        new(BackendType.WalWriter, "WalWriterMain", WaitEvents.WalWriterMain),
        new(BackendType.BackgroundWorker, "ApplyLauncherMain", WaitEvents.LogicalLauncherMain),
    ];

    /// <summary>A main loop: the kind of process, the function that it is in, what a process waits for there.</summary>
    private sealed record MainLoop(BackendType Type, string Function, params int[] WaitEvents);
}
