using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Calls of PostgreSQL's own functions for statements and plans, on the process's own thread; each may raise an error, which unwinds to the program.</summary>
internal static unsafe class PlanCache
{
    /// <summary>CreateCachedPlan (utils/cache/plancache.c).</summary>
    public static long Create(Process process, long tree, long text, int tag) =>
        ((delegate*<byte*, long, long, int, long>)process.Export("CreateCachedPlan"))(process.Memory, tree, text, tag);

    /// <summary>CompleteCachedPlan.</summary>
    public static void Complete(Process process, long source, long queries, long context, long types, int count, long setup, long argument, int options, int fixedResult) =>
        ((delegate*<byte*, long, long, long, long, int, long, long, int, int, void>)process.Export("CompleteCachedPlan"))(
            process.Memory, source, queries, context, types, count, setup, argument, options, fixedResult);

    /// <summary>SaveCachedPlan.</summary>
    public static void Save(Process process, long source) => ((delegate*<byte*, long, void>)process.Export("SaveCachedPlan"))(process.Memory, source);

    /// <summary>DropCachedPlan.</summary>
    public static void Drop(Process process, long source) => ((delegate*<byte*, long, void>)process.Export("DropCachedPlan"))(process.Memory, source);

    /// <summary>GetCachedPlan.</summary>
    public static long Get(Process process, long source, long parameters, long owner, long environment) =>
        ((delegate*<byte*, long, long, long, long, long>)process.Export("GetCachedPlan"))(process.Memory, source, parameters, owner, environment);

    /// <summary>ReleaseCachedPlan.</summary>
    public static void Release(Process process, long plan, long owner) =>
        ((delegate*<byte*, long, long, void>)process.Export("ReleaseCachedPlan"))(process.Memory, plan, owner);

    /// <summary>CachedPlanGetTargetList.</summary>
    public static long TargetList(Process process, long source, long environment) =>
        ((delegate*<byte*, long, long, long>)process.Export("CachedPlanGetTargetList"))(process.Memory, source, environment);

    /// <summary>raw_parser (parser/parser.c): a list of RawStmts.</summary>
    public static long Parse(Process process, long text, int mode) => ((delegate*<byte*, long, int, long>)process.Export("raw_parser"))(process.Memory, text, mode);

    /// <summary>palloc in a memory context.</summary>
    public static uint Allocate(Process process, uint context, int size) =>
        (uint)((delegate*<byte*, long, long, long>)process.Export("MemoryContextAlloc"))(process.Memory, context, size);

    /// <summary>pfree.</summary>
    public static void Free(Process process, uint address) => ((delegate*<byte*, long, void>)process.Export("pfree"))(process.Memory, address);
}
