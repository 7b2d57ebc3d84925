namespace Pocketgres.Pglite.Patches;

/// <summary>Names of the host functions that patches bind to; implemented in Pocketgres.Engine with <c>[HostFunction("...")]</c>.</summary>
internal static class PgliteHostFunctions
{
    /// <summary><c>int (BackendType, int slot, void *data, size_t length, ClientSocket *)</c>: starts a child process, returns its pid.</summary>
    public const string PostmasterChildLaunch = "postgres.postmaster_child_launch";

    /// <summary><c>void (int flags)</c>.</summary>
    public const string RequestCheckpoint = "postgres.RequestCheckpoint";

    /// <summary><c>int (int pid, int signal)</c>: 0, or -1 with errno.</summary>
    public const string Kill = "postgres.kill";

    /// <summary><c>int (WaitEventSet *, long timeout, WaitEvent *, int nevents, uint32 wait_event_info)</c>.</summary>
    public const string WaitEventSetWait = "postgres.WaitEventSetWait";

    /// <summary><c>int (int fd, void *, size_t, int flags)</c>: bytes, 0 at end of file, or -1 with errno.</summary>
    public const string Recv = "postgres.recv";

    /// <summary><c>int (int fd, const void *, size_t, int flags)</c>: bytes, or -1 with errno.</summary>
    public const string Send = "postgres.send";

    /// <summary><c>int (const struct timespec *, struct timespec *)</c>: 0, or -1 with errno.</summary>
    public const string Nanosleep = "postgres.nanosleep";

    /// <summary><c>void (void)</c>: runs before ProcessInterrupts; delivers signals and yields the global lock.</summary>
    public const string ProcessInterrupts = "postgres.ProcessInterrupts";

    /// <summary><c>void (void)</c>: reports that the stack is deeper than max_stack_depth; does not return.</summary>
    public const string StackTooDeep = "postgres.check_stack_depth";

    /// <summary><c>void (int newval, void *extra)</c>: runs before assign_max_stack_depth.</summary>
    public const string AssignMaxStackDepth = "postgres.assign_max_stack_depth";

    /// <summary><c>int (int frame)</c>: waitpid(-1, frame + <see cref="PgliteStructs.MainFrame.ExitStatus"/>, WNOHANG): a pid, 0, or -1 with errno.</summary>
    public const string WaitPid = "postgres.waitpid";

    /// <summary><c>void *(void *, size_t, int prot, int flags, int fd, off_t)</c>: the main shared memory segment.</summary>
    public const string MmapShared = "postgres.mmap_shared";

    /// <summary><c>int (int fd, const struct sockaddr *, socklen_t)</c>: creates the socket too, as the module's socket() call is gone.</summary>
    public const string Bind = "postgres.bind";

    /// <summary><c>int (void)</c>: the descriptor the last bind created.</summary>
    public const string ListenSocket = "postgres.listen_socket";

    /// <summary><c>int *(void)</c>: the address of InterruptPending, where InitPostgres checks for interrupts; authenticates by `peer` on the way.</summary>
    public const string AuthenticatePeer = "postgres.InitPostgres_interrupts";

    /// <summary><c>void (PGPROC *)</c>: waits on the calling process's semaphore.</summary>
    public const string SemaphoreLock = "postgres.PGSemaphoreLock";

    /// <summary><c>void (PGPROC *)</c>: posts the semaphore of the process whose pid is in the PGPROC.</summary>
    public const string SemaphoreUnlock = "postgres.PGSemaphoreUnlock";

    /// <summary><c>time_t (time_t *)</c>: time(), called by XLogWrite after a segment is full; requests a checkpoint if max_wal_size says so.</summary>
    public const string SegmentFinished = "postgres.XLogWrite_segment_finished";

    /// <summary><c>void (XLogRecPtr lsn, bool commit)</c>: runs before SyncRepWaitForLSN.</summary>
    public const string WaitForLog = "postgres.SyncRepWaitForLSN";

    /// <summary><c>uint16 (char *page, BlockNumber)</c>.</summary>
    public const string ChecksumPage = "postgres.pg_checksum_page";

    /// <summary><c>pg_crc32c (pg_crc32c, const void *, size_t)</c>.</summary>
    public const string Crc32C = "postgres.pg_comp_crc32c";

    /// <summary><c>int (const void *, const void *, size_t)</c>.</summary>
    public const string Memcmp = "postgres.memcmp";

    /// <summary><c>void (Tuplesortstate *, bool forward, SortTuple *)</c>: runs before tuplesort_gettuple_common.</summary>
    public const string SortedTuple = "postgres.tuplesort_gettuple_common";

    /// <summary><c>void (const SortTuple *, const SortTuple *, Tuplesortstate *)</c>: runs before a comparison that looks into the tuples.</summary>
    public const string CompareTuples = "postgres.comparetup_tiebreak";

    /// <summary><c>void (Tuplesortstate *)</c>: runs before tuplesort_sort_memtuples.</summary>
    public const string SortTuples = "postgres.tuplesort_sort_memtuples";

    /// <summary><c>void (void)</c>: runs before heap_prepare_pagescan.</summary>
    public const string PreparePage = "postgres.heap_prepare_pagescan";

    /// <summary><c>void (void)</c>: begins a private section in SeqNext.</summary>
    public const string ScanPage = "postgres.SeqNext";

    /// <summary><c>int (bool is_csv, char *copy_input_buf, int input_buf_ptr, int copy_buf_len, bool need_data)</c>: bytes that end no line.</summary>
    public const string CopyLine = "postgres.CopyReadLineText";

    /// <summary><c>int (char *cur_ptr, char *output_ptr, char *line_end_ptr, char delimc)</c>: bytes copied.</summary>
    public const string CopyField = "postgres.CopyReadAttributesText";

    /// <summary><c>void (dsm_op, dsm_handle, Size, void **, void **mapped_address, Size *mapped_size, int)</c>: runs before dsm_impl_op; unmaps.</summary>
    public const string DsmImplOp = "postgres.dsm_impl_op";

    /// <summary><c>void (ObjectAddress *result, ParseState *, CreateExtensionStmt *)</c>: runs before CreateExtension.</summary>
    public const string CreateExtension = "postgres.CreateExtension";

    /// <summary><c>void (Tuplesortstate *)</c>: tuplesort_sort_memtuples, with more of each text key at hand.</summary>
    public const string SortMemtuples = "postgres.sort_memtuples";

    /// <summary><c>void (const SharedInvalidationMessage *)</c>: runs before LocalExecuteInvalidationMessage.</summary>
    public const string InvalidationMessage = "postgres.LocalExecuteInvalidationMessage";

    /// <summary><c>void (CachedPlanSource *)</c>: DropCachedPlan of the unnamed statement, which may be kept instead.</summary>
    public const string DropUnnamedStatement = "postgres.DropCachedPlan";

    /// <summary><c>MemoryContext (MemoryContext parent, const char *name, Size, Size, Size)</c>: where an unnamed statement is analysed; 0 if it was kept.</summary>
    public const string CreateStatementContext = "postgres.AllocSetContextCreateInternal";

    /// <summary><c>List *(const char *, RawParseMode)</c>.</summary>
    public const string ParseStatement = "postgres.raw_parser";

    /// <summary><c>CachedPlanSource *(RawStmt *, const char *, CommandTag)</c>.</summary>
    public const string CreateCachedPlan = "postgres.CreateCachedPlan";

    /// <summary><c>List *(RawStmt *, const char *, Oid **, int *)</c>.</summary>
    public const string AnalyzeStatement = "postgres.pg_analyze_and_rewrite_varparams";

    /// <summary><c>void (CachedPlanSource *, List *, MemoryContext, Oid *, int, ParserSetupHook, void *, int, bool)</c>.</summary>
    public const string CompleteCachedPlan = "postgres.CompleteCachedPlan";

    /// <summary><c>void (CachedPlanSource *)</c>: SaveCachedPlan of the unnamed statement.</summary>
    public const string SaveCachedPlan = "postgres.SaveCachedPlan";

    /// <summary><c>List *(const char *, RawParseMode)</c>, of a simple query.</summary>
    public const string ParseSimple = "postgres.raw_parser_simple";

    /// <summary><c>Query *(RawStmt *, const char *, const Oid *, int, QueryEnvironment *)</c>.</summary>
    public const string AnalyzeSimple = "postgres.parse_analyze_fixedparams";

    /// <summary><c>List *(Query *)</c>.</summary>
    public const string RewriteSimple = "postgres.pg_rewrite_query";

    /// <summary><c>List *(List *, const char *, int, ParamListInfo)</c>.</summary>
    public const string PlanSimple = "postgres.pg_plan_queries";

    /// <summary><c>void (Portal, const char *, const char *, CommandTag, List *, CachedPlan *)</c>.</summary>
    public const string PortalDefineQuery = "postgres.PortalDefineQuery";

    /// <summary><c>CachedPlan *(CachedPlanSource *, ParamListInfo, ResourceOwner, QueryEnvironment *)</c>.</summary>
    public const string GetCachedPlan = "postgres.GetCachedPlan";

    /// <summary><c>List *(CachedPlanSource *)</c>.</summary>
    public const string GetTargetList = "postgres.CachedPlanGetTargetList";

    /// <summary><c>void (Portal, ParamListInfo, int, Snapshot)</c>.</summary>
    public const string PortalStart = "postgres.PortalStart";

    /// <summary><c>void *(const void *)</c>: copyObject of a statement that is analysed again.</summary>
    public const string CopyStatement = "postgres.copyObject";

    /// <summary><c>void (const char *name, config_handle *, const char *, GucContext, GucSource, Oid, GucAction, bool, int, bool)</c>: runs before
    /// set_config_with_handle.</summary>
    public const string SetConfig = "postgres.set_config_with_handle";

    /// <summary><c>void (void)</c>: runs before ResetAllOptions.</summary>
    public const string ResetAllOptions = "postgres.ResetAllOptions";
}
