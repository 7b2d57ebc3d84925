using Pocketgres.Kernel;

namespace Pocketgres.Build.Tests;

/// <summary>Host functions with the names and signatures that the patches bind to. Translation reads their marks; nothing calls them.</summary>
public static unsafe class FakePostgresHost
{
    [HostFunction("postgres.postmaster_child_launch")]
    public static int PostmasterChildLaunch(byte* m, int type, int slot, int data, int length, int socket) => throw Unexpected();

    [HostFunction("postgres.RequestCheckpoint")]
    public static void RequestCheckpoint(byte* m, int flags) => throw Unexpected();

    [HostFunction("postgres.LocalExecuteInvalidationMessage")]
    public static void InvalidationMessage(byte* m, int message) => throw Unexpected();

    [HostFunction("postgres.sort_memtuples")]
    public static void SortMemtuples(byte* m, int state) => throw Unexpected();

    [HostFunction("postgres.DropCachedPlan")]
    public static void DropCachedPlan(byte* m, int plan) => throw Unexpected();

    [HostFunction("postgres.AllocSetContextCreateInternal")]
    public static int CreateContext(byte* m, int parent, int name, int minimum, int initial, int maximum) => throw Unexpected();

    [HostFunction("postgres.raw_parser")]
    public static int Parse(byte* m, int text, int mode) => throw Unexpected();

    [HostFunction("postgres.CreateCachedPlan")]
    public static int CreateCachedPlan(byte* m, int tree, int text, int tag) => throw Unexpected();

    [HostFunction("postgres.pg_analyze_and_rewrite_varparams")]
    public static int Analyze(byte* m, int tree, int text, int types, int count) => throw Unexpected();

    [HostFunction("postgres.CompleteCachedPlan")]
    public static void CompleteCachedPlan(byte* m, int plan, int queries, int context, int types, int count, int setup, int argument, int options, int fixedResult) => throw Unexpected();

    [HostFunction("postgres.SaveCachedPlan")]
    public static void SaveCachedPlan(byte* m, int plan) => throw Unexpected();

    [HostFunction("postgres.set_config_with_handle")]
    public static void SetConfig(byte* m, int name, int handle, int value, int context, int source, int role, int action, int change, int level, int reload) => throw Unexpected();

    [HostFunction("postgres.ResetAllOptions")]
    public static void ResetAllOptions(byte* m) => throw Unexpected();

    [HostFunction("postgres.dsm_impl_op")]
    public static void DsmImplOp(byte* m, int op, int handle, int size, int implPrivate, int mappedAddress, int mappedSize, int errorLevel) => throw Unexpected();

    [HostFunction("postgres.CreateExtension")]
    public static void CreateExtension(byte* m, int result, int parseState, int statement) => throw Unexpected();

    [HostFunction("postgres.check_stack_depth")]
    public static void StackTooDeep(byte* m) => throw Unexpected();

    [HostFunction("postgres.assign_max_stack_depth")]
    public static void AssignMaxStackDepth(byte* m, int newValue, int extra) => throw Unexpected();

    [HostFunction("postgres.InitPostgres_interrupts")]
    public static int InitPostgresInterrupts(byte* m) => throw Unexpected();

    [HostFunction("postgres.SyncRepWaitForLSN")]
    public static void SyncRepWaitForLsn(byte* m, long position, int commit) => throw Unexpected();

    [HostFunction("postgres.kill")]
    public static int Kill(byte* m, int pid, int signal) => throw Unexpected();

    [HostFunction("postgres.WaitEventSetWait")]
    public static int WaitEventSetWait(byte* m, int set, int timeout, int occurred, int count, int info) => throw Unexpected();

    [HostFunction("postgres.recv")]
    public static int Recv(byte* m, int fd, int buffer, int length, int flags) => throw Unexpected();

    [HostFunction("postgres.send")]
    public static int Send(byte* m, int fd, int buffer, int length, int flags) => throw Unexpected();

    [HostFunction("postgres.nanosleep")]
    public static int Nanosleep(byte* m, int request, int remaining) => throw Unexpected();

    [HostFunction("postgres.ProcessInterrupts")]
    public static void ProcessInterrupts(byte* m) => throw Unexpected();

    [HostFunction("postgres.waitpid")]
    public static int WaitPid(byte* m, int frame) => throw Unexpected();

    [HostFunction("postgres.mmap_shared")]
    public static int MmapShared(byte* m, int address, int length, int protection, int flags, int fd, long offset) => throw Unexpected();

    [HostFunction("postgres.bind")]
    public static int Bind(byte* m, int fd, int address, int length) => throw Unexpected();

    [HostFunction("postgres.listen_socket")]
    public static int ListenSocket(byte* m) => throw Unexpected();

    [HostFunction("postgres.PGSemaphoreLock")]
    public static void SemaphoreLock(byte* m, int proc) => throw Unexpected();

    [HostFunction("postgres.PGSemaphoreUnlock")]
    public static void SemaphoreUnlock(byte* m, int proc) => throw Unexpected();

    [HostFunction("postgres.CopyReadLineText")]
    public static int Line(byte* m, int csv, int buffer, int index, int length, int needData) => throw Unexpected();

    [HostFunction("postgres.CopyReadAttributesText")]
    public static int Field(byte* m, int input, int output, int end, int delimiter) => throw Unexpected();

    [HostFunction("postgres.pg_checksum_page")]
    public static int Page(byte* m, int page, int block) => throw Unexpected();

    [HostFunction("postgres.memcmp")]
    public static int Memcmp(byte* m, int a, int b, int count) => throw Unexpected();

    [HostFunction("postgres.pg_comp_crc32c")]
    public static int Crc32C(byte* m, int crc, int data, int length) => throw Unexpected();

    [HostFunction("postgres.XLogWrite_segment_finished")]
    public static long SegmentFinished(byte* m, int result) => throw Unexpected();

    [HostFunction("postgres.tuplesort_gettuple_common")]
    public static void SortedTuple(byte* m, int state, int forward, int result) => throw Unexpected();

    [HostFunction("postgres.comparetup_tiebreak")]
    public static void CompareTuples(byte* m, int a, int b, int state) => throw Unexpected();

    [HostFunction("postgres.tuplesort_sort_memtuples")]
    public static void SortTuples(byte* m, int state) => throw Unexpected();

    [HostFunction("postgres.heap_prepare_pagescan")]
    public static void PreparePage(byte* m) => throw Unexpected();

    [HostFunction("postgres.SeqNext")]
    public static void ScanPage(byte* m) => throw Unexpected();

    [HostFunction("postgres.raw_parser_simple")]
    public static int ParseSimple(byte* m, int text, int mode) => throw Unexpected();

    [HostFunction("postgres.parse_analyze_fixedparams")]
    public static int AnalyzeSimple(byte* m, int tree, int text, int types, int count, int environment) => throw Unexpected();

    [HostFunction("postgres.pg_rewrite_query")]
    public static int RewriteSimple(byte* m, int query) => throw Unexpected();

    [HostFunction("postgres.pg_plan_queries")]
    public static int PlanSimple(byte* m, int queries, int text, int options, int parameters) => throw Unexpected();

    [HostFunction("postgres.PortalDefineQuery")]
    public static void PortalDefineQuery(byte* m, int portal, int name, int text, int tag, int statements, int plan) => throw Unexpected();

    [HostFunction("postgres.GetCachedPlan")]
    public static int GetCachedPlan(byte* m, int plan, int parameters, int owner, int environment) => throw Unexpected();

    [HostFunction("postgres.CachedPlanGetTargetList")]
    public static int GetTargetList(byte* m, int plan) => throw Unexpected();

    [HostFunction("postgres.PortalStart")]
    public static void PortalStart(byte* m, int portal, int parameters, int flags, int snapshot) => throw Unexpected();

    [HostFunction("postgres.copyObject")]
    public static int CopyStatement(byte* m, int node) => throw Unexpected();

    private static InvalidOperationException Unexpected() => new("translated code does not run in these tests");
}
