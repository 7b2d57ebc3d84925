using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// exec_parse_message (tcop/postgres.c) of an unnamed statement: most drivers send each statement anew. One that the session has run before is taken
/// from its <see cref="StatementCache"/> with its tree and analysis; it is planned anew for each execution, as ever.
/// </summary>
/// <remarks>
/// The calls that exec_parse_message makes come here, in this order: the former unnamed statement is dropped, or kept; then, for one that was kept,
/// no context is made (so that its plan source is not moved into it), the parser's list holds the kept tree, and the rest has been done. After an error in
/// between, <see cref="StatementCache.Found"/> is there until the next unnamed statement; so each call checks that it is about that one. Only statements
/// that are planned are kept, and those that begin and end transactions: of others (FETCH, EXECUTE) the result depends on more than the text. Where an
/// extension takes part in analysis (AGE, pg_stat_statements), none are.
/// </remarks>
public static unsafe class UnnamedStatements
{
    /// <summary>DropCachedPlan of the unnamed statement, before another one, at a simple query or at a Close message.</summary>
    [HostFunction("postgres.DropCachedPlan")]
    public static void DropCachedPlan(byte* m, int plan)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache?.Current?.Plan == plan)
        {
            cache.Current = null;
        }
        else if (cache?.Candidate?.Plan == plan)
        {
            Drop(process, cache.Keep());
        }
        else
        {
            Drop(process, plan);
        }
    }

    /// <summary>AllocSetContextCreateInternal in PostgresMain: of exec_parse_message's context 0 is returned for a statement that was kept.</summary>
    [HostFunction("postgres.AllocSetContextCreateInternal")]
    public static int CreateContext(byte* m, int parent, int name, int minimum, int initial, int maximum)
    {
        var process = Process.From(m);
        return name == PgliteAddresses.UnnamedStatementContextName && PostgresProcess.Of(process).Statements is { } cache && Find(process, cache)
            ? 0
            : ((delegate*<byte*, int, int, int, int, int, int>)process.Function(PgliteFunctions.AllocSetContextCreateInternal))(m, parent, name, minimum, initial, maximum);
    }

    /// <summary>raw_parser: a list with the kept tree.</summary>
    [HostFunction("postgres.raw_parser")]
    public static int Parse(byte* m, int text, int mode)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements?.Found is not { } found || text != *(int*)(Message(process) + StringInfo.Data) + 1)
        {
            return ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.RawParser))(m, text, mode);
        }

        *(int*)(m + PgliteAddresses.CurrentMemoryContext) = *(int*)(m + PgliteAddresses.MessageContext);
        int list = ((delegate*<byte*, int, int>)process.Export("palloc"))(m, List.SizeOfOne);
        byte* at = m + (uint)list;
        *(int*)(at + List.Type) = List.Pointers;
        *(int*)(at + List.Length) = 1;
        *(int*)(at + List.Capacity) = 1;
        *(int*)(at + List.Elements) = list + List.InitialElements;
        *(int*)(at + List.InitialElements) = TreeOf(m, found.Plan);
        return list;
    }

    /// <summary>CreateCachedPlan: the kept one.</summary>
    [HostFunction("postgres.CreateCachedPlan")]
    public static int CreateCachedPlan(byte* m, int tree, int text, int tag)
    {
        var process = Process.From(m);
        return IsFound(process, tree) is { } found
            ? found.Plan
            : ((delegate*<byte*, int, int, int, int>)process.Function(PgliteFunctions.CreateCachedPlan))(m, tree, text, tag);
    }

    /// <summary>pg_analyze_and_rewrite_varparams: nothing to do for a kept statement, whose plan source has the queries.</summary>
    [HostFunction("postgres.pg_analyze_and_rewrite_varparams")]
    public static int Analyze(byte* m, int tree, int text, int types, int count)
    {
        var process = Process.From(m);
        return IsFound(process, tree) is not null
            ? 0
            : ((delegate*<byte*, int, int, int, int, int>)process.Function(PgliteFunctions.AnalyzeAndRewriteVarparams))(m, tree, text, types, count);
    }

    /// <summary>CompleteCachedPlan: a kept statement is complete.</summary>
    [HostFunction("postgres.CompleteCachedPlan")]
    public static void CompleteCachedPlan(byte* m, int plan, int queries, int context, int types, int count, int setup, int argument, int options, int fixedResult)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements?.Found?.Plan == plan)
        {
            return;
        }

        ((delegate*<byte*, int, int, int, int, int, int, int, int, int, void>)process.Function(PgliteFunctions.CompleteCachedPlan))(
            m, plan, queries, context, types, count, setup, argument, options, fixedResult);
    }

    /// <summary>SaveCachedPlan of the unnamed statement: a kept one is saved, and begins with no plan, like a new one.</summary>
    [HostFunction("postgres.SaveCachedPlan")]
    public static void SaveCachedPlan(byte* m, int plan)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        byte* source = m + (uint)plan;
        if (cache?.Found?.Plan == plan)
        {
            cache.Current = cache.Found;
            cache.Found = null;
            if (*(int*)(source + CachedPlanSource.GenericPlan) is var generic && generic != 0)
            {
                m[(uint)generic + CachedPlan.IsValid] = 0;
            }

            *(double*)(source + CachedPlanSource.GenericCost) = -1;
            *(double*)(source + CachedPlanSource.TotalCustomCost) = 0;
            *(long*)(source + CachedPlanSource.CustomPlans) = 0;
            return;
        }

        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.SaveCachedPlan))(m, plan);
        if (cache?.Candidate is { Plan: 0 })
        {
            if (CanBeKept(m, source))
            {
                cache.Analysed(plan, Allocated(m, source + CachedPlanSource.Context) + Allocated(m, source + CachedPlanSource.QueryContext));
            }
            else
            {
                cache.Forget();
            }
        }
    }

    /// <summary>Runs before set_config_with_handle. A custom setting, one with a dot in its name, has no part in analysis.</summary>
    [HostFunction("postgres.set_config_with_handle")]
    public static void SetConfig(byte* m, int name, int handle, int value, int context, int source, int role, int action, int change, int level, int reload)
    {
        if (PostgresProcess.Of(Process.From(m)).Statements is { } cache && !CString.Read(m, name).Contains('.', StringComparison.Ordinal))
        {
            cache.SettingChanged();
        }
    }

    /// <summary>Runs before ResetAllOptions.</summary>
    [HostFunction("postgres.ResetAllOptions")]
    public static void ResetAllOptions(byte* m) => PostgresProcess.Of(Process.From(m)).Statements?.SettingChanged();

    private static bool Find(Process process, StatementCache cache)
    {
        byte* m = process.Memory;
        cache.Found = null;
        cache.Forget();
        if (*(int*)(m + PgliteAddresses.PostParseAnalyzeHook) != 0
            || ((delegate*<byte*, int>)process.Function(PgliteFunctions.IsAbortedTransactionBlockState))(m) != 0)
        {
            return false;
        }

        // Analysis would do this when it locks the tables.
        ((delegate*<byte*, void>)process.Function(PgliteFunctions.AcceptInvalidationMessages))(m);
        Drop(process, cache.TakeStale());
        int data = *(int*)(Message(process) + StringInfo.Data);
        int length = *(int*)(Message(process) + StringInfo.Length);
        if (*(int*)(m + PgliteAddresses.DebugQueryString) != data + 1)
        {
            return false; // the text was converted from another encoding, and is not in the message
        }

        var found = cache.Find(new ReadOnlySpan<byte>(m + (uint)data + 1, length - 1), *(int*)(m + PgliteAddresses.GucStackList) == 0);
        if (found is not null && m[(uint)found.Plan + CachedPlanSource.IsValid] == 0)
        {
            cache.Remove(found);
            Drop(process, found.Plan);
            return false;
        }

        cache.Found = found;
        return found is not null;
    }

    // The Parse message: an empty name and its end, the text and its end, the parameters' types.
    private static byte* Message(Process process) => process.Memory + (uint)process.StackPointer + PostgresMainFrame.InputMessage;

    private static StatementCache.Entry? IsFound(Process process, int tree) =>
        PostgresProcess.Of(process).Statements?.Found is { } found && TreeOf(process.Memory, found.Plan) == tree ? found : null;

    private static int TreeOf(byte* m, int plan) => *(int*)(m + (uint)plan + CachedPlanSource.RawParseTree);

    private static bool CanBeKept(byte* m, byte* source)
    {
        int tree = *(int*)(source + CachedPlanSource.RawParseTree);
        int queries = *(int*)(source + CachedPlanSource.QueryList);
        if (tree == 0 || queries == 0 || *(int*)(m + (uint)queries + List.Length) != 1)
        {
            return false;
        }

        int query = *(int*)(m + (uint)*(int*)(m + (uint)queries + List.Elements));
        return *(int*)(m + (uint)query + Query.CommandType) < Query.Utility
            || *(int*)(m + (uint)*(int*)(m + (uint)tree + RawStmt.Statement)) == RawStmt.TransactionStmt;
    }

    // Of a memory context without its children.
    private static int Allocated(byte* m, byte* context) => *(int*)(m + (uint)*(int*)context + MemoryContext.Allocated);

    private static void Drop(Process process, IReadOnlyCollection<StatementCache.Entry> entries)
    {
        foreach (var entry in entries)
        {
            Drop(process, entry.Plan);
        }
    }

    private static void Drop(Process process, int plan) =>
        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.DropCachedPlan))(process.Memory, plan);
}
