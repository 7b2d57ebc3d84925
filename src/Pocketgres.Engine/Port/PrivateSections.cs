using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Where Postgres begins to run without the global lock: on the tuples of a page that a sequential scan has locked, checked and pinned, and in a sort in memory.
/// One page is one section at most, so that a query which needs the lock for each tuple takes it as often as ever.
/// </summary>
public static unsafe class PrivateSections
{
    private const int FewTuples = 200; // sorting fewer takes no longer than giving up the lock and taking it again
    private const int FewPages = 4; // a scan of fewer, as of the small tables of short transactions, likewise

    /// <summary>Runs before heap_prepare_pagescan (access/heap/heapam.c).</summary>
    [HostFunction("postgres.heap_prepare_pagescan")]
    public static void PreparePage(byte* m)
    {
        var process = Process.From(m);
        if (process.Kernel.Options.PrivateSections != PrivateSectionMode.Off && ++PostgresProcess.Of(process).ScannedPages > FewPages)
        {
            Process.WantPrivateSection(m);
        }
    }

    /// <summary>Runs when SeqNext (executor/nodeSeqscan.c) has the first tuple of a page.</summary>
    [HostFunction("postgres.SeqNext")]
    public static void ScanPage(byte* m) => Begin(m);

    /// <summary>Runs before tuplesort_sort_memtuples (utils/sort/tuplesort.c).</summary>
    [HostFunction("postgres.tuplesort_sort_memtuples")]
    public static void SortTuples(byte* m, int state)
    {
        if (*(int*)(m + (uint)state + PgliteStructs.Tuplesortstate.TupleCount) >= FewTuples)
        {
            Begin(m);
        }
    }

    private static void Begin(byte* m)
    {
        // Else the process holds a spinlock or LWLock, or is where it must not be disturbed.
        if (*(int*)(m + PgliteAddresses.InterruptHoldoffCount) == 0 && *(int*)(m + PgliteAddresses.CritSectionCount) == 0)
        {
            Process.From(m).BeginPrivateSection();
        }
    }
}
