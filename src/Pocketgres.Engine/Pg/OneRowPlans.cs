using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Plans that stay good whatever the values and however the table grows: those that read no table, and those that find at most one row by all columns of
/// a unique index. Such a plan may be used again; all others are made anew for each execution.
/// </summary>
internal static unsafe class OneRowPlans
{
    /// <summary>Whether this <c>CachedPlan</c> is one.</summary>
    public static bool Contains(Process process, uint plan)
    {
        byte* m = process.Memory;
        uint statements = new CachedPlan(m, plan).Statements;
        if (Lists.Length(m, statements) != 1)
        {
            return false;
        }

        var statement = new PlannedStmt(m, Lists.Element(m, statements, 0));
        return statement.CommandType != NodeTags.UtilityCommand && !statement.HasModifyingCte && !statement.IsTransient && statement.SubPlans == 0
            && IsOneRow(process, statement.PlanTree);
    }

    private static bool IsOneRow(Process process, uint address)
    {
        byte* m = process.Memory;
        int tag = new Node(m, address).Tag;
        var node = new PlanNode(m, address);
        if (node.InitPlans != 0 || node.Right != 0)
        {
            return false;
        }

        uint left = node.Left;
        if (tag == NodeTags.Result)
        {
            return left == 0 || IsOneRow(process, left);
        }

        if (tag == NodeTags.ModifyTable || tag == NodeTags.LockRows || tag == NodeTags.Limit)
        {
            return left != 0 && IsOneRow(process, left);
        }

        if (tag == NodeTags.IndexScan)
        {
            var scan = new IndexScan(m, address);
            return IsUniqueLookup(process, scan.Index, scan.Quals);
        }

        if (tag == NodeTags.IndexOnlyScan)
        {
            var scan = new IndexOnlyScan(m, address);
            return IsUniqueLookup(process, scan.Index, scan.Quals);
        }

        return tag == NodeTags.ValuesScan;
    }

    // Each column of the index is compared with = (oprcanmerge: an equality of a btree's order).
    private static bool IsUniqueLookup(Process process, uint index, uint quals)
    {
        byte* m = process.Memory;
        HashSet<short> columns = [];
        for (int i = 0; i < Lists.Length(m, quals); i++)
        {
            uint qual = Lists.Element(m, quals, i);
            var operation = new OpExpr(m, qual);
            uint arguments = new Node(m, qual).Tag == NodeTags.OpExpr ? operation.Arguments : 0;
            if (Lists.Length(m, arguments) != 2)
            {
                return false;
            }

            uint left = Lists.Element(m, arguments, 0);
            var column = new Var(m, left);
            if (new Node(m, left).Tag == NodeTags.Var
                && ((delegate*<byte*, int, int, int>)process.Export("op_mergejoinable"))(m, (int)operation.Operator, (int)column.Type) != 0)
            {
                columns.Add(column.Column);
            }
        }

        long tuple = ((delegate*<byte*, int, long, long>)process.Export("SearchSysCache1"))(m, NodeTags.IndexCache, index);
        if (tuple == 0)
        {
            return false;
        }

        // GETSTRUCT: the columns begin behind the header.
        var header = new HeapTuple(m, (uint)tuple).Header;
        var row = new IndexRow(m, header.Address + header.HeaderSize);
        bool isLookup = row.IsUnique && columns.Count == row.KeyCount;
        ((delegate*<byte*, long, void>)process.Export("ReleaseSysCache"))(m, tuple);
        return isLookup;
    }
}
