using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Sorted tuples lie anywhere in memory: each is a cache miss of some 100 ns for whoever looks at it first. These hooks tell the processor
/// which tuples come next. They change nothing.
/// </summary>
public static unsafe class TupleSorting
{
    /// <summary>How many tuples ahead: about the latency of memory divided by the time the executor spends on a tuple.</summary>
    private const int Ahead = 6;

    /// <summary>Runs before tuplesort_gettuple_common (utils/sort/tuplesort.c).</summary>
    [HostFunction("postgres.tuplesort_gettuple_common")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SortedTuple(byte* m, int state, int forward, int result)
    {
        if (Sse.IsSupported && *(int*)(m + (uint)state + PgliteStructs.Tuplesortstate.Status) == PgliteStructs.Tuplesortstate.SortedInMemory)
        {
            int next = *(int*)(m + (uint)state + PgliteStructs.Tuplesortstate.Current) + (forward != 0 ? Ahead : -Ahead);
            if ((uint)next < (uint)*(int*)(m + (uint)state + PgliteStructs.Tuplesortstate.TupleCount))
            {
                int tuples = *(int*)(m + (uint)state + PgliteStructs.Tuplesortstate.Tuples);
                Prefetch(m, (uint)(tuples + (PgliteStructs.SortTuple.Size * next)));
            }
        }
    }

    /// <summary>
    /// Runs before comparetup_heap_tiebreak and comparetup_index_btree_tiebreak (utils/sort/tuplesortvariants.c). Tuples with the same
    /// abbreviated key gather in neighbouring elements, which quicksort visits one after the other, upwards and downwards.
    /// </summary>
    [HostFunction("postgres.comparetup_tiebreak")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CompareTuples(byte* m, int a, int b, int state)
    {
        if (Sse.IsSupported)
        {
            const uint Distance = 2 * PgliteStructs.SortTuple.Size;
            uint first = *(uint*)(m + (uint)state + PgliteStructs.Tuplesortstate.Tuples);
            uint size = *(uint*)(m + (uint)state + PgliteStructs.Tuplesortstate.TupleCount) * PgliteStructs.SortTuple.Size;
            uint offset = (uint)a - first; // a copy of an element on the stack is outside, too
            if (offset >= Distance && offset < size - Distance)
            {
                Prefetch(m, (uint)a + Distance);
                Prefetch(m, (uint)a - Distance);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* m, uint element) => Sse.Prefetch0(m + *(uint*)(m + element + PgliteStructs.SortTuple.Tuple));
}
