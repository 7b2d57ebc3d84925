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

    /// <summary><c>void ProcessInterrupts(void)</c> (tcop/postgres.c): the body of CHECK_FOR_INTERRUPTS.</summary>
    public const int ProcessInterrupts = 5803;

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

    // ---- Publications: not exported, but imported by pgoutput.so

    /// <summary><c>List *GetRelationPublications(Oid relid)</c> (catalog/pg_publication.c).</summary>
    public const int GetRelationPublications = 1960;

    /// <summary><c>List *GetSchemaPublications(Oid schemaid)</c> (catalog/pg_publication.c).</summary>
    public const int GetSchemaPublications = 1961;

    // ---- Executor

    /// <summary><c>static Datum ExecInterpExpr(ExprState *, ExprContext *, bool *isnull)</c> (executor/execExprInterp.c): the hottest function.</summary>
    public const int ExecInterpExpr = 2977;

    // ---- C library

    /// <summary><c>long __syscall_ret(unsigned long r)</c> (musl): waitpid() was folded to <c>__syscall_ret(-1)</c>.</summary>
    public const int SyscallRet = 13603;

    /// <summary><c>unsigned long strtoul(const char *, char **, int base)</c> (musl): its base 10 in ListenServerPort is no socket.</summary>
    public const int Strtoul = 13599;
}
