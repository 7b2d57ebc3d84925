using Pocketgres.Wasm;

namespace Pocketgres.Pglite.Patches;

/// <summary>
/// What the translator cannot see of <c>pglite.wasm</c>'s recursion: which functions check the stack's depth, and where hot indirect calls go. (The rest is compared with the limit at
/// each call: four instructions, which only the hottest functions feel.)
/// </summary>
internal static class PgliteRecursion
{
    /// <summary>The facts, for the translator.</summary>
    public static RecursionFacts Facts { get; } = new(
        new HashSet<int> { PgliteFunctions.CheckStackDepth, PgliteFunctions.StackIsTooDeep },
        Dispatchers.SelectMany(d => d.Callers.Select(caller => (caller, d.Callees))).ToDictionary(d => d.caller, d => (IReadOnlyList<int>)d.Callees));

    private static IEnumerable<(IEnumerable<int> Callers, int[] Callees)> Dispatchers =>
    [
        // mcxt.c: palloc, pfree and their like call what is in mcxt_methods (at 2678448): of alignedalloc.c, aset.c, bump.c, generation.c, mcxt.c itself (for bogus chunks) and slab.c.
        (Range(10406, 10435), [10318, 10320, .. Range(10323, 10333), .. Range(10335, 10343), .. Range(10382, 10390), 10436, 10438, .. Range(10460, 10468)]),

        // execTuples.c: slot_getsomeattrs_int calls TupleTableSlotOps.getsomeattrs, which are tts_virtual's, tts_heap's, tts_minimal's and tts_buffer_heap's.
        ([PgliteFunctions.SlotGetSomeAttrs], [.. Range(3106, 3142)]),
    ];

    private static IEnumerable<int> Range(int first, int last) => Enumerable.Range(first, last - first + 1);
}
