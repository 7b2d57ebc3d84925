using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

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

    /// <summary>GetCachedPlan in exec_bind_message.</summary>
    [HostFunction("postgres.GetCachedPlan")]
    public static int GetCachedPlan(byte* m, int plan, int parameters, int owner, int environment)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is not { Current: { } current } cache || current.Plan != plan)
        {
            return Call(process, plan, parameters, owner, environment);
        }

        int result = GetPlan(process, cache, current, parameters, owner, environment);
        m[(uint)plan + CachedPlanSource.FixedResult] = 1;
        return result;
    }

    /// <summary>CachedPlanGetTargetList in exec_describe_statement_message: from here on the columns that the client knows must not change.</summary>
    [HostFunction("postgres.CachedPlanGetTargetList")]
    public static int GetTargetList(byte* m, int plan)
    {
        var process = Process.From(m);
        int list = ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.CachedPlanGetTargetList))(m, plan);
        m[(uint)plan + CachedPlanSource.FixedResult] = 1;
        return list;
    }

    /// <summary>PortalStart in exec_bind_message and exec_simple_query: the literals' values come after the client's parameters.</summary>
    [HostFunction("postgres.PortalStart")]
    public static void PortalStart(byte* m, int portal, int parameters, int flags, int snapshot)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is { } cache)
        {
            int plan = *(int*)(m + (uint)portal + Portal.CachedPlan);
            if (cache.InUse is { IsAnalysedAgain: false, Literals: { AreParameters: true } literals } entry
                && plan != 0 && plan == *(int*)(m + (uint)entry.Plan + CachedPlanSource.GenericPlan))
            {
                parameters = literals.Parameters(process, *(int*)(m + (uint)portal + Portal.Context), parameters);
            }

            cache.Simple = null;
        }

        ((delegate*<byte*, int, int, int, int, void>)process.Function(PgliteFunctions.PortalStart))(m, portal, parameters, flags, snapshot);
    }

    /// <summary>copyObject in RevalidateCachedQuery. A kept statement's tree is that of another text, or has been analysed: the text is parsed instead.</summary>
    [HostFunction("postgres.copyObject")]
    public static int Copy(byte* m, int node)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements is { } cache && cache.InUse is { } entry && node != 0 && TreeOf(m, entry.Plan) == node)
        {
            entry.IsAnalysedAgain = true;
            int text = *(int*)(m + (uint)entry.Plan + CachedPlanSource.QueryString);
            return Lists.Element(m, ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.RawParser))(m, text, 0), 0);
        }

        return ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.CopyObject))(m, node);
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

    /// <summary>The kept statement that has come, with this text's literals, or null; then it may have become the candidate.</summary>
    /// <param name="process">The session.</param>
    /// <param name="cache">Its cache.</param>
    /// <param name="isSimple">It comes with the simple query protocol.</param>
    /// <param name="message">Text, its end, and the parameters' types.</param>
    internal static StatementCache.Entry? Find(Process process, StatementCache cache, bool isSimple, ReadOnlySpan<byte> message)
    {
        byte* m = process.Memory;
        if (*(int*)(m + PgliteAddresses.PostParseAnalyzeHook) != 0
            || ((delegate*<byte*, int>)process.Function(PgliteFunctions.IsAbortedTransactionBlockState))(m) != 0)
        {
            return null;
        }

        // Analysis would do this when it locks the tables.
        ((delegate*<byte*, void>)process.Function(PgliteFunctions.AcceptInvalidationMessages))(m);
        Drop(process, cache.TakeStale());
        if (cache.Find(isSimple, message, *(int*)(m + PgliteAddresses.GucStackList) == 0) is not { } found)
        {
            return null;
        }

        byte* source = m + (uint)found.Plan;
        if (source[CachedPlanSource.IsValid] == 0 || found.IsAnalysedAgain)
        {
            cache.Remove(found);
            Drop(process, found.Plan);
            return null;
        }

        if (found.Reuse != StatementCache.PlanReuse.Yes)
        {
            InvalidatePlan(m, source);
        }

        // Until it has locked its tables, as analysis would, these may change.
        source[CachedPlanSource.FixedResult] = 0;
        found.Literals?.Take(process, source, cache.Literals, message[..message.IndexOf((byte)0)]);
        return found;
    }

    /// <summary>The candidate has been analysed. It is kept, or not, as its <c>CachedPlanSource</c> allows.</summary>
    /// <param name="process">The session.</param>
    /// <param name="cache">Its cache, with a candidate.</param>
    /// <param name="plan">Address of the saved <c>CachedPlanSource</c>.</param>
    /// <param name="message">As it was looked for.</param>
    internal static void Analysed(Process process, StatementCache cache, int plan, ReadOnlySpan<byte> message)
    {
        byte* m = process.Memory;
        byte* source = m + (uint)plan;
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
            cache.Analysed(plan, Allocated(m, *(int*)(source + CachedPlanSource.Context)) + Allocated(m, *(int*)(source + CachedPlanSource.QueryContext)));
        }
    }

    /// <summary>GetCachedPlan of a kept statement.</summary>
    internal static int GetPlan(Process process, StatementCache cache, StatementCache.Entry entry, int parameters, int owner, int environment)
    {
        byte* m = process.Memory;
        byte* source = m + (uint)entry.Plan;
        if (!entry.IsAnalysedAgain && entry.Reuse != StatementCache.PlanReuse.No && MayReuse(m, entry))
        {
            if (entry.Literals is { AreParameters: false } literals)
            {
                InvalidatePlan(m, source);
                literals.ToParameters(m);
            }

            // Without values: a plan for all of them.
            entry.Tries += entry.Reuse == StatementCache.PlanReuse.Untried ? 1 : 0;
            int reusable = Call(process, entry.Plan, 0, owner, environment);
            if (entry.IsAnalysedAgain || reusable == entry.ReusablePlan)
            {
                return reusable;
            }

            if (OneRowPlans.Contains(process, reusable))
            {
                entry.Reuse = StatementCache.PlanReuse.Yes;
                cache.SetReusable(entry, reusable, Allocated(m, *(int*)(m + (uint)reusable + CachedPlan.Context)));
                return reusable;
            }

            ((delegate*<byte*, int, int, void>)process.Function(PgliteFunctions.ReleaseCachedPlan))(m, reusable, owner);
            entry.Reuse = StatementCache.PlanReuse.No;
            InvalidatePlan(m, source);
        }

        if (!entry.IsAnalysedAgain && entry.Literals is { AreParameters: true } asParameters)
        {
            InvalidatePlan(m, source);
            asParameters.ToConstants(process, source);
        }

        cache.SetReusable(entry, 0, 0);
        int plan = Call(process, entry.Plan, parameters, owner, environment);
        int* generic = (int*)(source + CachedPlanSource.GenericPlan);
        if (*generic == plan)
        {
            // It is the portal's alone, and does not stay.
            *generic = 0;
            ((delegate*<byte*, int, int, void>)process.Function(PgliteFunctions.ReleaseCachedPlan))(m, plan, 0);
        }

        // A table may have grown until its index was worth using.
        if (entry.Reuse == StatementCache.PlanReuse.No && entry.Tries < MostTries && OneRowPlans.Contains(process, plan))
        {
            entry.Reuse = StatementCache.PlanReuse.Untried;
        }

        return plan;
    }

    /// <summary>The raw parse tree of a kept statement.</summary>
    internal static int TreeOf(byte* m, int plan) => *(int*)(m + (uint)plan + CachedPlanSource.RawParseTree);

    /// <summary>A list with the tree of a kept statement, as raw_parser returns it.</summary>
    internal static int ListOf(Process process, int plan)
    {
        byte* m = process.Memory;
        *(int*)(m + PgliteAddresses.CurrentMemoryContext) = *(int*)(m + PgliteAddresses.MessageContext);
        int list = ((delegate*<byte*, int, int>)process.Export("palloc"))(m, List.SizeOfOne);
        byte* at = m + (uint)list;
        *(int*)(at + List.Type) = List.Pointers;
        *(int*)(at + List.Length) = 1;
        *(int*)(at + List.Capacity) = 1;
        *(int*)(at + List.Elements) = list + List.InitialElements;
        *(int*)(at + List.InitialElements) = TreeOf(m, plan);
        return list;
    }

    /// <summary>Drops the plan sources of statements that are not kept any more.</summary>
    internal static void Drop(Process process, IReadOnlyCollection<StatementCache.Entry> entries)
    {
        foreach (var entry in entries)
        {
            Drop(process, entry.Plan);
        }
    }

    /// <summary>DropCachedPlan.</summary>
    internal static void Drop(Process process, int plan) =>
        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.DropCachedPlan))(process.Memory, plan);

    private static int Call(Process process, int plan, int parameters, int owner, int environment) =>
        ((delegate*<byte*, int, int, int, int, int>)process.Function(PgliteFunctions.GetCachedPlan))(process.Memory, plan, parameters, owner, environment);

    private static bool MayReuse(byte* m, StatementCache.Entry entry) =>
        *(int*)(m + PgliteAddresses.PlanCacheMode) != PlanCacheMode.ForceCustomPlan && *(int*)(m + PgliteAddresses.PlannerHook) == 0
        && (entry.Reuse == StatementCache.PlanReuse.Yes || entry.Tries < MostTries)
        && (entry.Literals is null || (entry.Literals.CanBeParameters && !IsExecutionSeen(m)));

    private static bool IsExecutionSeen(byte* m) =>
        *(int*)(m + PgliteAddresses.ExecutorStartHook) != 0 || *(int*)(m + PgliteAddresses.LogStatement) != 0 || m[PgliteAddresses.LogDuration] != 0
        || *(int*)(m + PgliteAddresses.LogMinDurationSample) >= 0 || *(int*)(m + PgliteAddresses.LogMinDurationStatement) >= 0;

    // Nothing is known of plans, as of a new statement.
    private static void InvalidatePlan(byte* m, byte* source)
    {
        if (*(int*)(source + CachedPlanSource.GenericPlan) is var generic && generic != 0)
        {
            m[(uint)generic + CachedPlan.IsValid] = 0;
        }

        *(double*)(source + CachedPlanSource.GenericCost) = -1;
        *(double*)(source + CachedPlanSource.TotalCustomCost) = 0;
        *(long*)(source + CachedPlanSource.CustomPlans) = 0;
    }

    private static bool CanBeKept(byte* m, byte* source)
    {
        int tree = *(int*)(source + CachedPlanSource.RawParseTree);
        int queries = *(int*)(source + CachedPlanSource.QueryList);
        if (tree == 0 || Lists.Length(m, queries) != 1)
        {
            return false;
        }

        return *(int*)(m + (uint)Lists.Element(m, queries, 0) + Query.CommandType) < Query.Utility
            || *(int*)(m + (uint)*(int*)(m + (uint)tree + RawStmt.Statement)) == RawStmt.TransactionStmt;
    }

    // Of a memory context without its children.
    private static int Allocated(byte* m, int context) => *(int*)(m + (uint)context + MemoryContext.Allocated);
}
