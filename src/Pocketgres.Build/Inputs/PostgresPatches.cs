using Pocketgres.Wasm;

namespace Pocketgres.Build.Inputs;

/// <summary>What the translator must know of PostgreSQL's server, by the names of its functions. What host functions are bound to stands beside them, as marks.</summary>
internal static class PostgresPatches
{
    /// <summary>The patches of the server program; every other module is translated as it is.</summary>
    public static ModulePatches For(WasmModule module, HostFunctions hosts)
    {
        var patches = NamedPatches.For(module, hosts);
        patches.Add(new StackDepthCheck("stack_is_too_deep: the thread's stack", module.FindFunction("stack_is_too_deep")) { Result = 1 });
        foreach (var (function, loop) in MainLoops)
        {
            patches.Add(new ResumableLoop(function + ": main loop", module.FindFunction(function), loop));
        }

        return patches;
    }

    // Where a long-lived process goes on in a clone: the head of the loop it waits in. Loops are counted in code order; in functions that catch errors, loop 0 is
    // the one that sigsetjmp became.
    private static (string Function, int Loop)[] MainLoops { get; } =
    [
        ("ServerLoop", 0), ("AutoVacLauncherMain", 1), ("BackgroundWriterMain", 1), ("CheckpointerMain", 1), ("WalWriterMain", 1), ("ApplyLauncherMain", 0),
    ];

    /// <summary>Functions that the host calls and that the module does not export, because they are static in C.</summary>
    public static IReadOnlyList<string> StaticFunctions { get; } = ["ServerLoop", "CopyReadLine", "CopyReadAttributesText", "UTF8_MatchText"];

    /// <summary>Functions that stay one method however big: splitting the executor's interpreter costs more than it gains.</summary>
    public static IReadOnlySet<int> KeepWhole(WasmModule module) => new HashSet<int> { module.FindFunction("ExecInterpExpr") };

    /// <summary>Where the server looks for interrupts, and where an error may come.</summary>
    public static InterruptFacts Interrupts(WasmModule module) => new(
        // mcxt.c: they raise an error when memory is short, so their callers are prepared for one. Not those that may be told to return NULL instead; nor palloc and
        // MemoryContextAlloc, which are hot and only pass their arguments on: a look would double what they do. mbutils.c: it raises an error for half a character, and is what
        // loops over each character of two texts call.
        ErrorPoints.Select(module.FindFunction).ToHashSet(),

        new HashSet<int> { module.FindFunction("ProcessInterrupts") },
        [.. FailingLoops.Select(d => new Range(module.FindFunction(d.First), module.FindFunction(d.Next)))],

        // Libraries follow PostgreSQL's own code in the order of linking.
        LibraryFunctions.Min(module.FindFunction));

    private static string[] ErrorPoints { get; } = ["MemoryContextAllocZero", "palloc0", "repalloc", "MemoryContextAllocHuge", "pg_mblen_range"];

    // Text search (tsearch/) and the functions of types (utils/adt/), from one of a directory's first functions to one of the first of the directory that follows in the order of
    // linking. What they loop over is theirs; caches, memory contexts and what processes share are changed elsewhere.
    private static (string First, string Next)[] FailingLoops { get; } = [("ts_lexize", "pgstat_progress_start_command"), ("make_empty_acl", "get_attribute_options")];

    // One of the first functions of each library that is linked into the server.
    private static string[] LibraryFunctions { get; } = ["LZ4_versionNumber", "ZSTD_versionNumber", "zlibVersion", "xmlInitParser", "strlen"];
}
