using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Waits of a cluster whose log is durable elsewhere than in its files (<see cref="ICommitGate"/>): commits before anybody sees them, walsenders before
/// they send, so that no subscriber knows what a lost machine could take back, and a start before it lets sessions in.
/// </summary>
public static unsafe class CommitWait
{
    // How soon a waiting process notices a signal: an immediate shutdown must end it.
    private static readonly TimeSpan s_signalInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Runs before SyncRepWaitForLSN: after a transaction's commit record, or its prepare record, is flushed, before its locks are released. Interrupts are
    /// held, so that neither a cancel nor a termination ends the wait, as they do not end fdatasync; SIGQUIT does.
    /// </summary>
    [EntryHook("SyncRepWaitForLSN", Locking = KernelLocking.None)]
    public static void WaitForLog(byte* m, long position, int commit)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).CommitGate is { } gate && GuestVariables.SynchronousCommit(m) > CommitLevels.LocalFlush) // less waits for nobody else
        {
            Wait(process, gate, gate.CommitTicket());
        }
    }

    /// <summary>Runs before secure_write(Port *, const void *, size_t): a walsender waits before it sends.</summary>
    [EntryHook("secure_write", Locking = KernelLocking.None)]
    public static void WaitToSend(byte* m, long port, long data, long length)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).CommitGate is { } gate && GuestVariables.MyBackendType(m) == BackendType.WalSender)
        {
            Wait(process, gate, gate.SendTicket());
        }
    }

    /// <summary>
    /// Runs before CompleteCommitTsInitialization: the last that the startup process does before log may be written and sessions be let in. Ends the process, and with
    /// it the server, when the cluster is another's.
    /// </summary>
    [EntryHook("CompleteCommitTsInitialization", Locking = KernelLocking.None)]
    public static void WaitUntilTaken(byte* m)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).CommitGate is { } gate)
        {
            bool? isTaken;
            while ((isTaken = process.RunBlocking(() => gate.WaitUntilTaken(s_signalInterval))) is null)
            {
                process.DeliverSignals();
            }

            if (isTaken == false)
            {
                throw ExitException.WithCode(1);
            }
        }
    }

    private static void Wait(Process process, ICommitGate gate, long ticket)
    {
        while (ticket != 0 && !process.RunBlocking(() => gate.Wait(ticket, s_signalInterval)))
        {
            process.DeliverSignals();
        }
    }
}
