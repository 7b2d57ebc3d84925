using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Sorted tuples lie anywhere in memory: each is a cache miss of some 100 ns for whoever looks at it first. This tells the processor which comes soon, and changes
/// nothing.
/// </summary>
public static unsafe class TupleSorting
{
    /// <summary>How many tuples ahead: about the latency of memory divided by the time the executor spends on a tuple.</summary>
    private const int Ahead = 6;

    /// <summary>Runs before tuplesort_gettuple_common(Tuplesortstate *, bool forward, SortTuple *) (utils/sort/tuplesort.c).</summary>
    [EntryHook("tuplesort_gettuple_common", Locking = KernelLocking.None)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SortedTuple(byte* m, long stateAddress, int forward, long result)
    {
        var state = new TupleSort(m, (uint)stateAddress);
        if (Sse.IsSupported && state.Status == TupleSortStatus.SortedInMemory)
        {
            int next = state.Current + (forward != 0 ? Ahead : -Ahead);
            if ((uint)next < (uint)state.Count)
            {
                Sse.Prefetch0(m + state.Tuple(next).Tuple);
            }
        }
    }
}
