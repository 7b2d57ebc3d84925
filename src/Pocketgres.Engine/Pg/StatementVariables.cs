using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>The server's C variables that decide whether a statement is kept (<see cref="KeptStatements"/>).</summary>
[GuestVariables]
internal static unsafe partial class StatementVariables
{
    /// <summary>utils/palloc.h: where palloc allocates.</summary>
    public static partial ref ulong CurrentMemoryContext(byte* m);

    /// <summary>utils/memutils.h: the memory of one message of the client.</summary>
    public static partial uint MessageContext(byte* m);

    /// <summary>tcop/tcopprot.h: the text of the statement that is worked on.</summary>
    [GuestName("debug_query_string")]
    public static partial uint DebugQueryString(byte* m);

    /// <summary>parser/analyze.h: an extension's part in analysis, or 0.</summary>
    [GuestName("post_parse_analyze_hook")]
    public static partial uint PostParseAnalyzeHook(byte* m);

    /// <summary>optimizer/planner.h: an extension's part in planning, or 0.</summary>
    [GuestName("planner_hook")]
    public static partial uint PlannerHook(byte* m);

    /// <summary>executor/executor.h: an extension's part in execution, or 0.</summary>
    [GuestName("ExecutorStart_hook")]
    public static partial uint ExecutorStartHook(byte* m);

    /// <summary>utils/misc/guc.c: settings that the end of the transaction or of a function reverts.</summary>
    [GuestName("guc_stack_list")]
    public static partial StackList SettingsThatRevert(byte* m);

    /// <summary>utils/plancache.h: plan_cache_mode.</summary>
    [GuestName("plan_cache_mode")]
    public static partial ref int PlanCacheMode(byte* m);

    /// <summary>tcop/tcopprot.h: log_statement.</summary>
    [GuestName("log_statement")]
    public static partial ref int LogStatement(byte* m);

    /// <summary>utils/guc.h: log_duration.</summary>
    [GuestName("log_duration")]
    public static partial ref bool LogDuration(byte* m);

    /// <summary>utils/guc.h: log_min_duration_sample, ms; -1: off.</summary>
    [GuestName("log_min_duration_sample")]
    public static partial ref int LogMinimumDurationOfSamples(byte* m);

    /// <summary>utils/guc.h: log_min_duration_statement, ms; -1: off.</summary>
    [GuestName("log_min_duration_statement")]
    public static partial ref int LogMinimumDuration(byte* m);
}
