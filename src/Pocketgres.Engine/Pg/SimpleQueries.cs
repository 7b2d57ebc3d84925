using System.Runtime.InteropServices;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// exec_simple_query (tcop/postgres.c) of one statement that the session has run before: it is not parsed and analysed again
/// (<see cref="KeptStatements"/>).
/// </summary>
/// <remarks>
/// The calls of exec_simple_query come here in this order: raw_parser, parse_analyze_fixedparams, QueryRewrite, PortalDefineQuery, PortalStart. Of a kept
/// statement the first gives its tree, the next its query and the third nothing, so that nothing is planned, and the portal gets a plan of the plan cache.
/// One that is to be kept gets its plan source before it is planned.
/// </remarks>
public static unsafe class SimpleQueries
{
    private const int CursorOptParallelOk = 0x0800; // CURSOR_OPT_PARALLEL_OK (nodes/parsenodes.h)

    /// <summary>Runs before exec_simple_query.</summary>
    [EntryHook("exec_simple_query", Locking = KernelLocking.None)]
    public static void Begin(byte* m, long text)
    {
        if (PostgresProcess.Of(Process.From(m)).Statements is { } cache)
        {
            cache.Begin();
            cache.SimpleText = (uint)text;
        }
    }

    /// <summary>raw_parser: a list with the tree of a kept statement.</summary>
    internal static long Parse(Process process, StatementCache cache, long text, int mode)
    {
        cache.SimpleText = 0;
        cache.Simple = KeptStatements.Find(process, cache, true, Message(process.Memory, text));
        if (cache.Simple is { } found)
        {
            return KeptStatements.ListOf(process, found.Plan);
        }

        long list = PlanCache.Parse(process, text, mode);
        if (cache.Candidate is not null && Lists.Length(process.Memory, list) == 1)
        {
            cache.CandidateTree = Lists.Element(process.Memory, list, 0);
        }

        return list;
    }

    /// <summary>parse_analyze_fixedparams in pg_analyze_and_rewrite_fixedparams, whoever calls that: the query of a kept statement.</summary>
    [FunctionReplacement("statement_analyze", Locking = KernelLocking.None)]
    public static long Analyze(byte* m, long tree, long text, long types, int count, long environment)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache?.Simple is { } entry && KeptStatements.TreeOf(m, entry.Plan) == (uint)tree)
        {
            return KeptStatements.QueryOf(m, entry.Plan);
        }

        long query = ((delegate*<byte*, long, long, long, int, long, long>)process.Export("parse_analyze_fixedparams"))(m, tree, text, types, count, environment);
        if (cache is { Candidate: { Plan: 0, Is.IsSimple: true } } && cache.CandidateTree == (uint)tree)
        {
            cache.CandidateQuery = (uint)query;
        }

        return query;
    }

    /// <summary>PortalDefineQuery in exec_simple_query and exec_bind_message: the former's portal of a kept statement gets its plan.</summary>
    [FunctionReplacement("statement_define", Locking = KernelLocking.None)]
    public static void DefineQuery(byte* m, long portal, long name, long text, int tag, long statements, long plan)
    {
        var process = Process.From(m);
        if (statements == 0 && plan == 0 && PostgresProcess.Of(process).Statements is { Simple: { } entry } cache)
        {
            plan = KeptStatements.GetPlan(process, cache, entry, 0, 0, 0);
            statements = new CachedPlan(m, (uint)plan).Statements;
        }

        ((delegate*<byte*, long, long, long, int, long, long, void>)process.Export("PortalDefineQuery"))(m, portal, name, text, tag, statements, plan);
    }

    /// <summary>The candidate has been analysed and rewritten.</summary>
    internal static void Keep(Process process, StatementCache cache, long queries)
    {
        byte* m = process.Memory;
        uint tree = cache.CandidateTree;
        cache.CandidateTree = 0;
        cache.CandidateQuery = 0;
        if (Lists.Length(m, queries) != 1 || new Query(m, Lists.Element(m, queries, 0)).CommandType >= NodeTags.UtilityCommand)
        {
            cache.Forget();
            return;
        }

        uint text = StatementVariables.DebugQueryString(m);
        int tag = ((delegate*<byte*, long, int>)process.Export("CreateCommandTag"))(m, new RawStmt(m, tree).Statement);
        long source = PlanCache.Create(process, tree, text, tag);
        PlanCache.Complete(process, source, queries, 0, 0, 0, 0, 0, CursorOptParallelOk, 0);
        PlanCache.Save(process, source);
        KeptStatements.Analysed(process, cache, (uint)source, Message(m, text));
        if (cache.Candidate is null)
        {
            PlanCache.Drop(process, source);
        }
        else
        {
            KeptStatements.Drop(process, cache.Keep());
        }
    }

    // The text and its end.
    private static ReadOnlySpan<byte> Message(byte* m, long text)
    {
        byte* start = m + (uint)text;
        return new ReadOnlySpan<byte>(start, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(start).Length + 1);
    }
}
