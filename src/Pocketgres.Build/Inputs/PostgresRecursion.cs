using Pocketgres.Wasm;

namespace Pocketgres.Build.Inputs;

/// <summary>What the translator must know of PostgreSQL's server to bound its recursion where it costs least, by the names of functions.</summary>
internal static class PostgresRecursion
{
    /// <summary>Which functions check the stack's depth, where hot indirect calls go, and who calls what is called often through the table.</summary>
    public static RecursionFacts For(WasmModule module) => new(
        new HashSet<int> { module.FindFunction("check_stack_depth"), module.FindFunction("stack_is_too_deep") },
        Dispatchers(module),
        Callees(module),
        PlanRoots.Select(module.FindFunction).ToHashSet());

    private static Dictionary<int, IReadOnlyList<int>> Dispatchers(WasmModule module)
    {
        var dispatchers = new Dictionary<int, IReadOnlyList<int>>();

        // mcxt.c: palloc, pfree and their like call what is in mcxt_methods.
        int[] methods = [.. module.FunctionsNamed(static n => MemoryContextKinds.Any(k => n.StartsWith(k, StringComparison.Ordinal)))];
        foreach (int caller in module.FunctionsNamed(static n => n is "pfree" or "repalloc" or "repalloc0" or "repalloc_extended" or "repalloc_huge" or "GetMemoryChunkSpace"
            || n.StartsWith("palloc", StringComparison.Ordinal) || (n.StartsWith("MemoryContext", StringComparison.Ordinal) && n != "MemoryContextCallResetCallbacks")))
        {
            dispatchers[caller] = methods;
        }

        // execTuples.c: slot_getsomeattrs_int calls TupleTableSlotOps.getsomeattrs.
        dispatchers[module.FindFunction("slot_getsomeattrs_int")] =
            [.. module.FunctionsNamed(static n => n.StartsWith("tts_", StringComparison.Ordinal) && n.EndsWith("_getsomeattrs", StringComparison.Ordinal))];
        return dispatchers;
    }

    private static Dictionary<int, IReadOnlyList<int>> Callees(WasmModule module)
    {
        var callees = new Dictionary<int, IReadOnlyList<int>>();

        // execProcnode.c: the first call of a plan node goes through ExecProcNodeFirst, which checks the stack's depth, so a plan is never deeper than that allows. Each later
        // way down the plan begins at one of PlanRoots. A check allows a quarter of what the thread has (Process.Stack.cs), so frames may be larger the second time.
        foreach (int node in PlanNodes.Concat(ScanAccessMethods).Select(module.FindFunction))
        {
            callees[node] = [];
        }

        // tuplesort.c: Tuplesortstate's comparetup and comparetup_tiebreak. Functions of one C file follow each other; those that compare (ssup_) call no other one.
        int[] sorting = [.. module.FunctionsNamed(static n => n.StartsWith("tuplesort_", StringComparison.Ordinal))];
        int[] comparisons = [.. module.FunctionsNamed(static n => n.StartsWith("comparetup_", StringComparison.Ordinal))];
        int[] sorters = [.. module.FunctionsNamed(static n => !n.StartsWith("ssup_", StringComparison.Ordinal)).Where(f => f >= sorting[0] && f <= sorting[^1]).Except(comparisons)];
        foreach (int comparison in comparisons)
        {
            callees[comparison] = sorters;
        }

        // analyze.c: compute_scalar_stats gives it to qsort_interruptible.
        callees[module.FindFunction("compare_scalars")] = [.. module.FunctionsNamed(static n => n.StartsWith("qsort_interruptible", StringComparison.Ordinal))];
        return callees;
    }

    private static string[] MemoryContextKinds { get; } = ["AllocSet", "Bump", "Generation", "Slab", "AlignedAlloc", "Bogus"];

    // PlanState.ExecProcNode, and what calls it for another reason (EXPLAIN ANALYZE).
    private static string[] PlanNodes { get; } =
    [
        "ExecAgg", "ExecAppend", "ExecBitmapHeapScan", "ExecCteScan", "ExecCustomScan", "ExecForeignScan", "ExecFunctionScan", "ExecGather", "ExecGatherMerge", "ExecGroup", "ExecHashJoin",
        "ExecIncrementalSort", "ExecIndexOnlyScan", "ExecIndexScan", "ExecLimit", "ExecLockRows", "ExecMaterial", "ExecMemoize", "ExecMergeAppend", "ExecMergeJoin", "ExecModifyTable",
        "ExecNamedTuplestoreScan", "ExecNestLoop", "ExecParallelHashJoin", "ExecProcNodeInstr", "ExecProjectSet", "ExecRecursiveUnion", "ExecResult", "ExecSampleScan", "ExecSeqScan",
        "ExecSeqScanEPQ", "ExecSeqScanWithProject", "ExecSeqScanWithQual", "ExecSeqScanWithQualProject", "ExecSetOp", "ExecSort", "ExecSubqueryScan", "ExecTableFuncScan",
        "ExecTidRangeScan", "ExecTidScan", "ExecUnique", "ExecValuesScan", "ExecWindowAgg", "ExecWorkTableScan",
    ];

    // What these nodes give to ExecScan, which calls it.
    private static string[] ScanAccessMethods { get; } =
    [
        "BitmapHeapNext", "CteScanNext", "ForeignNext", "FunctionNext", "IndexNext", "IndexNextWithReorder", "IndexOnlyNext", "NamedTuplestoreScanNext", "SampleNext", "SeqNext",
        "SubqueryNext", "TableFuncNext", "TidNext", "TidRangeNext", "ValuesNext", "WorkTableScanNext",
    ];

    // What is called from elsewhere and calls ExecProcNode, itself or by a static function of its file; and the node that calls one elsewhere in the plan.
    private static string[] PlanRoots { get; } =
        ["EvalPlanQual", "EvalPlanQualNext", "ExecCteScan", "ExecSetParamPlan", "ExecSubPlan", "standard_ExecutorFinish", "standard_ExecutorRun"];
}
