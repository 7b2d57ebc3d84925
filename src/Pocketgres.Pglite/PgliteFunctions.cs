namespace Pocketgres.Pglite;

/// <summary>
/// Function indexes of <c>pglite.wasm</c> (imports counted, as in the binary). Names are those of Postgres' or musl's C source; where the optimiser
/// inlined one function into another, the name is the surviving (outer) one. Functions that the module exports are checked against its export
/// section at build time; those that are called or patched by index are also pinned by a fingerprint of their body (<c>PgliteFingerprints</c>).
/// </summary>
public static class PgliteFunctions
{
    // ---- Programs and processes

    /// <summary><c>int main(int argc, char **argv)</c> (main/main.c) with PostmasterMain and ServerLoop inlined; exported as <c>__main_argc_argv</c>.</summary>
    public const int Main = 3687;

    /// <summary><c>pid_t postmaster_child_launch(BackendType, int child_slot, const void *startup_data, size_t, ClientSocket *)</c>
    /// (postmaster/launch_backend.c). Replaced: the module's own has lost its fork().</summary>
    public const int PostmasterChildLaunch = 4572;

    /// <summary><c>void InitStandaloneProcess(const char *argv0)</c> (utils/init/miscinit.c): latch, wait event sets, signal masks of a new process.</summary>
    public const int InitStandaloneProcess = 10086;

    /// <summary><c>void proc_exit(int code)</c> (storage/ipc/ipc.c).</summary>
    public const int ProcExit = 5442;

    /// <summary><c>static void ProcKill(int code, Datum arg)</c> (storage/lmgr/proc.c).</summary>
    public const int ProcKill = 5693;

    /// <summary><c>static void AuxiliaryProcKill(int code, Datum arg)</c> (storage/lmgr/proc.c).</summary>
    public const int AuxiliaryProcKill = 5695;

    /// <summary><c>ObjectAddress CreateExtension(ParseState *, CreateExtensionStmt *)</c> (commands/extension.c); the result is stored through the first argument.</summary>
    public const int CreateExtension = 2509;

    /// <summary><c>void ProcessInterrupts(void)</c> (tcop/postgres.c): the body of CHECK_FOR_INTERRUPTS.</summary>
    public const int ProcessInterrupts = 5803;

    // ---- Authentication

    /// <summary><c>void InitPostgres(...)</c> (utils/init/postinit.c) with ClientAuthentication and auth_peer inlined.</summary>
    public const int InitPostgres = 10118;

    /// <summary><c>void set_authn_id(Port *port, const char *id)</c> (libpq/auth.c). Called by a host function.</summary>
    public const int SetAuthnId = 3567;

    /// <summary><c>int check_usermap(const char *usermap_name, const char *pg_user, const char *system_user, bool case_insensitive)</c> (libpq/hba.c): 0 when
    /// the user is let in. Called by a host function.</summary>
    public const int CheckUsermap = 3612;

    // ---- Main loops of the processes that live as long as the server: resumable, for clones

    /// <summary><c>void AutoVacLauncherMain(const void *, size_t)</c> (postmaster/autovacuum.c).</summary>
    public const int AutoVacLauncherMain = 4529;

    /// <summary><c>void BackgroundWriterMain(const void *, size_t)</c> (postmaster/bgwriter.c).</summary>
    public const int BackgroundWriterMain = 4558;

    /// <summary><c>void CheckpointerMain(const void *, size_t)</c> (postmaster/checkpointer.c).</summary>
    public const int CheckpointerMain = 4559;

    /// <summary><c>void WalWriterMain(const void *, size_t)</c> (postmaster/walwriter.c).</summary>
    public const int WalWriterMain = 4627;

    /// <summary><c>void ApplyLauncherMain(Datum)</c> (replication/logical/launcher.c), the main function of a background worker.</summary>
    public const int ApplyLauncherMain = 4771;

    // ---- Signals

    /// <summary><c>static void wrapper_handler(int signo)</c> (port/pqsignal.c).</summary>
    public const int WrapperHandler = 10910;

    /// <summary><c>pqsigfunc pqsignal(int signo, pqsigfunc func)</c> (port/pqsignal.c), exported as <c>pqsignal_be</c>.</summary>
    public const int PqSignal = 10909;

    /// <summary><c>int sigprocmask(int how, const sigset_t *set, sigset_t *old)</c> (emscripten's musl).</summary>
    public const int SigProcMask = 13548;

    /// <summary><c>int raise(int sig)</c> (emscripten's musl): runs the handler, or leaves the signal pending when it is blocked.</summary>
    public const int Raise = 13524;

    /// <summary><c>int kill(pid_t pid, int sig)</c> (emscripten's musl). Replaced.</summary>
    public const int Kill = 13473;

    // ---- Waiting

    /// <summary><c>int WaitEventSetWait(WaitEventSet *, long timeout, WaitEvent *, int nevents, uint32 wait_event_info)</c>
    /// (storage/ipc/waiteventset.c). Replaced.</summary>
    public const int WaitEventSetWait = 5573;

    /// <summary><c>void SetLatch(Latch *latch)</c> (storage/ipc/latch.c).</summary>
    public const int SetLatch = 5461;

    /// <summary><c>int nanosleep(const struct timespec *req, struct timespec *rem)</c> (musl). Replaced.</summary>
    public const int Nanosleep = 13504;

    /// <summary><c>void pg_usleep(long microsec)</c> (port/pgsleep.c).</summary>
    public const int PgUsleep = 10903;

    /// <summary><c>void ConditionVariablePrepareToSleep(ConditionVariable *cv)</c> (storage/lmgr/condition_variable.c).</summary>
    public const int ConditionVariablePrepareToSleep = 5581;

    /// <summary><c>bool ConditionVariableCancelSleep(void)</c>.</summary>
    public const int ConditionVariableCancelSleep = 5582;

    /// <summary><c>void ConditionVariableSleep(ConditionVariable *cv, uint32 wait_event_info)</c>.</summary>
    public const int ConditionVariableSleep = 5583;

    // ---- Checkpoints

    /// <summary><c>void RequestCheckpoint(int flags)</c> (postmaster/checkpointer.c). Replaced: PGlite keeps only the single-user branch.</summary>
    public const int RequestCheckpoint = 4564;

    /// <summary><c>bool CreateCheckPoint(int flags)</c> (access/transam/xlog.c).</summary>
    public const int CreateCheckPoint = 1401;

    /// <summary><c>void smgrdestroyall(void)</c> (storage/smgr/smgr.c).</summary>
    public const int SmgrDestroyAll = 5765;

    /// <summary><c>static void XLogWrite(XLogwrtRqst, TimeLineID tli, bool flexible)</c> (access/transam/xlog.c).</summary>
    public const int XLogWrite = 1355;

    /// <summary><c>bool XLogCheckpointNeeded(XLogSegNo new_segno)</c> (access/transam/xlog.c).</summary>
    public const int XLogCheckpointNeeded = 1361;

    /// <summary><c>XLogRecPtr GetRedoRecPtr(void)</c> (access/transam/xlog.c): also refreshes what <see cref="XLogCheckpointNeeded"/> looks at.</summary>
    public const int GetRedoRecPtr = 1393;

    /// <summary><c>time_t time(time_t *)</c> of the C library.</summary>
    public const int Time = 13361;

    // ---- Checksums

    /// <summary><c>uint16 pg_checksum_page(char *page, BlockNumber blkno)</c> (storage/checksum_impl.h).</summary>
    public const int PgChecksumPage = 5730;

    /// <summary><c>pg_crc32c pg_comp_crc32c_sb8(pg_crc32c crc, const void *data, size_t len)</c> (port/pg_crc32c_sb8.c).</summary>
    public const int PgCompCrc32C = 10877;

    // ---- Sorting

    /// <summary><c>int memcmp(const void *, const void *, size_t)</c> of the C library.</summary>
    public const int Memcmp = 13497;

    /// <summary><c>bool tuplesort_gettuple_common(Tuplesortstate *, bool forward, SortTuple *)</c> (utils/sort/tuplesort.c).</summary>
    public const int TuplesortGettupleCommon = 10531;

    /// <summary><c>static int comparetup_heap_tiebreak(const SortTuple *a, const SortTuple *b, Tuplesortstate *)</c> (utils/sort/tuplesortvariants.c).</summary>
    public const int ComparetupHeapTiebreak = 10550;

    /// <summary><c>static int comparetup_index_btree_tiebreak(const SortTuple *a, const SortTuple *b, Tuplesortstate *)</c>.</summary>
    public const int ComparetupIndexBtreeTiebreak = 10562;

    /// <summary><c>static void dumptuples(Tuplesortstate *, bool alltuples)</c> (utils/sort/tuplesort.c): sorts a run and writes it.</summary>
    public const int TuplesortDumptuples = 10520;

    /// <summary><c>void tuplesort_performsort(Tuplesortstate *)</c> (utils/sort/tuplesort.c).</summary>
    public const int TuplesortPerformsort = 10523;

    /// <summary><c>static void tuplesort_sort_memtuples(Tuplesortstate *)</c> (utils/sort/tuplesort.c).</summary>
    public const int TuplesortSortMemtuples = 10522;

    // ---- Unnamed statements

    /// <summary>PostgresMain's loop over messages (tcop/postgres.c), which PGlite made a function that handles one: with exec_parse_message,
    /// pg_parse_query and drop_unnamed_stmt inlined.</summary>
    public const int PostgresMainLoopOnce = 5831;

    /// <summary><c>MemoryContext AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size, Size, Size)</c> (utils/mmgr/aset.c).</summary>
    public const int AllocSetContextCreateInternal = 10322;

    /// <summary><c>List *raw_parser(const char *str, RawParseMode mode)</c> (parser/parser.c).</summary>
    public const int RawParser = 2272;

    /// <summary><c>Query *parse_analyze_fixedparams(RawStmt *, const char *sourceText, const Oid *types, int count, QueryEnvironment *)</c> (parser/analyze.c).</summary>
    public const int ParseAnalyzeFixedparams = 2012;

    /// <summary><c>static List *pg_rewrite_query(Query *)</c> (tcop/postgres.c).</summary>
    public const int RewriteQuery = 5810;

    /// <summary><c>List *pg_plan_queries(List *queries, const char *query_string, int cursor_options, ParamListInfo)</c> (tcop/postgres.c).</summary>
    public const int PlanQueries = 5814;

    /// <summary><c>CommandTag CreateCommandTag(Node *parsetree)</c> (tcop/utility.c).</summary>
    public const int CreateCommandTag = 5861;

    /// <summary><c>CachedPlan *GetCachedPlan(CachedPlanSource *, ParamListInfo, ResourceOwner, QueryEnvironment *)</c> (utils/cache/plancache.c).</summary>
    public const int GetCachedPlan = 9790;

    /// <summary><c>static List *RevalidateCachedQuery(CachedPlanSource *, QueryEnvironment *)</c> (utils/cache/plancache.c).</summary>
    public const int RevalidateCachedQuery = 9791;

    /// <summary><c>void ReleaseCachedPlan(CachedPlan *, ResourceOwner)</c> (utils/cache/plancache.c).</summary>
    public const int ReleaseCachedPlan = 9795;

    /// <summary><c>List *CachedPlanGetTargetList(CachedPlanSource *)</c> (utils/cache/plancache.c): its parameter queryEnv was always NULL and is gone.</summary>
    public const int CachedPlanGetTargetList = 9798;

    /// <summary><c>void PortalDefineQuery(Portal, const char *prepStmtName, const char *sourceText, CommandTag, List *stmts, CachedPlan *)</c> (utils/mmgr/portalmem.c).</summary>
    public const int PortalDefineQuery = 10445;

    /// <summary><c>void PortalStart(Portal, ParamListInfo, int eflags, Snapshot)</c> (tcop/pquery.c).</summary>
    public const int PortalStart = 5841;

    /// <summary><c>void *copyObjectImpl(const void *)</c> (nodes/copyfuncs.c).</summary>
    public const int CopyObject = 3718;

    /// <summary><c>ParamListInfo makeParamList(int numParams)</c> (nodes/params.c).</summary>
    public const int MakeParamList = 3877;

    /// <summary><c>void *MemoryContextAlloc(MemoryContext, Size)</c> (utils/mmgr/mcxt.c).</summary>
    public const int MemoryContextAlloc = 10409;

    /// <summary><c>char func_volatile(Oid funcid)</c> (utils/cache/lsyscache.c).</summary>
    public const int FuncVolatile = 9710;

    /// <summary><c>bool op_mergejoinable(Oid opno, Oid inputtype)</c> (utils/cache/lsyscache.c).</summary>
    public const int OpMergejoinable = 9705;

    /// <summary><c>void ExecutorStart(QueryDesc *, int eflags)</c> (executor/execMain.c).</summary>
    public const int ExecutorStart = 3023;

    /// <summary><c>int check_log_duration(char *msec_str, bool was_logged)</c> (tcop/postgres.c).</summary>
    public const int CheckLogDuration = 5815;

    /// <summary><c>CachedPlanSource *CreateCachedPlan(RawStmt *, const char *query_string, CommandTag)</c> (utils/cache/plancache.c).</summary>
    public const int CreateCachedPlan = 9786;

    /// <summary><c>List *pg_analyze_and_rewrite_varparams(RawStmt *, const char *query_string, Oid **paramTypes, int *numParams)</c> (tcop/postgres.c).</summary>
    public const int AnalyzeAndRewriteVarparams = 5811;

    /// <summary><c>void CompleteCachedPlan(CachedPlanSource *, List *querytree_list, MemoryContext, Oid *param_types, int num_params, ParserSetupHook,
    /// void *arg, int cursor_options, bool fixed_result)</c> (utils/cache/plancache.c).</summary>
    public const int CompleteCachedPlan = 9787;

    /// <summary><c>void SaveCachedPlan(CachedPlanSource *)</c>.</summary>
    public const int SaveCachedPlan = 9788;

    /// <summary><c>void DropCachedPlan(CachedPlanSource *)</c>.</summary>
    public const int DropCachedPlan = 9789;

    /// <summary><c>bool IsAbortedTransactionBlockState(void)</c> (access/transam/xact.c).</summary>
    public const int IsAbortedTransactionBlockState = 1284;

    /// <summary><c>void AcceptInvalidationMessages(void)</c> (utils/cache/inval.c).</summary>
    public const int AcceptInvalidationMessages = 9643;

    /// <summary><c>int set_config_with_handle(const char *name, config_handle *, const char *value, GucContext, GucSource, Oid srole, GucAction,
    /// bool changeVal, int elevel, bool is_reload)</c> (utils/misc/guc.c): all changes of settings but the next one.</summary>
    public const int SetConfigWithHandle = 10181;

    /// <summary><c>void ResetAllOptions(void)</c> (utils/misc/guc.c).</summary>
    public const int ResetAllOptions = 10205;

    // ---- Private sections

    /// <summary><c>void heap_prepare_pagescan(TableScanDesc)</c> (access/heap/heapam.c).</summary>
    public const int HeapPreparePagescan = 650;

    /// <summary><c>static TupleTableSlot *SeqNext(SeqScanState *)</c> (executor/nodeSeqscan.c).</summary>
    public const int SeqNext = 3381;

    /// <summary><c>int s_lock(volatile slock_t *, const char *file, int line, const char *func)</c> (storage/lmgr/s_lock.c): every spinlock's slow path.</summary>
    public const int SLock = 5705;

    // ---- Stack depth

    /// <summary><c>void check_stack_depth(void)</c> (utils/misc/stack_depth.c).</summary>
    public const int CheckStackDepth = 10296;

    /// <summary><c>bool stack_is_too_deep(void)</c>.</summary>
    public const int StackIsTooDeep = 10297;

    /// <summary><c>void assign_max_stack_depth(int newval, void *extra)</c>: sets <see cref="PgliteAddresses.MaxStackDepthBytes"/>.</summary>
    public const int AssignMaxStackDepth = 10299;

    // ---- COPY

    /// <summary><c>static bool CopyReadLineText(CopyFromState, bool is_csv)</c> (commands/copyfromparse.c).</summary>
    public const int CopyReadLineText = 2369;

    /// <summary><c>static int CopyReadAttributesText(CopyFromState)</c> (commands/copyfromparse.c).</summary>
    public const int CopyReadAttributesText = 2371;

    // ---- Error reports

    /// <summary><c>bool errstart(int elevel, const char *domain)</c> (utils/error/elog.c).</summary>
    public const int ErrStart = 9929;

    /// <summary><c>int errmsg_internal(const char *fmt, ...)</c>: format, address of the variadic arguments.</summary>
    public const int ErrMsgInternal = 9931;

    /// <summary><c>void errfinish(const char *filename, int lineno, const char *funcname)</c>.</summary>
    public const int ErrFinish = 9932;

    // ---- Sockets

    /// <summary><c>int ListenServerPort(int family, const char *hostName, unsigned short portNumber, const char *unixSocketDir, ...)</c>
    /// (libpq/pqcomm.c). PGlite folded its socket() to the constant 10.</summary>
    public const int ListenServerPort = 3629;

    /// <summary><c>int bind(int fd, const struct sockaddr *, socklen_t)</c> (musl).</summary>
    public const int Bind = 13743;

    /// <summary><c>ssize_t pgl_recv(int fd, void *buf, size_t n, int flags)</c> (PGlite's stand-in for recv). Replaced.</summary>
    public const int PglRecv = 10950;

    /// <summary><c>ssize_t pgl_send(int fd, const void *buf, size_t n, int flags)</c> (PGlite's stand-in for send). Replaced.</summary>
    public const int PglSend = 10951;

    // ---- Shared memory

    /// <summary><c>void CreateSharedMemoryAndSemaphores(void)</c> (storage/ipc/ipci.c) with CreateAnonymousSegment inlined.</summary>
    public const int CreateSharedMemoryAndSemaphores = 5453;

    /// <summary><c>bool dsm_impl_op(dsm_op, dsm_handle, Size, void **impl_private, void **mapped_address, Size *mapped_size, int elevel)</c>
    /// (storage/ipc/dsm_impl.c) with dsm_impl_mmap inlined, whose munmap was folded away.</summary>
    public const int DsmImplOp = 5439;

    /// <summary><c>void *mmap(void *, size_t, int prot, int flags, int fd, off_t)</c> (emscripten's musl).</summary>
    public const int Mmap = 13501;

    // ---- Callers of PGSemaphoreLock and PGSemaphoreUnlock: both were emptied and survive as a load of PGPROC.sem

    /// <summary><c>static void TransactionIdSetPageStatus(...)</c> (access/transam/clog.c) with TransactionGroupUpdateXidStatus inlined.</summary>
    public const int TransactionIdSetPageStatus = 1140;

    /// <summary><c>static int XLogFileInitInternal(XLogSegNo, TimeLineID, bool *, char *)</c> (access/transam/xlog.c): fills a new WAL segment under a
    /// temporary name with the process id in it.</summary>
    public const int XLogFileInitInternal = 1371;

    /// <summary><c>void StartupXLOG(void)</c> (access/transam/xlog.c) with XLogFileCopy and XLogFileInit inlined: two such names.</summary>
    public const int StartupXLog = 1390;

    /// <summary>The WAL receiver's writing (replication/walreceiver.c) with XLogFileInit inlined: one such name.</summary>
    public const int WalReceiverWrite = 5016;

    /// <summary><c>void SyncRepWaitForLSN(XLogRecPtr lsn, bool commit)</c> (replication/syncrep.c): what each commit, prepared ones among them, calls
    /// when its log is flushed and before anybody sees it.</summary>
    public const int SyncRepWaitForLSN = 5001;

    /// <summary><c>void XLogFlush(XLogRecPtr record)</c> (access/transam/xlog.c) with LWLockAcquireOrWait inlined.</summary>
    public const int XLogFlush = 1352;

    /// <summary><c>static XLogRecPtr WaitXLogInsertionsToFinish(XLogRecPtr upto)</c> (access/transam/xlog.c) with LWLockWaitForVar inlined.</summary>
    public const int WaitXLogInsertionsToFinish = 1354;

    /// <summary><c>void ProcArrayEndTransaction(PGPROC *proc, TransactionId latestXid)</c> (storage/ipc/procarray.c) with ProcArrayGroupClearXid inlined.</summary>
    public const int ProcArrayEndTransaction = 5472;

    /// <summary><c>bool LWLockAcquire(LWLock *lock, LWLockMode mode)</c> (storage/lmgr/lwlock.c).</summary>
    public const int LWLockAcquire = 5656;

    /// <summary><c>static void LWLockDequeueSelf(LWLock *lock)</c>.</summary>
    public const int LWLockDequeueSelf = 5658;

    /// <summary><c>void LWLockUpdateVar(LWLock *lock, pg_atomic_uint64 *valptr, uint64 val)</c>.</summary>
    public const int LWLockUpdateVar = 5660;

    /// <summary><c>static void LWLockReleaseInternal(LWLock *lock, LWLockMode mode)</c> with LWLockWakeup inlined.</summary>
    public const int LWLockReleaseInternal = 5663;

    // ---- Logical replication: not exported, but imported by pgoutput.so

    /// <summary><c>List *GetRelationPublications(Oid relid)</c> (catalog/pg_publication.c).</summary>
    public const int GetRelationPublications = 1960;

    /// <summary><c>List *GetSchemaPublications(Oid schemaid)</c> (catalog/pg_publication.c).</summary>
    public const int GetSchemaPublications = 1961;

    /// <summary><c>char defGetStreamingMode(DefElem *def)</c> (commands/subscriptioncmds.c).</summary>
    public const int DefGetStreamingMode = 2666;

    /// <summary><c>Publication *GetPublicationByName(const char *pubname, bool missing_ok)</c> (catalog/pg_publication.c).</summary>
    public const int GetPublicationByName = 1969;

    /// <summary><c>Oid GetTopMostAncestorInPublication(Oid puboid, List *ancestors)</c> (catalog/pg_publication.c): its parameter
    /// ancestor_level was always NULL and is gone. Called by a host function.</summary>
    public const int GetTopMostAncestorInPublication = 1959;

    /// <summary><c>TupleDesc CreateTupleDescCopyConstr(TupleDesc)</c> (access/common/tupdesc.c).</summary>
    public const int CreateTupleDescCopyConstr = 353;

    /// <summary><c>AttrMap *build_attrmap_by_name_if_req(TupleDesc in, TupleDesc out, bool missing_ok)</c> (access/common/attmap.c).</summary>
    public const int BuildAttrmapByNameIfReq = 245;

    /// <summary><c>void free_attrmap(AttrMap *map)</c> (access/common/attmap.c); its code equals destroyStringInfo's, so the linker kept one of them (lib/stringinfo.h).</summary>
    public const int FreeAttrmap = 243;

    /// <summary><c>TupleTableSlot *execute_attr_map_slot(AttrMap *, TupleTableSlot *in, TupleTableSlot *out)</c> (access/common/tupconvert.c).</summary>
    public const int ExecuteAttrMapSlot = 345;

    /// <summary><c>RTEPermissionInfo *addRTEPermissionInfo(List **rteperminfos, RangeTblEntry *rte)</c> (parser/parse_relation.c).</summary>
    public const int AddRTEPermissionInfo = 2201;

    /// <summary><c>Node *expand_generated_columns_in_expr(Node *node, Relation rel, int rt_index)</c> (rewrite/rewriteHandler.c).</summary>
    public const int ExpandGeneratedColumnsInExpr = 5067;

    /// <summary><c>Expr *make_orclause(List *orclauses)</c> (nodes/makefuncs.c).</summary>
    public const int MakeOrClause = 3828;

    /// <summary><c>ExprState *ExecPrepareExpr(Expr *node, EState *estate)</c> (executor/execExpr.c).</summary>
    public const int ExecPrepareExpr = 2967;

    /// <summary><c>bool list_member_xid(const List *, TransactionId)</c> (nodes/list.c); also exported as list_member_oid and list_member_int, whose code is the same (nodes/list.c).</summary>
    public const int ListMemberXid = 3773;

    /// <summary><c>List *lappend_xid(List *, TransactionId)</c> (nodes/list.c).</summary>
    public const int LappendXid = 3762;

    /// <summary><c>bool replorigin_by_oid(RepOriginId roident, char **roname)</c> (replication/logical/origin.c): its parameter missing_ok was always
    /// true and is gone.</summary>
    public const int ReplOriginByOid = 4821;

    /// <summary><c>Oid RelationGetReplicaIndex(Relation relation)</c> (utils/cache/relcache.c). Called by host functions.</summary>
    public const int RelationGetReplicaIndex = 9837;

    /// <summary><c>void LocalExecuteInvalidationMessage(SharedInvalidationMessage *msg)</c> (utils/cache/inval.c) with the callbacks' loops inlined.</summary>
    public const int LocalExecuteInvalidationMessage = 9641;

    /// <summary><c>void WalReceiverMain(const void *startup_data, size_t)</c> (replication/walreceiver.c). Only compared: it pins the addresses of the
    /// variables that libpqwalreceiver sets.</summary>
    public const int WalReceiverMain = 5014;

    /// <summary><c>Datum pg_lsn_in(PG_FUNCTION_ARGS)</c> (utils/adt/pg_lsn.c); imported by libpqwalreceiver.</summary>
    public const int PgLsnIn = 8298;

    // ---- Called for each replicated value; exported, but an index is found faster than a name

    /// <summary><c>void enlargeStringInfo(StringInfo str, int needed)</c> (common/stringinfo.c).</summary>
    public const int EnlargeStringInfo = 10793;

    /// <summary><c>void pq_sendtext(StringInfo buf, const char *str, int slen)</c> (libpq/pqformat.c): converts to the client's encoding; no NUL.</summary>
    public const int PqSendText = 3658;

    /// <summary><c>HeapTuple SearchSysCache1(int cacheId, Datum key1)</c> (utils/cache/syscache.c).</summary>
    public const int SearchSysCache1 = 9869;

    /// <summary><c>void ReleaseSysCache(HeapTuple tuple)</c> (utils/cache/syscache.c).</summary>
    public const int ReleaseSysCache = 9873;

    /// <summary><c>char *OidOutputFunctionCall(Oid functionId, Datum val)</c> (utils/fmgr/fmgr.c).</summary>
    public const int OidOutputFunctionCall = 10027;

    /// <summary><c>Datum OidFunctionCall1Coll(Oid functionId, Oid collation, Datum arg1)</c> (utils/fmgr/fmgr.c).</summary>
    public const int OidFunctionCall1Coll = 10017;

    /// <summary><c>void slot_getsomeattrs_int(TupleTableSlot *slot, int attnum)</c> (executor/execTuples.c).</summary>
    public const int SlotGetSomeAttrs = 3166;

    /// <summary><c>bool bms_is_member(int x, const Bitmapset *a)</c> (nodes/bitmapset.c).</summary>
    public const int BmsIsMember = 3700;

    /// <summary><c>void pfree(void *pointer)</c> (utils/mmgr/mcxt.c).</summary>
    public const int PFree = 10418;

    // ---- Encodings: not exported, but imported by the conversion libraries

    /// <summary><c>void report_invalid_encoding(int encoding, const char *mbstr, int len)</c> (utils/mb/mbutils.c): an ERROR.</summary>
    public const int ReportInvalidEncoding = 10137;

    /// <summary><c>bool pg_utf8_islegal(const unsigned char *source, int length)</c> (common/wchar.c).</summary>
    public const int PgUtf8IsLegal = 10813;

    // ---- Authentication

    /// <summary><c>pg_saslprep_rc pg_saslprep(const char *input, char **output)</c> (common/saslprep.c); the result is palloc'd. Called by a host function.</summary>
    public const int PgSaslPrep = 10778;

    // ---- Executor

    /// <summary><c>static Datum ExecInterpExpr(ExprState *, ExprContext *, bool *isnull)</c> (executor/execExprInterp.c): the hottest function.</summary>
    public const int ExecInterpExpr = 2977;

    // ---- C library

    /// <summary><c>long __syscall_ret(unsigned long r)</c> (musl): waitpid() was folded to <c>__syscall_ret(-1)</c>.</summary>
    public const int SyscallRet = 13603;

    /// <summary><c>unsigned long strtoul(const char *, char **, int base)</c> (musl): its base 10 in ListenServerPort is no socket.</summary>
    public const int Strtoul = 13599;
}
