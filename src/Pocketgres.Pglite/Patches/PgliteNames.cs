using System.Reflection;

namespace Pocketgres.Pglite.Patches;

/// <summary>The names behind the numbers, for messages and for the comparison with what the module itself exports. Build time only.</summary>
internal static class PgliteNames
{
    private static readonly Dictionary<int, string> FunctionNames = Constants(typeof(PgliteFunctions)).ToDictionary(c => c.Value, c => c.Name);

    /// <summary>Functions of <see cref="PgliteFunctions"/> that the module exports: constant's name, exported name, index.</summary>
    public static IEnumerable<(string Constant, string Export, int Index)> ExportedFunctions =>
        Constants(typeof(PgliteFunctions)).Where(c => Exports.ContainsKey(c.Name)).Select(c => (c.Name, Exports[c.Name], c.Value));

    /// <summary>Variables of <see cref="PgliteAddresses"/>; the module exports some of them under the same name.</summary>
    public static IEnumerable<(string Name, int Address)> Variables => Constants(typeof(PgliteAddresses));

    /// <summary>Exported names of variables whose C name does not follow .NET's casing.</summary>
    public static IReadOnlyDictionary<string, string> VariableExports { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [nameof(PgliteAddresses.PgGlobalPrngState)] = "pg_global_prng_state",
        [nameof(PgliteAddresses.DebugQueryString)] = "debug_query_string",
        [nameof(PgliteAddresses.PostParseAnalyzeHook)] = "post_parse_analyze_hook",
        [nameof(PgliteAddresses.PlannerHook)] = "planner_hook",
        [nameof(PgliteAddresses.ExecutorStartHook)] = "ExecutorStart_hook",
    };

    private static Dictionary<string, string> Exports { get; } = new(StringComparer.Ordinal)
    {
        [nameof(PgliteFunctions.Main)] = "__main_argc_argv",
        [nameof(PgliteFunctions.ProcessInterrupts)] = "ProcessInterrupts",
        [nameof(PgliteFunctions.PqSignal)] = "pqsignal_be",
        [nameof(PgliteFunctions.Nanosleep)] = "nanosleep",
        [nameof(PgliteFunctions.PgUsleep)] = "pg_usleep",
        [nameof(PgliteFunctions.ConditionVariablePrepareToSleep)] = "ConditionVariablePrepareToSleep",
        [nameof(PgliteFunctions.ConditionVariableCancelSleep)] = "ConditionVariableCancelSleep",
        [nameof(PgliteFunctions.ConditionVariableSleep)] = "ConditionVariableSleep",
        [nameof(PgliteFunctions.ErrStart)] = "errstart",
        [nameof(PgliteFunctions.ErrMsgInternal)] = "errmsg_internal",
        [nameof(PgliteFunctions.ErrFinish)] = "errfinish",
        [nameof(PgliteFunctions.CheckStackDepth)] = "check_stack_depth",
        [nameof(PgliteFunctions.Bind)] = "bind",
        [nameof(PgliteFunctions.PglRecv)] = "pgl_recv",
        [nameof(PgliteFunctions.PglSend)] = "pgl_send",
        [nameof(PgliteFunctions.Mmap)] = "mmap",
        [nameof(PgliteFunctions.XLogFlush)] = "XLogFlush",
        [nameof(PgliteFunctions.LWLockAcquire)] = "LWLockAcquire",
        [nameof(PgliteFunctions.EnlargeStringInfo)] = "enlargeStringInfo",
        [nameof(PgliteFunctions.PqSendText)] = "pq_sendtext",
        [nameof(PgliteFunctions.SearchSysCache1)] = "SearchSysCache1",
        [nameof(PgliteFunctions.ReleaseSysCache)] = "ReleaseSysCache",
        [nameof(PgliteFunctions.OidOutputFunctionCall)] = "OidOutputFunctionCall",
        [nameof(PgliteFunctions.OidFunctionCall1Coll)] = "OidFunctionCall1Coll",
        [nameof(PgliteFunctions.SlotGetSomeAttrs)] = "slot_getsomeattrs_int",
        [nameof(PgliteFunctions.BmsIsMember)] = "bms_is_member",
        [nameof(PgliteFunctions.PFree)] = "pfree",
        [nameof(PgliteFunctions.Time)] = "time",
        [nameof(PgliteFunctions.PgChecksumPage)] = "pg_checksum_page",
        [nameof(PgliteFunctions.Strtoul)] = "strtoul",
        [nameof(PgliteFunctions.Memcmp)] = "memcmp",
        [nameof(PgliteFunctions.TuplesortPerformsort)] = "tuplesort_performsort",
        [nameof(PgliteFunctions.AllocSetContextCreateInternal)] = "AllocSetContextCreateInternal",
        [nameof(PgliteFunctions.RawParser)] = "raw_parser",
        [nameof(PgliteFunctions.ParseAnalyzeFixedparams)] = "parse_analyze_fixedparams",
        [nameof(PgliteFunctions.CreateCommandTag)] = "CreateCommandTag",
        [nameof(PgliteFunctions.GetCachedPlan)] = "GetCachedPlan",
        [nameof(PgliteFunctions.ReleaseCachedPlan)] = "ReleaseCachedPlan",
        [nameof(PgliteFunctions.CopyObject)] = "copyObjectImpl",
        [nameof(PgliteFunctions.MakeParamList)] = "makeParamList",
        [nameof(PgliteFunctions.MemoryContextAlloc)] = "MemoryContextAlloc",
        [nameof(PgliteFunctions.FuncVolatile)] = "func_volatile",
        [nameof(PgliteFunctions.OpMergejoinable)] = "op_mergejoinable",
        [nameof(PgliteFunctions.ExecutorStart)] = "ExecutorStart",
        [nameof(PgliteFunctions.IsAbortedTransactionBlockState)] = "IsAbortedTransactionBlockState",
        [nameof(PgliteFunctions.AcceptInvalidationMessages)] = "AcceptInvalidationMessages",
    };

    /// <summary>The constant that holds this function index, or "function N".</summary>
    public static string OfFunction(int index) => FunctionNames.GetValueOrDefault(index) ?? $"function {index}";

    private static IEnumerable<(string Name, int Value)> Constants(Type type) =>
        from field in type.GetFields(BindingFlags.Public | BindingFlags.Static)
        where field.IsLiteral && field.FieldType == typeof(int)
        select (field.Name, (int)field.GetRawConstantValue()!);
}
