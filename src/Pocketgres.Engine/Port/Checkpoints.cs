using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>RequestCheckpoint (postmaster/checkpointer.c): PGlite kept only the branch for single-user mode.</summary>
public static unsafe class Checkpoints
{
    private const int Fast = 4, Wait = 0x20, Requested = 0x40, CauseWal = 0x80; // CHECKPOINT_* (access/xlog.h)
    private const int WaitEventCheckpointStart = 0x08000000 + 6, WaitEventCheckpointDone = 0x08000000 + 5;
    private const int MaximumSignalTries = 600; // of 100 ms, as in checkpointer.c

    /// <summary>Asks the checkpointer for a checkpoint and, with CHECKPOINT_WAIT, waits for its end.</summary>
    [HostFunction("postgres.RequestCheckpoint")]
    public static void RequestCheckpoint(byte* m, int flags)
    {
        var process = Process.From(m);
        if (m[PgliteAddresses.IsPostmasterEnvironment] == 0)
        {
            ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.CreateCheckPoint))(m, flags | Fast);
            ((delegate*<byte*, void>)process.Function(PgliteFunctions.SmgrDestroyAll))(m);
            return;
        }

        // The spinlock ckpt_lck is not needed: this process cannot be preempted between these lines.
        int* shmem = (int*)(m + (uint)*(int*)(m + PgliteAddresses.CheckpointerShmem));
        ref int started = ref shmem[PgliteStructs.CheckpointerShmem.Started / 4];
        ref int done = ref shmem[PgliteStructs.CheckpointerShmem.Done / 4];
        ref int failed = ref shmem[PgliteStructs.CheckpointerShmem.Failed / 4];
        int oldFailed = failed;
        int oldStarted = started;
        shmem[PgliteStructs.CheckpointerShmem.Flags / 4] |= flags | Requested;
        if (!WakeCheckpointer(process, m, flags) || (flags & Wait) == 0)
        {
            return;
        }

        int shmemAddress = *(int*)(m + PgliteAddresses.CheckpointerShmem);
        var condition = new Condition(process);
        condition.Prepare(shmemAddress + PgliteStructs.CheckpointerShmem.StartConditionVariable);
        while (started == oldStarted)
        {
            condition.Sleep(WaitEventCheckpointStart);
        }

        int newStarted = started;
        condition.Cancel();

        // The counters wrap: their difference tells the order.
        condition.Prepare(shmemAddress + PgliteStructs.CheckpointerShmem.DoneConditionVariable);
        while (done - newStarted < 0)
        {
            condition.Sleep(WaitEventCheckpointDone);
        }

        condition.Cancel();
        if (failed != oldFailed)
        {
            Report(m, ErrorReport.Error, "checkpoint request failed, consult recent messages in the server log for details");
        }
    }

    /// <summary>
    /// time(NULL) of XLogWrite, called when it has written the last page of a segment: here stock PostgreSQL asks for a checkpoint if so much WAL
    /// was written since the last one that max_wal_size would be exceeded.
    /// </summary>
    [HostFunction("postgres.XLogWrite_segment_finished")]
    public static long SegmentFinished(byte* m, int result)
    {
        var process = Process.From(m);
        if (m[PgliteAddresses.IsUnderPostmaster] != 0)
        {
            var needed = (delegate*<byte*, long, int>)process.Function(PgliteFunctions.XLogCheckpointNeeded);
            long segment = *(long*)(m + PgliteAddresses.OpenLogSegNo);
            if (needed(m, segment) != 0)
            {
                // The answer may come from an old copy of RedoRecPtr: look again with the current one.
                _ = ((delegate*<byte*, long>)process.Function(PgliteFunctions.GetRedoRecPtr))(m);
                if (needed(m, segment) != 0)
                {
                    RequestCheckpoint(m, CauseWal);
                }
            }
        }

        return ((delegate*<byte*, int, long>)process.Function(PgliteFunctions.Time))(m, result);
    }

    private static bool WakeCheckpointer(Process process, byte* m, int flags)
    {
        for (int tries = 0; ; tries++)
        {
            // MyProc of the checkpointer: it is the same shared memory address in every process.
            int pgproc = FindCheckpointer(process) is { } checkpointer ? checkpointer.ReadInt32(PgliteAddresses.MyProc) : 0;
            if (pgproc != 0)
            {
                ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.SetLatch))(m, pgproc + PgliteStructs.PgProc.ProcLatch);
                return true;
            }

            if (tries >= MaximumSignalTries || (flags & Wait) == 0)
            {
                Report(m, (flags & Wait) != 0 ? ErrorReport.Error : ErrorReport.Log, "could not notify checkpoint: checkpointer is not running");
                return false;
            }

            if (*(int*)(m + PgliteAddresses.InterruptPending) != 0)
            {
                ((delegate*<byte*, void>)process.Function(PgliteFunctions.ProcessInterrupts))(m);
            }

            ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.PgUsleep))(m, 100_000);
        }
    }

    private static Process? FindCheckpointer(Process process) =>
        process.Kernel.Processes.Snapshot().FirstOrDefault(p => !p.HasExited && PostgresProcess.Of(p).Type == BackendType.Checkpointer);

    private static void Report(byte* m, int level, string message) =>
        ErrorReport.Write(m, level, null, message, "checkpointer.c", "RequestCheckpoint");

    /// <summary>Postgres' condition variables (storage/lmgr/condition_variable.c).</summary>
    private ref struct Condition(Process process)
    {
        private int _variable;

        public void Prepare(int variable)
        {
            _variable = variable;
            ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.ConditionVariablePrepareToSleep))(process.Memory, variable);
        }

        public readonly void Sleep(int waitEvent) =>
            ((delegate*<byte*, int, int, void>)process.Function(PgliteFunctions.ConditionVariableSleep))(process.Memory, _variable, waitEvent);

        public readonly void Cancel() =>
            ((delegate*<byte*, int>)process.Function(PgliteFunctions.ConditionVariableCancelSleep))(process.Memory);
    }
}
