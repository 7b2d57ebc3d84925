using System.Runtime.InteropServices;
using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// exec_simple_query (tcop/postgres.c) of one statement that the session has run before: it is not parsed and analysed again
/// (<see cref="KeptStatements"/>).
/// </summary>
/// <remarks>
/// The calls of exec_simple_query come here in this order: raw_parser, parse_analyze_fixedparams,
/// pg_rewrite_query, pg_plan_queries, PortalDefineQuery, PortalStart. Of a kept statement the first gives its tree, the next three do nothing, and the
/// portal gets a plan of the plan cache. One that is to be kept gets its plan source before it is planned.
/// </remarks>
public static unsafe class SimpleQueries
{
    private const int CursorOptParallelOk = 0x0800;

    /// <summary>raw_parser: a list with the tree of a kept statement.</summary>
    [HostFunction("postgres.raw_parser_simple")]
    public static int Parse(byte* m, int text, int mode)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache is not null)
        {
            cache.Begin();
            cache.Simple = KeptStatements.Find(process, cache, true, Message(process, text));
            if (cache.Simple is { } found)
            {
                return KeptStatements.ListOf(process, found.Plan);
            }
        }

        int list = ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.RawParser))(m, text, mode);
        if (cache?.Candidate is not null && Lists.Length(m, list) == 1)
        {
            cache.CandidateTree = Lists.Element(m, list, 0);
        }

        return list;
    }

    /// <summary>parse_analyze_fixedparams: the query of a kept statement, which pg_rewrite_query gets.</summary>
    [HostFunction("postgres.parse_analyze_fixedparams")]
    public static int Analyze(byte* m, int tree, int text, int types, int count, int environment)
    {
        var process = Process.From(m);
        return PostgresProcess.Of(process).Statements?.Simple is { } entry && KeptStatements.TreeOf(m, entry.Plan) == tree
            ? tree
            : ((delegate*<byte*, int, int, int, int, int, int>)process.Function(PgliteFunctions.ParseAnalyzeFixedparams))(m, tree, text, types, count, environment);
    }

    /// <summary>pg_rewrite_query: nothing for a kept statement.</summary>
    [HostFunction("postgres.pg_rewrite_query")]
    public static int Rewrite(byte* m, int query)
    {
        var process = Process.From(m);
        return PostgresProcess.Of(process).Statements?.Simple is { } entry && KeptStatements.TreeOf(m, entry.Plan) == query
            ? 0
            : ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.RewriteQuery))(m, query);
    }

    /// <summary>pg_plan_queries: nothing for a kept statement.</summary>
    [HostFunction("postgres.pg_plan_queries")]
    public static int Plan(byte* m, int queries, int text, int options, int parameters)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is { } cache)
        {
            if (cache.Simple is not null && queries == 0)
            {
                return 0;
            }

            if (cache.Candidate is { Plan: 0, Is.IsSimple: true } && cache.CandidateTree != 0)
            {
                Keep(process, cache, queries, text);
            }
        }

        return ((delegate*<byte*, int, int, int, int, int>)process.Function(PgliteFunctions.PlanQueries))(m, queries, text, options, parameters);
    }

    /// <summary>PortalDefineQuery in exec_simple_query and exec_bind_message: the former's portal of a kept statement gets its plan.</summary>
    [HostFunction("postgres.PortalDefineQuery")]
    public static void DefineQuery(byte* m, int portal, int name, int text, int tag, int statements, int plan)
    {
        var process = Process.From(m);
        if (statements == 0 && plan == 0 && PostgresProcess.Of(process).Statements is { Simple: { } entry } cache)
        {
            plan = KeptStatements.GetPlan(process, cache, entry, 0, 0, 0);
            statements = *(int*)(m + (uint)plan + CachedPlan.Statements);
        }

        ((delegate*<byte*, int, int, int, int, int, int, void>)process.Function(PgliteFunctions.PortalDefineQuery))(m, portal, name, text, tag, statements, plan);
    }

    private static void Keep(Process process, StatementCache cache, int queries, int text)
    {
        byte* m = process.Memory;
        int tree = cache.CandidateTree;
        cache.CandidateTree = 0;
        if (Lists.Length(m, queries) != 1 || *(int*)(m + (uint)Lists.Element(m, queries, 0) + Query.CommandType) >= Query.Utility)
        {
            cache.Forget();
            return;
        }

        int tag = ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.CreateCommandTag))(m, *(int*)(m + (uint)tree + RawStmt.Statement));
        int plan = ((delegate*<byte*, int, int, int, int>)process.Function(PgliteFunctions.CreateCachedPlan))(m, tree, text, tag);
        ((delegate*<byte*, int, int, int, int, int, int, int, int, int, void>)process.Function(PgliteFunctions.CompleteCachedPlan))(
            m, plan, queries, 0, 0, 0, 0, 0, CursorOptParallelOk, 0);
        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.SaveCachedPlan))(m, plan);
        KeptStatements.Analysed(process, cache, plan, Message(process, text));
        if (cache.Candidate is null)
        {
            KeptStatements.Drop(process, plan);
        }
        else
        {
            KeptStatements.Drop(process, cache.Keep());
        }
    }

    // The text and its end.
    private static ReadOnlySpan<byte> Message(Process process, int text)
    {
        byte* start = process.Memory + (uint)text;
        return new ReadOnlySpan<byte>(start, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(start).Length + 1);
    }
}
