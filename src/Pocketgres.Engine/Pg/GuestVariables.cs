using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>The C variables of the server that the engine looks at; addresses and types are from the build's debugging information.</summary>
[GuestVariables]
internal static unsafe partial class GuestVariables
{
    /// <summary>miscadmin.h: interrupts wait until it is 0.</summary>
    public static partial ref uint InterruptHoldoffCount(byte* m);

    /// <summary>miscadmin.h: not 0 in a critical section, where an error is a PANIC.</summary>
    public static partial ref uint CritSectionCount(byte* m);

    /// <summary>miscadmin.h: the process is a child of a postmaster.</summary>
    public static partial ref bool IsUnderPostmaster(byte* m);

    /// <summary>miscadmin.h: a cancel waits until it is 0.</summary>
    public static partial ref uint QueryCancelHoldoffCount(byte* m);

    /// <summary>miscadmin.h: the session is to be cancelled.</summary>
    public static partial ref int QueryCancelPending(byte* m);

    /// <summary>miscadmin.h: the process is to end.</summary>
    public static partial ref int ProcDiePending(byte* m);

    /// <summary>utils/misc/stack_depth.c: max_stack_depth, kB.</summary>
    [GuestName("max_stack_depth")]
    public static partial ref int MaxStackDepth(byte* m);

    /// <summary>The same in bytes.</summary>
    [GuestName("max_stack_depth_bytes")]
    public static partial ref long MaxStackDepthBytes(byte* m);

    /// <summary>miscadmin.h: what kind of process it is.</summary>
    public static partial ref BackendType MyBackendType(byte* m);

    /// <summary>access/xact.c: synchronous_commit.</summary>
    [GuestName("synchronous_commit")]
    public static partial ref int SynchronousCommit(byte* m);

    /// <summary>utils/wait_event.h: the address of what the process waits for.</summary>
    [GuestName("my_wait_event_info")]
    public static partial uint MyWaitEventInfo(byte* m);

    /// <summary>common/pg_prng.h: the state of the process's random numbers.</summary>
    [GuestName("pg_global_prng_state")]
    public static partial PrngState RandomState(byte* m);

    /// <summary>storage/checksum_impl.h: 32 numbers.</summary>
    [GuestName("checksumBaseOffsets")]
    public static partial ref uint ChecksumBaseOffsets(byte* m);

    /// <summary>libpq/pqcomm.c: list of the Unix sockets to remove at the end.</summary>
    [GuestName("sock_paths")]
    public static partial GuestList SocketPaths(byte* m);

    /// <summary>utils/misc/guc_tables.c: external_pid_file, a C string.</summary>
    [GuestName("external_pid_file")]
    public static partial uint ExternalPidFile(byte* m);

    /// <summary>utils/init/miscinit.c: list of the lock files to remove at the end.</summary>
    [GuestName("lock_files")]
    public static partial GuestList LockFiles(byte* m);

    /// <summary>utils/backend_status.h: the address of what the process tells pg_stat_activity, 0 before.</summary>
    [GuestName("MyBEEntry")]
    public static partial uint MyBackendEntry(byte* m);

    /// <summary>storage/proc.h: the address of the process's entry in shared memory, 0 before.</summary>
    [GuestName("MyProc")]
    public static partial uint MyProcess(byte* m);

    /// <summary>commands/async.c: the address of the list of channels that the session listens on, 0 for none.</summary>
    [GuestName("listenChannels")]
    public static partial uint ListenChannels(byte* m);

    /// <summary>catalog/namespace.c: the schema of the session's temporary tables, 0 without any.</summary>
    [GuestName("myTempNamespace")]
    public static partial ref uint TemporaryNamespace(byte* m);

    /// <summary>postmaster/postmaster.c: a crash is being recovered from.</summary>
    public static partial ref bool FatalError(byte* m);

    /// <summary>postmaster/postmaster.c: the shutdown that was asked for, 0 to 3 (immediate).</summary>
    public static partial ref int Shutdown(byte* m);

    /// <summary>postmaster/postmaster.c: StartupStatusEnum.</summary>
    public static partial ref int StartupStatus(byte* m);

    /// <summary>postmaster/postmaster.h: the startup process, or 0.</summary>
    [GuestName("StartupPMChild")]
    public static partial uint StartupProcess(byte* m);

    /// <summary>postmaster/postmaster.h: the checkpointer, or 0.</summary>
    [GuestName("CheckpointerPMChild")]
    public static partial uint Checkpointer(byte* m);

    /// <summary>access/xlog.c: the copy of pg_control in shared memory.</summary>
    public static partial uint ControlFile(byte* m);

    /// <summary>access/xlog.c: the state of the log in shared memory.</summary>
    [GuestName("XLogCtl")]
    public static partial LogControl LogControl(byte* m);
}
