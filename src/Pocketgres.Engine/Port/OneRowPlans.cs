using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Plans that stay good whatever the values and however the table grows: those that read no table, and those that find at most one row by all columns of
/// a unique index. Such a plan may be used again; all others are made anew for each execution.
/// </summary>
internal static unsafe class OneRowPlans
{
    /// <summary>Whether this <c>CachedPlan</c> is one.</summary>
    public static bool Contains(Process process, int plan)
    {
        byte* m = process.Memory;
        int statements = *(int*)(m + (uint)plan + CachedPlan.Statements);
        if (Lists.Length(m, statements) != 1)
        {
            return false;
        }

        byte* statement = m + (uint)Lists.Element(m, statements, 0);
        return *(int*)(statement + PlannedStmt.CommandType) != Query.Utility
            && statement[PlannedStmt.HasModifyingCte] == 0
            && statement[PlannedStmt.IsTransient] == 0
            && *(int*)(statement + PlannedStmt.SubPlans) == 0
            && IsOneRow(process, *(int*)(statement + PlannedStmt.PlanTree));
    }

    private static bool IsOneRow(Process process, int node)
    {
        byte* n = process.Memory + (uint)node;
        if (*(int*)(n + Plan.InitPlans) != 0 || *(int*)(n + Plan.Right) != 0)
        {
            return false;
        }

        int left = *(int*)(n + Plan.Left);
        return *(int*)n switch
        {
            NodeTag.Result => left == 0 || IsOneRow(process, left),
            NodeTag.ModifyTable or NodeTag.LockRows or NodeTag.Limit => left != 0 && IsOneRow(process, left),
            NodeTag.ValuesScan => true,
            NodeTag.IndexScan or NodeTag.IndexOnlyScan => IsUniqueLookup(process, *(int*)(n + Plan.IndexId), *(int*)(n + Plan.IndexQuals)),
            _ => false,
        };
    }

    // Each column of the index is compared with = (oprcanmerge: an equality of a btree's order).
    private static bool IsUniqueLookup(Process process, int index, int quals)
    {
        byte* m = process.Memory;
        HashSet<short> columns = [];
        for (int i = 0; i < Lists.Length(m, quals); i++)
        {
            byte* qual = m + (uint)Lists.Element(m, quals, i);
            int arguments = *(int*)qual == NodeTag.OpExpr ? *(int*)(qual + OpExpr.Arguments) : 0;
            if (Lists.Length(m, arguments) != 2)
            {
                return false;
            }

            byte* column = m + (uint)Lists.Element(m, arguments, 0);
            if (*(int*)column == NodeTag.Var
                && ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.OpMergejoinable))(m, *(int*)(qual + OpExpr.Operator), *(int*)(column + Var.Type)) != 0)
            {
                columns.Add(*(short*)(column + Var.Column));
            }
        }

        int tuple = ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.SearchSysCache1))(m, SystemCache.IndexRelationId, index);
        if (tuple == 0)
        {
            return false;
        }

        byte* form = HeapTuples.Row(m, tuple);
        bool isLookup = form[PgIndex.IsUnique] != 0 && columns.Count == *(short*)(form + PgIndex.KeyCount);
        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.ReleaseSysCache))(m, tuple);
        return isLookup;
    }
}
