using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Statements that come again are not parsed and analysed again, and where one plan does for all their executions, not planned again
/// (<see cref="OneRowPlans"/>). What is common to both ways they come: <see cref="UnnamedStatements"/>, <see cref="SimpleQueries"/>.
/// </summary>
/// <remarks>
/// A kept statement is a saved <c>CachedPlanSource</c>, so that Postgres' plan cache watches what its queries and plan depend on. With a plan that is
/// used again its literals are parameters after the client's own, which the portal gets when it is started; otherwise they are constants, and it is
/// planned anew for each execution. Only statements that are planned are kept, and those that begin and end transactions: of others (FETCH, EXECUTE) the
/// result depends on more than the text. Where an extension takes part in analysis (AGE, pg_stat_statements), none are; where one takes part in
/// planning, no plan is used again; where somebody looks at what is executed (logging of statements, ExecutorStart_hook), literals stay constants.
/// </remarks>
public static unsafe class KeptStatements
{
    private const int MostTries = 3;

    /// <summary>raw_parser in pg_parse_query, whoever calls that: for a kept statement a list with its tree.</summary>
    [FunctionReplacement("statement_parse", Locking = KernelLocking.None)]
    public static long Parse(byte* m, long text, int mode)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache is { IsParsedNext: true })
        {
            cache.IsParsedNext = false;
            return ListOf(process, cache.Found!.Plan);
        }

        return cache is not null && cache.SimpleText == (uint)text ? SimpleQueries.Parse(process, cache, text, mode) : PlanCache.Parse(process, text, mode);
    }

    /// <summary>QueryRewrite in pg_rewrite_query, whoever calls that: nothing for a kept statement, whose plan source has what it would give.</summary>
    [FunctionReplacement("statement_rewrite", Locking = KernelLocking.None)]
    public static long Rewrite(byte* m, long query)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if ((cache?.Found ?? cache?.Simple) is { } entry && QueryOf(m, entry.Plan) == (uint)query)
        {
            return 0;
        }

        long queries = ((delegate*<byte*, long, long>)process.Export("QueryRewrite"))(m, query);
        if (cache is not null && cache.CandidateQuery == (uint)query)
        {
            SimpleQueries.Keep(process, cache, queries);
        }

        return queries;
    }

    /// <summary>GetCachedPlan in exec_bind_message.</summary>
    [FunctionReplacement("statement_plan", Locking = KernelLocking.None)]
    public static long GetCachedPlan(byte* m, long source, long parameters, long owner, long environment)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is not { Current: { } current } cache || current.Plan != (uint)source)
        {
            return PlanCache.Get(process, source, parameters, owner, environment);
        }

        long result = GetPlan(process, cache, current, parameters, owner, environment);
        SetFixedResult(m, (uint)source);
        return result;
    }

    /// <summary>CachedPlanGetTargetList in exec_describe_statement_message: from here on the columns that the client knows must not change.</summary>
    [FunctionReplacement("statement_columns", Locking = KernelLocking.None)]
    public static long GetTargetList(byte* m, long source, long environment)
    {
        long list = PlanCache.TargetList(Process.From(m), source, environment);
        SetFixedResult(m, (uint)source);
        return list;
    }

    /// <summary>PortalStart in exec_bind_message and exec_simple_query: the literals' values come after the client's parameters.</summary>
    [FunctionReplacement("statement_start", Locking = KernelLocking.None)]
    public static void PortalStart(byte* m, long address, long parameters, int flags, long snapshot)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is { } cache)
        {
            var portal = new Portal(m, (uint)address);
            uint plan = portal.CachedPlan;
            if (cache.InUse is { IsAnalysedAgain: false, Literals: { AreParameters: true } literals } entry
                && plan != 0 && plan == new CachedPlanSource(m, entry.Plan).GenericPlan)
            {
                parameters = literals.Parameters(process, portal.Context, (uint)parameters);
            }

            cache.Simple = null;
        }

        ((delegate*<byte*, long, long, int, long, void>)process.Export("PortalStart"))(m, address, parameters, flags, snapshot);
    }

    /// <summary>copyObject in RevalidateCachedQuery. A kept statement's tree is that of another text, or has been analysed: the text is parsed instead.</summary>
    [CallReplacement("RevalidateCachedQuery", "copyObjectImpl", 3, Locking = KernelLocking.None)]
    public static long Copy(byte* m, long node)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is { } cache && cache.InUse is { } entry && node != 0 && TreeOf(m, entry.Plan) == (uint)node)
        {
            entry.IsAnalysedAgain = true;
            return Lists.Element(m, PlanCache.Parse(process, new CachedPlanSource(m, entry.Plan).QueryString, 0), 0);
        }

        return ((delegate*<byte*, long, long>)process.Export("copyObjectImpl"))(m, node);
    }

    /// <summary>Runs before set_config_with_handle. A custom setting, one with a dot in its name, has no part in analysis.</summary>
    [EntryHook("set_config_with_handle", Locking = KernelLocking.None)]
    public static void SetConfig(byte* m, long name, long handle, long value, int context, int source, int role, int action, int change, int level, int reload)
    {
        if (PostgresProcess.Of(Process.From(m)).Statements is { } cache && !CString.Read(m, (int)name).Contains('.', StringComparison.Ordinal))
        {
            cache.SettingChanged();
        }
    }

    /// <summary>Runs before ResetAllOptions.</summary>
    [EntryHook("ResetAllOptions", Locking = KernelLocking.None)]
    public static void ResetAllOptions(byte* m) => PostgresProcess.Of(Process.From(m)).Statements?.SettingChanged();

    /// <summary>The kept statement that has come, with this text's literals, or null; then it may have become the candidate.</summary>
    /// <param name="process">The session.</param>
    /// <param name="cache">Its cache.</param>
    /// <param name="isSimple">It comes with the simple query protocol.</param>
    /// <param name="message">Text, its end, and the parameters' types.</param>
    internal static StatementCache.Entry? Find(Process process, StatementCache cache, bool isSimple, ReadOnlySpan<byte> message)
    {
        byte* m = process.Memory;
        if (StatementVariables.PostParseAnalyzeHook(m) != 0
            || ((delegate*<byte*, int>)process.Export("IsAbortedTransactionBlockState"))(m) != 0)
        {
            return null;
        }

        // Analysis would do this when it locks the tables.
        ((delegate*<byte*, void>)process.Export("AcceptInvalidationMessages"))(m);
        Drop(process, cache.TakeStale());
        if (cache.Find(isSimple, message, StatementVariables.SettingsThatRevert(m).First == 0) is not { } found)
        {
            return null;
        }

        var source = new CachedPlanSource(m, found.Plan);
        if (!source.IsValid || found.IsAnalysedAgain)
        {
            cache.Remove(found);
            PlanCache.Drop(process, found.Plan);
            return null;
        }

        if (found.Reuse != StatementCache.PlanReuse.Yes)
        {
            InvalidatePlan(m, source);
        }

        // Until it has locked its tables, as analysis would, these may change.
        source.FixedResult = false;
        found.Literals?.Take(process, source, cache.Literals, message[..message.IndexOf((byte)0)]);
        return found;
    }

    /// <summary>The candidate has been analysed. It is kept, or not, as its <c>CachedPlanSource</c> allows.</summary>
    /// <param name="process">The session.</param>
    /// <param name="cache">Its cache, with a candidate.</param>
    /// <param name="plan">Address of the saved <c>CachedPlanSource</c>.</param>
    /// <param name="message">As it was looked for.</param>
    internal static void Analysed(Process process, StatementCache cache, uint plan, ReadOnlySpan<byte> message)
    {
        byte* m = process.Memory;
        var source = new CachedPlanSource(m, plan);
        var candidate = cache.Candidate!;
        if (!CanBeKept(m, source))
        {
            cache.Forget();
        }
        else if (candidate.Is.IsForm && cache.Literals.Count > 0
            && (candidate.Literals = StatementLiterals.Of(process, source, cache.Literals, message[..message.IndexOf((byte)0)])) is null)
        {
            cache.ForgetForm(message);
        }
        else
        {
            cache.Analysed(plan, Allocated(m, source.Context) + Allocated(m, source.QueryContext));
        }
    }

    /// <summary>GetCachedPlan of a kept statement.</summary>
    internal static long GetPlan(Process process, StatementCache cache, StatementCache.Entry entry, long parameters, long owner, long environment)
    {
        byte* m = process.Memory;
        var source = new CachedPlanSource(m, entry.Plan);
        if (!entry.IsAnalysedAgain && entry.Reuse != StatementCache.PlanReuse.No && MayReuse(m, entry))
        {
            if (entry.Literals is { AreParameters: false } literals)
            {
                InvalidatePlan(m, source);
                literals.ToParameters(m);
            }

            // Without values: a plan for all of them.
            entry.Tries += entry.Reuse == StatementCache.PlanReuse.Untried ? 1 : 0;
            uint reusable = (uint)PlanCache.Get(process, entry.Plan, 0, owner, environment);
            if (entry.IsAnalysedAgain || reusable == entry.ReusablePlan)
            {
                return reusable;
            }

            if (OneRowPlans.Contains(process, reusable))
            {
                entry.Reuse = StatementCache.PlanReuse.Yes;
                cache.SetReusable(entry, reusable, Allocated(m, new CachedPlan(m, reusable).Context));
                return reusable;
            }

            PlanCache.Release(process, reusable, owner);
            entry.Reuse = StatementCache.PlanReuse.No;
            InvalidatePlan(m, source);
        }

        if (!entry.IsAnalysedAgain && entry.Literals is { AreParameters: true } asParameters)
        {
            InvalidatePlan(m, source);
            asParameters.ToConstants(process, source);
        }

        cache.SetReusable(entry, 0, 0);
        uint plan = (uint)PlanCache.Get(process, entry.Plan, parameters, owner, environment);
        if (source.GenericPlan == plan)
        {
            // It is the portal's alone, and does not stay.
            source.GenericPlan = 0;
            PlanCache.Release(process, plan, 0);
        }

        // A table may have grown until its index was worth using.
        if (entry.Reuse == StatementCache.PlanReuse.No && entry.Tries < MostTries && OneRowPlans.Contains(process, plan))
        {
            entry.Reuse = StatementCache.PlanReuse.Untried;
        }

        return plan;
    }

    /// <summary>The raw parse tree of a kept statement.</summary>
    internal static uint TreeOf(byte* m, uint plan) => new CachedPlanSource(m, plan).RawParseTree;

    /// <summary>The first query of a kept statement, analysed and rewritten.</summary>
    internal static uint QueryOf(byte* m, uint plan) => Lists.Element(m, new CachedPlanSource(m, plan).QueryList, 0);

    /// <summary>A list with the tree of a kept statement, as raw_parser returns it.</summary>
    internal static long ListOf(Process process, uint plan)
    {
        byte* m = process.Memory;
        StatementVariables.CurrentMemoryContext(m) = StatementVariables.MessageContext(m);
        return ((delegate*<byte*, long, long, long>)process.Export("lappend"))(m, 0, TreeOf(m, plan));
    }

    /// <summary>Drops the plan sources of statements that are not kept any more.</summary>
    internal static void Drop(Process process, IReadOnlyCollection<StatementCache.Entry> entries)
    {
        foreach (var entry in entries)
        {
            PlanCache.Drop(process, entry.Plan);
        }
    }

    private static bool MayReuse(byte* m, StatementCache.Entry entry) =>
        StatementVariables.PlanCacheMode(m) != NodeTags.ForceCustomPlan && StatementVariables.PlannerHook(m) == 0
        && (entry.Reuse == StatementCache.PlanReuse.Yes || entry.Tries < MostTries)
        && (entry.Literals is null || (entry.Literals.CanBeParameters && !IsExecutionSeen(m)));

    private static bool IsExecutionSeen(byte* m) =>
        StatementVariables.ExecutorStartHook(m) != 0 || StatementVariables.LogStatement(m) != 0 || StatementVariables.LogDuration(m)
        || StatementVariables.LogMinimumDurationOfSamples(m) >= 0 || StatementVariables.LogMinimumDuration(m) >= 0;

    // Nothing is known of plans, as of a new statement.
    private static void InvalidatePlan(byte* m, CachedPlanSource source)
    {
        if (source.GenericPlan is var generic && generic != 0)
        {
            var plan = new CachedPlan(m, generic);
            plan.IsValid = false;
        }

        source.GenericCost = -1;
        source.TotalCustomCost = 0;
        source.CustomPlans = 0;
    }

    private static bool CanBeKept(byte* m, CachedPlanSource source)
    {
        uint tree = source.RawParseTree;
        uint queries = source.QueryList;
        if (tree == 0 || Lists.Length(m, queries) != 1)
        {
            return false;
        }

        return new Query(m, Lists.Element(m, queries, 0)).CommandType < NodeTags.UtilityCommand
            || new Node(m, new RawStmt(m, tree).Statement).Tag == NodeTags.TransactionStmt;
    }

    private static void SetFixedResult(byte* m, uint address)
    {
        var source = new CachedPlanSource(m, address);
        source.FixedResult = true;
    }

    // Of a memory context without its children.
    private static int Allocated(byte* m, uint context) => (int)new MemoryContext(m, context).Allocated;
}
