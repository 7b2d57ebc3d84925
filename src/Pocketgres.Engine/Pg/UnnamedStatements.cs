using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

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
    private const int AnyEncoding = 0; // PG_SQL_ASCII: nothing is converted

    private static ReadOnlySpan<byte> ContextName => "unnamed prepared statement\0"u8;

    /// <summary>DropCachedPlan of the unnamed statement, before another one, at a simple query or at a Close message.</summary>
    [FunctionReplacement("statement_drop", Locking = KernelLocking.None)]
    public static void DropCachedPlan(byte* m, long source)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache?.Current?.Plan == (uint)source)
        {
            cache.Current = null;
        }
        else if (cache?.Candidate?.Plan == (uint)source)
        {
            KeptStatements.Drop(process, cache.Keep());
        }
        else
        {
            PlanCache.Drop(process, source);
        }
    }

    /// <summary>AllocSetContextCreateInternal in PostgresMain: of exec_parse_message's context 0 is returned for a statement that was kept.</summary>
    [FunctionReplacement("statement_context", Locking = KernelLocking.None)]
    public static long CreateContext(byte* m, long parent, long name, long minimum, long initial, long maximum)
    {
        var process = Process.From(m);
        return PostgresProcess.Of(process).Statements is { } cache && new ReadOnlySpan<byte>(m + (uint)name, ContextName.Length).SequenceEqual(ContextName) && Find(process, cache)
            ? 0
            : ((delegate*<byte*, long, long, long, long, long, long>)process.Export("AllocSetContextCreateInternal"))(m, parent, name, minimum, initial, maximum);
    }

    /// <summary>CreateCachedPlan: the kept one.</summary>
    [FunctionReplacement("statement_create", Locking = KernelLocking.None)]
    public static long CreateCachedPlan(byte* m, long tree, long text, int tag)
    {
        var process = Process.From(m);
        return IsFound(process, tree) is { } found ? found.Plan : PlanCache.Create(process, tree, text, tag);
    }

    /// <summary>
    /// parse_analyze_varparams: of a kept statement its query, which <see cref="KeptStatements.Rewrite"/> gets, and no parameters, whose types the plan source
    /// has.
    /// </summary>
    [FunctionReplacement("statement_analyze_parameters", Locking = KernelLocking.None)]
    public static long Analyze(byte* m, long tree, long text, long types, long count, long environment)
    {
        var process = Process.From(m);
        if (IsFound(process, tree) is not { } found)
        {
            return ((delegate*<byte*, long, long, long, long, long, long>)process.Export("parse_analyze_varparams"))(m, tree, text, types, count, environment);
        }

        *(int*)(m + (uint)count) = 0;
        return KeptStatements.QueryOf(m, found.Plan);
    }

    /// <summary>CompleteCachedPlan: a kept statement is complete.</summary>
    [FunctionReplacement("statement_complete", Locking = KernelLocking.None)]
    public static void CompleteCachedPlan(byte* m, long source, long queries, long context, long types, int count, long setup, long argument, int options, int fixedResult)
    {
        var process = Process.From(m);
        if (PostgresProcess.Of(process).Statements?.Found?.Plan != (uint)source)
        {
            PlanCache.Complete(process, source, queries, context, types, count, setup, argument, options, fixedResult);
        }
    }

    /// <summary>SaveCachedPlan of the unnamed statement: a kept one is saved.</summary>
    [FunctionReplacement("statement_save", Locking = KernelLocking.None)]
    public static void SaveCachedPlan(byte* m, long source)
    {
        var process = Process.From(m);
        var cache = PostgresProcess.Of(process).Statements;
        if (cache?.Found?.Plan == (uint)source)
        {
            cache.Current = cache.Found;
            cache.Found = null;
            return;
        }

        PlanCache.Save(process, source);
        if (cache?.Candidate is { Plan: 0 })
        {
            KeptStatements.Analysed(process, cache, (uint)source, Message(m));
        }
    }

    private static bool Find(Process process, StatementCache cache)
    {
        cache.Begin();
        cache.Found = IsConverted(process) ? null : KeptStatements.Find(process, cache, false, Message(process.Memory));
        cache.IsParsedNext = cache.Found is not null;
        return cache.IsParsedNext;
    }

    // Whether the text is a copy in the server's encoding, not the bytes of the message (pg_client_to_server, utils/mb/mbutils.c).
    private static bool IsConverted(Process process)
    {
        int client = ((delegate*<byte*, int>)process.Export("pg_get_client_encoding"))(process.Memory);
        int server = ((delegate*<byte*, int>)process.Export("GetDatabaseEncoding"))(process.Memory);
        return client != server && client != AnyEncoding && server != AnyEncoding;
    }

    // What the Parse message has after the name: the text and its end, the number of the parameters' types, these.
    private static ReadOnlySpan<byte> Message(byte* m)
    {
        byte* text = m + StatementVariables.DebugQueryString(m);
        int length = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text).Length + 1;
        int types = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(text + length, sizeof(ushort)));
        return new ReadOnlySpan<byte>(text, length + sizeof(ushort) + (types * sizeof(uint)));
    }

    private static StatementCache.Entry? IsFound(Process process, long tree) =>
        PostgresProcess.Of(process).Statements?.Found is { } found && KeptStatements.TreeOf(process.Memory, found.Plan) == (uint)tree ? found : null;
}
