using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Programs;
using Pocketgres.Engine.Connections;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>postmaster_child_launch (postmaster/launch_backend.c): fork a child of the postmaster.</summary>
public static unsafe class ChildLaunch
{
    private const int SigSetMask = 2; // SIG_SETMASK

    /// <summary>Forks; the child runs its kind's main function. Returns the child's id, or -1 with errno set.</summary>
    [HostFunction("postgres.postmaster_child_launch")]
    public static int Launch(byte* m, int type, int slot, int startupData, int startupDataLength, int clientSocket)
    {
        var postmaster = Process.From(m);

        // fork() copies stdio buffers: write them out first, or both processes would.
        ((delegate*<byte*, int, int>)postmaster.Export("fflush"))(m, 0);
        var kind = (BackendType)type;
        bool isRestart = kind == BackendType.Startup && ++PostgresProcess.Of(postmaster).Startups > 1;
        try
        {
            var launched = postmaster.Fork(kind.ToString(), PostgresProcess.Child(kind, postmaster), child =>
            {
                try
                {
                    Run(child, kind, slot, startupData, startupDataLength, clientSocket);
                }
                catch (Exception e) when (isRestart && EndRestart(postmaster, e))
                {
                    throw; // never reached: the filter only looks on
                }
            });
            if (kind == BackendType.Startup)
            {
                PostgresProcess.Of(postmaster).Hold = isRestart ? null : new StartHold(launched, PostgresProcess.Of(postmaster).Ready);
            }

            return launched.Pid;
        }
        catch (HostResourceException e)
        {
            return Refuse(postmaster, clientSocket, e.Error, e.Message);
        }
        catch (OutOfMemoryException e)
        {
            return Refuse(postmaster, clientSocket, Errno.ENOMEM, e.Message); // no thread
        }
    }

    /// <summary>
    /// fork(2) failed, which the postmaster will tell the client before it closes the connection. The startup packet is there (<see cref="StartupPackets"/>): if it stayed
    /// unread, closing would reset the connection, and the client lose the message.
    /// </summary>
    private static int Refuse(Process postmaster, int clientSocket, Errno error, string reason)
    {
        byte* m = postmaster.Memory;
        postmaster.Kernel.Options.StandardError?.Invoke(Encoding.UTF8.GetBytes($"no new process: {reason}\n"));
        if (clientSocket != 0 && postmaster.Files.TryGet(*(int*)(m + (uint)clientSocket + PgliteStructs.ClientSocket.Socket), out var file) && file is SocketFile socket)
        {
            byte* packet = stackalloc byte[4096];
            while (socket.Receive(packet, 4096) > 0)
            {
            }
        }

        return LibcError.Result(m, error);
    }

    /// <summary>
    /// What postmaster_child_launch's child branch and fork_process() do between fork and the child's main function.
    /// Startup data and client socket lie in the child's copy of the postmaster's memory.
    /// </summary>
    private static void Run(Process child, BackendType type, int slot, int startupData, int startupDataLength, int clientSocket)
    {
        byte* m = child.Memory;
        m[PgliteAddresses.IsUnderPostmaster] = 1;
        Set(m, PgliteAddresses.MyProcPid, child.Pid);

        // on_exit_reset(): the postmaster's exit callbacks are not ours.
        Set(m, PgliteAddresses.BeforeShmemExitIndex, 0);
        Set(m, PgliteAddresses.OnShmemExitIndex, 0);
        Set(m, PgliteAddresses.OnProcExitIndex, 0);
        *(long*)(m + PgliteAddresses.PendingSignals) = 0;
        ServerSockets.CloseListening(child);

        // The module lost the fcntl(O_NONBLOCK) on the pipe whose end of file tells that the postmaster died: a read of it, which must
        // only look, would wait for ever (PostmasterIsAliveInternal, in recovery).
        foreach (var (_, file) in child.Files.OpenDescriptors())
        {
            if (file is Pipe)
            {
                file.Flags |= OpenFlags.NonBlocking;
            }
        }

        // InitPostmasterChild(): latch and signal set-up of a new process, here through its single-user sister.
        int name = ((delegate*<byte*, int, int>)child.Export("malloc"))(m, 16);
        CString.TryWrite(m, name, 16, "postgres");
        ((delegate*<byte*, int, void>)child.Function(PgliteFunctions.InitStandaloneProcess))(m, name);
        Set(m, PgliteAddresses.MyBackendType, (int)type);
        ((delegate*<byte*, int, int, void>)child.Function(PgliteFunctions.PqSignal))(m, Signal.Quit, PgliteTableSlots.SignalHandlerForCrashExit);
        *(long*)(m + PgliteAddresses.BlockSig) &= ~(1L << (Signal.Quit - 1));
        ((delegate*<byte*, int, int, int, int>)child.Function(PgliteFunctions.SigProcMask))(m, SigSetMask, PgliteAddresses.BlockSig, 0);

        Set(m, PgliteAddresses.CurrentMemoryContext, *(int*)(m + PgliteAddresses.TopMemoryContext));
        Set(m, PgliteAddresses.MyPMChildSlot, slot);
        if (clientSocket != 0)
        {
            int copy = ((delegate*<byte*, int, int>)child.Export("palloc"))(m, PgliteStructs.ClientSocket.Size);
            Buffer.MemoryCopy(m + (uint)clientSocket, m + (uint)copy, PgliteStructs.ClientSocket.Size, PgliteStructs.ClientSocket.Size);
            Set(m, PgliteAddresses.MyClientSocket, copy);
        }

        // PGlite made this local variable of PostgresMain a static that starts as false: clients would never see ReadyForQuery.
        m[PgliteAddresses.SendReadyForQuery] = 1;

        byte* entry = m + PgliteAddresses.ChildProcessKinds + (PgliteStructs.ChildProcessKind.Size * (int)type);
        int main = *(int*)(entry + PgliteStructs.ChildProcessKind.MainFunction);
        ((delegate*<byte*, int, int, void>)FunctionTable.Get(m, main))(m, startupData, startupDataLength);
        throw new TrapException($"the main function of {type} returned");
    }

    /// <summary>
    /// A startup process that fails while the server restarts after a crash, before it begins the redo, or that a fast shutdown ends there: PostgreSQL 18's
    /// postmaster takes that for one more consequence of the crash (HandleChildCrash does nothing when FatalError is set) and waits for ever. An
    /// immediate shutdown ends it.
    /// </summary>
    private static bool EndRestart(Process postmaster, Exception end)
    {
        // Status 2 is SIGQUIT's, sent by the postmaster itself, 3 an intended stop at a recovery target.
        if (end is not ExitException { Status: not (1 << 8) })
        {
            postmaster.Post(Signal.Quit);
        }

        return false;
    }

    private static void Set(byte* m, int address, int value) => *(int*)(m + address) = value;
}
