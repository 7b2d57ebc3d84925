namespace Pocketgres.Pglite;

/// <summary>
/// Addresses of C variables in <c>pglite.wasm</c>'s linear memory. Names are those of Postgres' C source. Where the module exports a variable
/// of the same name, the build compares the two.
/// </summary>
public static class PgliteAddresses
{
    // ---- Interrupts (utils/init/globals.c)

    /// <summary><c>volatile sig_atomic_t InterruptPending</c> (int): makes CHECK_FOR_INTERRUPTS call ProcessInterrupts.</summary>
    public const int InterruptPending = 2875472;

    /// <summary><c>volatile uint32 InterruptHoldoffCount</c>: not 0 inside HOLD_INTERRUPTS and while an LWLock is held.</summary>
    public const int InterruptHoldoffCount = 2875516;

    /// <summary><c>volatile uint32 CritSectionCount</c>: not 0 inside a critical section.</summary>
    public const int CritSectionCount = 2875524;

    // ---- Stack depth (utils/misc/stack_depth.c)

    /// <summary><c>int max_stack_depth</c>: the setting, kB.</summary>
    public const int MaxStackDepth = 2678440;

    /// <summary><c>static ssize_t max_stack_depth_bytes</c>.</summary>
    public const int MaxStackDepthBytes = 2678444;

    // ---- C++ (libc++abi, private_typeinfo.cpp): vtables, from their offset-to-top on

    /// <summary>Vtable of <c>__cxxabiv1::__class_type_info</c>: type information of classes without bases.</summary>
    public const int ClassTypeInfoTable = 2775376;

    /// <summary>Vtable of <c>__cxxabiv1::__si_class_type_info</c>: of classes with one base.</summary>
    public const int SingleBaseTypeInfoTable = 2775416;

    /// <summary>Vtable of <c>__cxxabiv1::__vmi_class_type_info</c>: of other classes.</summary>
    public const int MultipleBaseTypeInfoTable = 2775468;

    // ---- Process identity (utils/init/globals.c)

    /// <summary><c>bool IsPostmasterEnvironment</c> (1 byte): true in the postmaster and its children, false in single-user mode.</summary>
    public const int IsPostmasterEnvironment = 2875556;

    /// <summary><c>bool IsUnderPostmaster</c> (1 byte): true in the postmaster's children.</summary>
    public const int IsUnderPostmaster = 2875557;

    /// <summary><c>int MyProcPid</c>.</summary>
    public const int MyProcPid = 2875608;

    /// <summary><c>struct ClientSocket *MyClientSocket</c>: the accepted connection of a backend.</summary>
    public const int MyClientSocket = 2875632;

    /// <summary><c>int MyPMChildSlot</c>.</summary>
    public const int MyPMChildSlot = 2875680;

    /// <summary><c>struct Latch *MyLatch</c>.</summary>
    public const int MyLatch = 2875684;

    /// <summary><c>BackendType MyBackendType</c> (utils/init/miscinit.c).</summary>
    public const int MyBackendType = 2878772;

    /// <summary><c>PGPROC *MyProc</c> (storage/lmgr/proc.c).</summary>
    public const int MyProc = 2804284;

    /// <summary><c>child_process_kind child_process_kinds[]</c> (postmaster/launch_backend.c), see <see cref="PgliteStructs.ChildProcessKind"/>.</summary>
    public const int ChildProcessKinds = 2592096;

    // ---- Exit callbacks (storage/ipc/ipc.c): on_exit_reset() sets all three to 0

    /// <summary><c>static int before_shmem_exit_index</c>.</summary>
    public const int BeforeShmemExitIndex = 2796912;

    /// <summary><c>static int on_shmem_exit_index</c>.</summary>
    public const int OnShmemExitIndex = 2797088;

    /// <summary><c>static int on_proc_exit_index</c>.</summary>
    public const int OnProcExitIndex = 2797264;

    // ---- Files the postmaster removes at its exit

    /// <summary><c>static List *sock_paths</c> (libpq/pqcomm.c).</summary>
    public const int SockPaths = 2780104;

    /// <summary><c>static List *lock_files</c> (utils/init/miscinit.c).</summary>
    public const int LockFiles = 2878832;

    /// <summary><c>char *external_pid_file</c> (utils/misc/guc_tables.c).</summary>
    public const int ExternalPidFile = 2879656;

    // ---- Signals

    /// <summary><c>sigset_t BlockSig</c> (libpq/pqsignal.c), 8 bytes: bit n-1 is signal n.</summary>
    public const int BlockSig = 2788400;

    /// <summary>musl's set of signals raised while blocked (8 bytes); a forked child starts with none.</summary>
    public const int PendingSignals = 2969888;

    // ---- Memory contexts (utils/mmgr/mcxt.c)

    /// <summary><c>MemoryContext CurrentMemoryContext</c>.</summary>
    public const int CurrentMemoryContext = 2880864;

    /// <summary><c>MemoryContext TopMemoryContext</c>.</summary>
    public const int TopMemoryContext = 2880868;

    /// <summary><c>MemoryContext MessageContext</c>: emptied before each message.</summary>
    public const int MessageContext = 2880884;

    // ---- Unnamed statements

    /// <summary><c>const char *debug_query_string</c> (tcop/postgres.c): the text of the statement that is being parsed or run.</summary>
    public const int DebugQueryString = 2804464;

    /// <summary><c>post_parse_analyze_hook_type post_parse_analyze_hook</c> (parser/analyze.c): 0 unless an extension wants to see all statements' analysis.</summary>
    public const int PostParseAnalyzeHook = 2777992;

    /// <summary><c>int plan_cache_mode</c> (utils/cache/plancache.c), see <see cref="PgliteStructs.PlanCacheMode"/>; in <see cref="PgliteFunctions.GetCachedPlan"/>.</summary>
    public const int PlanCacheMode = 2868848;

    /// <summary><c>ExecutorStart_hook_type ExecutorStart_hook</c> (executor/execMain.c): 0 unless an extension wants to see all executions.</summary>
    public const int ExecutorStartHook = 2779408;

    /// <summary><c>planner_hook_type planner_hook</c> (optimizer/plan/planner.c): 0 unless an extension takes part in planning.</summary>
    public const int PlannerHook = 2788516;

    /// <summary><c>int log_statement</c> (tcop/postgres.c): 0 is none; in <see cref="PgliteFunctions.PostgresMainLoopOnce"/>.</summary>
    public const int LogStatement = 2804368;

    /// <summary><c>bool log_duration</c> (utils/misc/guc_tables.c); this and the next two in <see cref="PgliteFunctions.CheckLogDuration"/>.</summary>
    public const int LogDuration = 2776213;

    /// <summary><c>int log_min_duration_sample</c> (utils/misc/guc_tables.c): -1 is off.</summary>
    public const int LogMinDurationSample = 2624000;

    /// <summary><c>int log_min_duration_statement</c> (utils/misc/guc_tables.c): -1 is off.</summary>
    public const int LogMinDurationStatement = 2623996;

    /// <summary>The string "unnamed prepared statement" in exec_parse_message (tcop/postgres.c).</summary>
    public const int UnnamedStatementContextName = 87847;

    /// <summary><c>static slist_head guc_stack_list</c> (utils/misc/guc.c): 0 when no setting is to be restored at the end of the transaction or function.</summary>
    public const int GucStackList = 2878908;

    // ---- Waiting and checkpoints

    /// <summary><c>int synchronous_commit</c> (access/transam/xact.c), a <c>SyncCommitLevel</c>; in
    /// <see cref="PgliteFunctions.SyncRepWaitForLSN"/>.</summary>
    public const int SynchronousCommit = 2585564;

    /// <summary><c>uint32 *my_wait_event_info</c> (utils/activity/wait_event.c): where the current wait is reported.</summary>
    public const int MyWaitEventInfo = 2607568;

    /// <summary><c>static CheckpointerShmemStruct *CheckpointerShmem</c>, see <see cref="PgliteStructs.CheckpointerShmem"/>.</summary>
    public const int CheckpointerShmem = 2788816;

    /// <summary><c>static XLogCtlData *XLogCtl</c> (access/transam/xlog.c), see <see cref="PgliteStructs.XLogCtl"/>.</summary>
    public const int XLogCtl = 2776720;

    /// <summary><c>static XLogSegNo openLogSegNo</c> (access/transam/xlog.c): the segment this process writes to. 8 bytes.</summary>
    public const int OpenLogSegNo = 2776784;

    /// <summary><c>static const uint32 checksumBaseOffsets[N_SUMS]</c> (storage/checksum_impl.h): 32 of them.</summary>
    public const int ChecksumBaseOffsets = 1600288;

    /// <summary><c>static ControlFileData *ControlFile</c> (access/transam/xlog.c): pg_control's content in shared memory.</summary>
    public const int ControlFile = 2776804;

    /// <summary><c>Oid MyDatabaseId</c> (utils/init/globals.c).</summary>
    public const int MyDatabaseId = 2875536;

    // ---- Encodings

    /// <summary><c>const pg_wchar_tbl pg_wchar_table[]</c> (common/wchar.c), see <see cref="PgliteStructs.PgWcharTable"/>.</summary>
    public const int WcharTable = 2731008;

    /// <summary><c>const pg_enc2name pg_enc2name_tbl[]</c> (common/encnames.c), see <see cref="PgliteStructs.PgEnc2Name"/>.</summary>
    public const int EncodingNames = 2729232;

    // ---- Authentication

    /// <summary><c>struct Port *MyProcPort</c> (utils/init/globals.c), see <see cref="PgliteStructs.Port"/>: the client's connection, 0 in processes without one.</summary>
    public const int MyProcPort = 2875636;

    // ---- The WAL receiver

    /// <summary><c>WalReceiverFunctionsType *WalReceiverFunctions</c> (replication/walreceiver.c): set by libpqwalreceiver when it is loaded.</summary>
    public const int WalReceiverFunctions = 2791080;

    /// <summary><c>XLogRecPtr WalRcvIdentifySystemLsn</c> (replication/walreceiver.c): where the primary was at the last IDENTIFY_SYSTEM.</summary>
    public const int WalRcvIdentifySystemLsn = 2791088;

    // ---- PGlite's own additions

    /// <summary><c>pgliteActive</c>: 0 lets PostgresMain run its own endless loop.</summary>
    public const int PgliteActive = 2964944;

    /// <summary><c>send_ready_for_query</c> (1 byte): a local variable of PostgresMain that starts as true, which PGlite made a static that starts at 0.</summary>
    public const int SendReadyForQuery = 2964949;

    // ---- C library and others

    /// <summary><c>int errno</c> (WASI numbering).</summary>
    public const int Errno = 2968596;

    /// <summary><c>pg_prng_state pg_global_prng_state</c> (common/pg_prng.c), 16 bytes: a clone needs new randomness here.</summary>
    public const int PgGlobalPrngState = 2964368;

    /// <summary>Initial value of the shadow stack pointer (wasm global 0): the stack's high end.</summary>
    public const int InitialStackPointer = 11362848;
}
