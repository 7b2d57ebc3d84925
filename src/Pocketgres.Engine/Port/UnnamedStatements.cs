using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// exec_parse_message (tcop/postgres.c) of an unnamed statement: most drivers send each statement anew. One that the session has run before is taken
/// from its <see cref="StatementCache"/> with its tree and analysis (<see cref="KeptStatements"/>).
/// </summary>
/// <remarks>
/// The calls that exec_parse_message makes come here, in this order: the former unnamed statement is dropped, or kept; then, for one that was kept,
/// no context is made (so that its plan source is not moved into it), the parser's list holds the kept tree, and the rest has been done. After an error in
/// between, <see cref="StatementCache.Found"/> is there until the next statement; so each call checks that it is about that one.
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
            KeptStatements.Drop(process, cache.Keep());
        }
        else
        {
            KeptStatements.Drop(process, plan);
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

    /// <summary>raw_parser, of a statement with or without a name: a list with the kept tree.</summary>
    [HostFunction("postgres.raw_parser")]
    public static int Parse(byte* m, int text, int mode)
    {
        var process = Process.From(m);
        return PostgresProcess.Of(process).Statements?.Found is { } found && text == *(int*)(Message(process) + StringInfo.Data) + 1
            ? KeptStatements.ListOf(process, found.Plan)
            : ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.RawParser))(m, text, mode);
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

    /// <summary>SaveCachedPlan of the unnamed statement: a kept one is saved.</summary>
    [HostFunction("postgres.SaveCachedPlan")]
    public static void SaveCachedPlan(byte* m, int plan)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache?.Found?.Plan == plan)
        {
            cache.Current = cache.Found;
            cache.Found = null;
            return;
        }

        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.SaveCachedPlan))(m, plan);
        if (cache?.Candidate is { Plan: 0 })
        {
            KeptStatements.Analysed(process, cache, plan, Statement(process));
        }
    }

    private static bool Find(Process process, StatementCache cache)
    {
        // The text was converted from another encoding if it is not in the message.
        cache.Begin();
        cache.Found = *(int*)(process.Memory + PgliteAddresses.DebugQueryString) == *(int*)(Message(process) + StringInfo.Data) + 1
            ? KeptStatements.Find(process, cache, false, Statement(process))
            : null;
        return cache.Found is not null;
    }

    // The Parse message: an empty name and its end, the text and its end, the parameters' types.
    private static byte* Message(Process process) => process.Memory + (uint)process.StackPointer + PostgresMainFrame.InputMessage;

    private static ReadOnlySpan<byte> Statement(Process process)
    {
        byte* message = Message(process);
        return new ReadOnlySpan<byte>(process.Memory + (uint)*(int*)(message + StringInfo.Data) + 1, *(int*)(message + StringInfo.Length) - 1);
    }

    private static StatementCache.Entry? IsFound(Process process, int tree) =>
        PostgresProcess.Of(process).Statements?.Found is { } found && KeptStatements.TreeOf(process.Memory, found.Plan) == tree ? found : null;
}
