using Pocketgres.Wasm;

namespace Pocketgres.Pglite.Patches;

/// <summary>
/// What is changed in <c>pglite.wasm</c> so that PostgreSQL runs as it does natively, in many processes: system calls that PGlite's build
/// removed or folded to constants call the kernel again. Compiled into the build tool only. Each patch names the C function it touches,
/// counts its matches and pins the function's body.
/// </summary>
internal static class PglitePatches
{
    /// <summary>Functions that stay one method however big: splitting the executor's interpreter costs more than it gains.</summary>
    public static IReadOnlySet<int> KeepWhole { get; } = new HashSet<int> { PgliteFunctions.ExecInterpExpr };

    /// <summary>The patches of the server program; every other module is translated as it is.</summary>
    public static ModulePatches ForPostgres()
    {
        var patches = new ModulePatches();
        var pinned = new HashSet<int>();
        foreach (var patch in (IEnumerable<ModulePatch>)[.. Processes(), .. Waiting(), .. Sockets(), .. SharedMemory(), .. Pids(), .. StackDepth(), .. Semaphores(), .. Invalidations(), .. Checkpoints(), .. Commits(), .. Speed(), .. KeptStatements(), .. PrivateSections(), .. Extensions(), .. MainLoops()])
        {
            patches.Add(patch with { Fingerprint = PgliteFingerprints.ByIndex[patch.Function] });
            pinned.Add(patch.Function);
        }

        foreach (var (index, fingerprint) in PgliteFingerprints.ByIndex.Where(f => !pinned.Contains(f.Key)))
        {
            patches.Add(new KnownFunction(PgliteNames.OfFunction(index), index, fingerprint));
        }

        return patches;
    }

    private static IEnumerable<ModulePatch> Processes() =>
    [
        new FunctionReplacement("postmaster_child_launch: fork", PgliteFunctions.PostmasterChildLaunch, PgliteHostFunctions.PostmasterChildLaunch),
        new FunctionReplacement("kill", PgliteFunctions.Kill, PgliteHostFunctions.Kill),
        new EntryHook("ProcessInterrupts: deliver signals, yield", PgliteFunctions.ProcessInterrupts, PgliteHostFunctions.ProcessInterrupts),

        // process_pm_child_exit, inlined twice into main (ServerLoop and its signal path): waitpid(-1, &exitstatus, WNOHANG) became __syscall_ret(-1).
        new CallReplacement("main: waitpid", PgliteFunctions.Main, PgliteFunctions.SyscallRet, PgliteHostFunctions.WaitPid, Count: 2)
        {
            FirstArgument = -1,
            FromLocals = [PgliteStructs.MainFrame.FrameLocal],
        },
    ];

    // Most of a frame is on the stack of the thread, not on the shadow stack in linear memory, which is all that the module can see.
    private static IEnumerable<ModulePatch> StackDepth() =>
    [
        new StackDepthCheck("check_stack_depth", PgliteFunctions.CheckStackDepth) { HostFunction = PgliteHostFunctions.StackTooDeep },
        new StackDepthCheck("stack_is_too_deep", PgliteFunctions.StackIsTooDeep) { Result = 1 },
        new EntryHook("assign_max_stack_depth", PgliteFunctions.AssignMaxStackDepth, PgliteHostFunctions.AssignMaxStackDepth) { PassArguments = true },
    ];

    private static IEnumerable<ModulePatch> Waiting() =>
    [
        new FunctionReplacement("WaitEventSetWait", PgliteFunctions.WaitEventSetWait, PgliteHostFunctions.WaitEventSetWait),
        new FunctionReplacement("nanosleep", PgliteFunctions.Nanosleep, PgliteHostFunctions.Nanosleep),
        new FunctionReplacement("RequestCheckpoint", PgliteFunctions.RequestCheckpoint, PgliteHostFunctions.RequestCheckpoint),
    ];

    private static IEnumerable<ModulePatch> Sockets() =>
    [
        new FunctionReplacement("pgl_recv", PgliteFunctions.PglRecv, PgliteHostFunctions.Recv),
        new FunctionReplacement("pgl_send", PgliteFunctions.PglSend, PgliteHostFunctions.Send),
        new CallReplacement("ListenServerPort: bind", PgliteFunctions.ListenServerPort, PgliteFunctions.Bind, PgliteHostFunctions.Bind, Count: 1),

        // Every other 10 in this function: AF_INET6 in "ai_family != AF_INET6" and the base of strtoul.
        new ConstantReplacement("ListenServerPort: socket", PgliteFunctions.ListenServerPort, PgliteFoldedCalls.Socket, Count: 7)
        {
            HostFunction = PgliteHostFunctions.ListenSocket,
            NotBefore = [WasmOpcode.I32Ne],
            NotBeforeCallOf = [PgliteFunctions.Strtoul],
        },

        // auth_peer: getsockopt() does nothing and getpwuid_r() fails, so that everything behind them is gone. ClientAuthentication checks for interrupts
        // between finding the line of pg_hba.conf and acting on it; so do other parts of InitPostgres, where there is nothing to do.
        new ConstantReplacement("InitPostgres: CHECK_FOR_INTERRUPTS", PgliteFunctions.InitPostgres, PgliteAddresses.InterruptPending, Count: 9)
        {
            HostFunction = PgliteHostFunctions.AuthenticatePeer,
            OnlyBefore = [WasmOpcode.I32Load],
        },
    ];

    private static IEnumerable<ModulePatch> SharedMemory() =>
    [
        // CreateAnonymousSegment: with huge pages, then without.
        new CallReplacement("CreateAnonymousSegment: mmap", PgliteFunctions.CreateSharedMemoryAndSemaphores, PgliteFunctions.Mmap,
            PgliteHostFunctions.MmapShared, Count: 2),

        // dsm_impl_mmap: munmap became a load of its second argument.
        new EntryHook("dsm_impl_op: munmap", PgliteFunctions.DsmImplOp, PgliteHostFunctions.DsmImplOp) { PassArguments = true },
    ];

    // "MyProcPid == getpid()" guards against code that runs in a child by mistake. The postmaster keeps pid 42: main is not patched.
    private static IEnumerable<ModulePatch> Pids() =>
    [
        GetPid("proc_exit", PgliteFunctions.ProcExit),
        GetPid("wrapper_handler", PgliteFunctions.WrapperHandler),
        GetPid("ProcKill", PgliteFunctions.ProcKill),
        GetPid("AuxiliaryProcKill", PgliteFunctions.AuxiliaryProcKill),

        // "pg_wal/xlogtemp.%d": with one name for all, two processes that make segments at once would rename each other's.
        SegmentName("XLogFileInitInternal", PgliteFunctions.XLogFileInitInternal, 1),
        SegmentName("StartupXLOG", PgliteFunctions.StartupXLog, 2),
        SegmentName("WAL receiver", PgliteFunctions.WalReceiverWrite, 1),
    ];

    // The process id is stored as snprintf's variable argument.
    private static ConstantReplacement SegmentName(string caller, int function, int count) =>
        new(caller + ": getpid in xlogtemp", function, PgliteFoldedCalls.GetPid, Count: count)
        {
            LoadFrom = PgliteAddresses.MyProcPid,
            OnlyBefore = [WasmOpcode.I32Store],
        };

    private static ConstantReplacement GetPid(string caller, int function) =>
        new(caller + ": getpid", function, PgliteFoldedCalls.GetPid, Count: 1)
        {
            LoadFrom = PgliteAddresses.MyProcPid,
            OnlyBefore = [WasmOpcode.I32Eq, WasmOpcode.I32Ne],
        };

    // PGSemaphoreLock(proc->sem) and PGSemaphoreUnlock(proc->sem) became empty; the load of proc->sem stayed. L and U in code order.
    private static IEnumerable<ModulePatch> Semaphores() =>
    [
        Semaphore("TransactionIdSetPageStatus", PgliteFunctions.TransactionIdSetPageStatus, "LUU"),
        Semaphore("XLogFlush", PgliteFunctions.XLogFlush, "LU"),
        Semaphore("WaitXLogInsertionsToFinish", PgliteFunctions.WaitXLogInsertionsToFinish, "LU"),
        Semaphore("ProcArrayEndTransaction", PgliteFunctions.ProcArrayEndTransaction, "LUU"),
        Semaphore("LWLockAcquire", PgliteFunctions.LWLockAcquire, "UL"),
        Semaphore("LWLockDequeueSelf", PgliteFunctions.LWLockDequeueSelf, "LU"),
        Semaphore("LWLockUpdateVar", PgliteFunctions.LWLockUpdateVar, "U"),
        Semaphore("LWLockReleaseInternal", PgliteFunctions.LWLockReleaseInternal, "UU"),
    ];

    // Only pgoutput registers callbacks for SHAREDINVALRELSYNC_ID, so the linker dropped CacheRegisterRelSyncCallback and the loop over its list.
    private static IEnumerable<ModulePatch> Invalidations() =>
    [
        new EntryHook("LocalExecuteInvalidationMessage: CallRelSyncCallbacks, kept statements", PgliteFunctions.LocalExecuteInvalidationMessage,
            PgliteHostFunctions.InvalidationMessage) { PassArguments = true },
    ];

    // For clusters whose log must be elsewhere before a commit is seen: nothing is folded away here.
    private static IEnumerable<ModulePatch> Commits() =>
    [
        new EntryHook("SyncRepWaitForLSN: commits wait for the log to be durable elsewhere", PgliteFunctions.SyncRepWaitForLSN,
            PgliteHostFunctions.WaitForLog) { PassArguments = true },
    ];

    // "if (IsUnderPostmaster && XLogCheckpointNeeded(openLogSegNo)) RequestCheckpoint(CHECKPOINT_CAUSE_XLOG)" at the end of a segment was folded
    // away. The call of time() is the last thing before it.
    private static IEnumerable<ModulePatch> Checkpoints() =>
    [
        new CallReplacement("XLogWrite: XLogCheckpointNeeded", PgliteFunctions.XLogWrite, PgliteFunctions.Time, PgliteHostFunctions.SegmentFinished, Count: 1),
    ];

    // Nothing is missing here: the processor's instructions for what the module does byte by byte, and hints which memory is looked at next.
    private static IEnumerable<ModulePatch> Speed() =>
    [
        new FunctionReplacement("pg_checksum_page", PgliteFunctions.PgChecksumPage, PgliteHostFunctions.ChecksumPage),
        new FunctionReplacement("pg_comp_crc32c", PgliteFunctions.PgCompCrc32C, PgliteHostFunctions.Crc32C),
        new FunctionReplacement("memcmp", PgliteFunctions.Memcmp, PgliteHostFunctions.Memcmp),
        new EntryHook("tuplesort_gettuple_common: prefetch", PgliteFunctions.TuplesortGettupleCommon, PgliteHostFunctions.SortedTuple) { PassArguments = true },
        new EntryHook("comparetup_heap_tiebreak: prefetch", PgliteFunctions.ComparetupHeapTiebreak, PgliteHostFunctions.CompareTuples) { PassArguments = true },
        new EntryHook("comparetup_index_btree_tiebreak: prefetch", PgliteFunctions.ComparetupIndexBtreeTiebreak, PgliteHostFunctions.CompareTuples) { PassArguments = true },

        new CallReplacement("dumptuples: sort", PgliteFunctions.TuplesortDumptuples, PgliteFunctions.TuplesortSortMemtuples, PgliteHostFunctions.SortMemtuples, Count: 1),
        new CallReplacement("tuplesort_performsort: sort", PgliteFunctions.TuplesortPerformsort, PgliteFunctions.TuplesortSortMemtuples, PgliteHostFunctions.SortMemtuples, Count: 1),

        // Locals: is_csv, copy_input_buf, input_buf_ptr, copy_buf_len, need_data.
        new LoopAcceleration("CopyReadLineText: plain bytes", PgliteFunctions.CopyReadLineText, Loop: 0, PgliteHostFunctions.CopyLine, [1, 10, 5, 2, 8], [5]),

        // The loop over a field's bytes. Locals: cur_ptr, output_ptr, line_end_ptr, delimc.
        new LoopAcceleration("CopyReadAttributesText: plain bytes", PgliteFunctions.CopyReadAttributesText, Loop: 1, PgliteHostFunctions.CopyField, [2, 4, 6, 13], [2, 4]),
    ];

    // exec_parse_message and drop_unnamed_stmt, both inlined: an unnamed statement that comes again is not parsed and analysed again; nor is a
    // simple query. drop_unnamed_stmt is called for these too, and for Close.
    private static IEnumerable<ModulePatch> KeptStatements() =>
    [
        ParseMessage("DropCachedPlan", PgliteFunctions.DropCachedPlan, PgliteHostFunctions.DropUnnamedStatement, 3),
        ParseMessage("AllocSetContextCreate", PgliteFunctions.AllocSetContextCreateInternal, PgliteHostFunctions.CreateStatementContext, 4),
        SimpleQuery("raw_parser", PgliteFunctions.RawParser, PgliteHostFunctions.ParseSimple, 1),
        ParseMessage("raw_parser", PgliteFunctions.RawParser, PgliteHostFunctions.ParseStatement, 1),
        ParseMessage("CreateCachedPlan", PgliteFunctions.CreateCachedPlan, PgliteHostFunctions.CreateCachedPlan, 2),
        ParseMessage("pg_analyze_and_rewrite_varparams", PgliteFunctions.AnalyzeAndRewriteVarparams, PgliteHostFunctions.AnalyzeStatement, 2),
        ParseMessage("CompleteCachedPlan", PgliteFunctions.CompleteCachedPlan, PgliteHostFunctions.CompleteCachedPlan, 1),
        ParseMessage("SaveCachedPlan", PgliteFunctions.SaveCachedPlan, PgliteHostFunctions.SaveCachedPlan, 1),
        SimpleQuery("parse_analyze_fixedparams", PgliteFunctions.ParseAnalyzeFixedparams, PgliteHostFunctions.AnalyzeSimple, 1),
        SimpleQuery("pg_rewrite_query", PgliteFunctions.RewriteQuery, PgliteHostFunctions.RewriteSimple, 1),
        SimpleQuery("pg_plan_queries", PgliteFunctions.PlanQueries, PgliteHostFunctions.PlanSimple, 1),
        SimpleQuery("PortalDefineQuery", PgliteFunctions.PortalDefineQuery, PgliteHostFunctions.PortalDefineQuery, 2),
        SimpleQuery("PortalStart", PgliteFunctions.PortalStart, PgliteHostFunctions.PortalStart, 2),
        new CallReplacement("exec_describe_statement_message: CachedPlanGetTargetList", PgliteFunctions.PostgresMainLoopOnce, PgliteFunctions.CachedPlanGetTargetList, PgliteHostFunctions.GetTargetList, Count: 1),
        new CallReplacement("exec_bind_message: GetCachedPlan", PgliteFunctions.PostgresMainLoopOnce, PgliteFunctions.GetCachedPlan, PgliteHostFunctions.GetCachedPlan, Count: 1),
        new CallReplacement("RevalidateCachedQuery: copyObject", PgliteFunctions.RevalidateCachedQuery, PgliteFunctions.CopyObject, PgliteHostFunctions.CopyStatement, Count: 3),
        new EntryHook("set_config_with_handle: kept statements", PgliteFunctions.SetConfigWithHandle, PgliteHostFunctions.SetConfig) { PassArguments = true },
        new EntryHook("ResetAllOptions: kept statements", PgliteFunctions.ResetAllOptions, PgliteHostFunctions.ResetAllOptions),
    ];

    // exec_simple_query and, for the last two, exec_bind_message.
    private static CallReplacement SimpleQuery(string callee, int function, string hostFunction, int count) =>
        new("exec_simple_query: " + callee, PgliteFunctions.PostgresMainLoopOnce, function, hostFunction, count);

    private static CallReplacement ParseMessage(string callee, int function, string hostFunction, int count) =>
        new("exec_parse_message: " + callee, PgliteFunctions.PostgresMainLoopOnce, function, hostFunction, count);

    // Where a process begins to run without the global lock (PglitePrivateCode). SeqNext's indirect calls: scan_begin and scan_getnextslot.
    private static IEnumerable<ModulePatch> PrivateSections() =>
    [
        new EntryHook("heap_prepare_pagescan: private section", PgliteFunctions.HeapPreparePagescan, PgliteHostFunctions.PreparePage),
        new PrivateSectionStart("SeqNext: private section", PgliteFunctions.SeqNext, PgliteHostFunctions.ScanPage, Count: 2),
        new EntryHook("tuplesort_sort_memtuples: private section", PgliteFunctions.TuplesortSortMemtuples, PgliteHostFunctions.SortTuples) { PassArguments = true },
    ];

    // What must be preloaded is noticed before the extension's script runs: some scripts only check and fail.
    private static IEnumerable<ModulePatch> Extensions() =>
    [
        new EntryHook("CreateExtension: preload", PgliteFunctions.CreateExtension, PgliteHostFunctions.CreateExtension) { PassArguments = true },
    ];

    // Where a long-lived process goes on in a clone: the head of the loop it waits in. Loops are counted in code order. In those that catch
    // errors, loop 0 is the one that sigsetjmp became; ServerLoop is inlined into main behind the loops of its start.
    private static IEnumerable<ModulePatch> MainLoops() =>
    [
        new ResumableLoop("main: ServerLoop", PgliteFunctions.Main, 8),
        new ResumableLoop("AutoVacLauncherMain: main loop", PgliteFunctions.AutoVacLauncherMain, 1),
        new ResumableLoop("BackgroundWriterMain: main loop", PgliteFunctions.BackgroundWriterMain, 1),
        new ResumableLoop("CheckpointerMain: main loop", PgliteFunctions.CheckpointerMain, 1),
        new ResumableLoop("WalWriterMain: main loop", PgliteFunctions.WalWriterMain, 1),
        new ResumableLoop("ApplyLauncherMain: main loop", PgliteFunctions.ApplyLauncherMain, 0),
    ];

    private static DroppedLoadReplacement Semaphore(string caller, int function, string pattern) =>
        new(caller + ": PGSemaphoreLock/Unlock", function, PgliteStructs.PgProc.Semaphore, pattern, new Dictionary<char, string>
        {
            ['L'] = PgliteHostFunctions.SemaphoreLock,
            ['U'] = PgliteHostFunctions.SemaphoreUnlock,
        });
}
