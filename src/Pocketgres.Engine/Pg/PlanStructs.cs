using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>Any node of a tree (nodes/nodes.h).</summary>
[GuestStruct("Node")]
internal readonly ref partial struct Node
{
    /// <summary>What it is.</summary>
    [GuestName("type")]
    public partial int Tag { get; set; }
}

/// <summary>A statement as parsed (nodes/parsenodes.h).</summary>
[GuestStruct("RawStmt")]
internal readonly ref partial struct RawStmt
{
    /// <summary>The statement.</summary>
    [GuestName("stmt")]
    public partial uint Statement { get; }
}

/// <summary>A statement of the plan cache (utils/plancache.h).</summary>
[GuestStruct("CachedPlanSource")]
internal readonly ref partial struct CachedPlanSource
{
    /// <summary>Its RawStmt; 0 for an empty statement.</summary>
    [GuestName("raw_parse_tree")]
    public partial uint RawParseTree { get; }

    /// <summary>Its text.</summary>
    [GuestName("query_string")]
    public partial uint QueryString { get; set; }

    /// <summary>How many parameters the client gave.</summary>
    [GuestName("num_params")]
    public partial int ParameterCount { get; }

    /// <summary>Its columns must not change.</summary>
    [GuestName("fixed_result")]
    public partial bool FixedResult { get; set; }

    /// <summary>Memory context of the source.</summary>
    [GuestName("context")]
    public partial uint Context { get; }

    /// <summary>Its analysed queries.</summary>
    [GuestName("query_list")]
    public partial uint QueryList { get; }

    /// <summary>Memory context of these.</summary>
    [GuestName("query_context")]
    public partial uint QueryContext { get; }

    /// <summary>The plan for any parameters, or 0.</summary>
    [GuestName("gplan")]
    public partial uint GenericPlan { get; set; }

    /// <summary>The queries are still right.</summary>
    [GuestName("is_valid")]
    public partial bool IsValid { get; }

    /// <summary>What that plan costs; -1: not known.</summary>
    [GuestName("generic_cost")]
    public partial double GenericCost { get; set; }

    /// <summary>What plans for certain parameters cost together.</summary>
    [GuestName("total_custom_cost")]
    public partial double TotalCustomCost { get; set; }

    /// <summary>How many of these there were.</summary>
    [GuestName("num_custom_plans")]
    public partial long CustomPlans { get; set; }
}

/// <summary>A plan of the plan cache (utils/plancache.h).</summary>
[GuestStruct("CachedPlan")]
internal readonly ref partial struct CachedPlan
{
    /// <summary>PlannedStmts.</summary>
    [GuestName("stmt_list")]
    public partial uint Statements { get; }

    /// <summary>It is still right.</summary>
    [GuestName("is_valid")]
    public partial bool IsValid { get; set; }

    /// <summary>Memory context of it.</summary>
    [GuestName("context")]
    public partial uint Context { get; }
}

/// <summary>A planned statement (nodes/plannodes.h).</summary>
[GuestStruct("PlannedStmt")]
internal readonly ref partial struct PlannedStmt
{
    /// <summary>CMD_*.</summary>
    [GuestName("commandType")]
    public partial int CommandType { get; }

    /// <summary>WITH has a statement that modifies.</summary>
    [GuestName("hasModifyingCTE")]
    public partial bool HasModifyingCte { get; }

    /// <summary>It must be made anew when the transaction's snapshot advances.</summary>
    [GuestName("transientPlan")]
    public partial bool IsTransient { get; }

    /// <summary>The topmost node.</summary>
    [GuestName("planTree")]
    public partial uint PlanTree { get; }

    /// <summary>Plans of subqueries.</summary>
    [GuestName("subplans")]
    public partial uint SubPlans { get; }
}

/// <summary>A node of a plan (nodes/plannodes.h).</summary>
[GuestStruct("Plan")]
internal readonly ref partial struct PlanNode
{
    /// <summary>The node that feeds it.</summary>
    [GuestName("lefttree")]
    public partial uint Left { get; }

    /// <summary>The inner one.</summary>
    [GuestName("righttree")]
    public partial uint Right { get; }

    /// <summary>Subqueries that run once.</summary>
    [GuestName("initPlan")]
    public partial uint InitPlans { get; }
}

/// <summary>A scan of an index and its table (nodes/plannodes.h).</summary>
[GuestStruct("IndexScan")]
internal readonly ref partial struct IndexScan
{
    /// <summary>The index.</summary>
    [GuestName("indexid")]
    public partial uint Index { get; }

    /// <summary>What the index is searched for.</summary>
    [GuestName("indexqual")]
    public partial uint Quals { get; }
}

/// <summary>A scan of an index alone (nodes/plannodes.h).</summary>
[GuestStruct("IndexOnlyScan")]
internal readonly ref partial struct IndexOnlyScan
{
    /// <summary>The index.</summary>
    [GuestName("indexid")]
    public partial uint Index { get; }

    /// <summary>What the index is searched for.</summary>
    [GuestName("indexqual")]
    public partial uint Quals { get; }
}

/// <summary>An analysed statement (nodes/parsenodes.h).</summary>
[GuestStruct("Query")]
internal readonly ref partial struct Query
{
    /// <summary>CMD_*.</summary>
    [GuestName("commandType")]
    public partial int CommandType { get; }

    /// <summary>Of CMD_UTILITY.</summary>
    [GuestName("utilityStmt")]
    public partial uint UtilityStatement { get; }

    /// <summary>WITH.</summary>
    [GuestName("cteList")]
    public partial uint CommonTables { get; }

    /// <summary>RangeTblEntrys.</summary>
    [GuestName("rtable")]
    public partial uint RangeTable { get; }

    /// <summary>FROM and WHERE.</summary>
    [GuestName("jointree")]
    public partial uint JoinTree { get; }

    /// <summary>Of MERGE.</summary>
    [GuestName("mergeActionList")]
    public partial uint MergeActions { get; }

    /// <summary>Of MERGE.</summary>
    [GuestName("mergeJoinCondition")]
    public partial uint MergeCondition { get; }

    /// <summary>TargetEntrys.</summary>
    [GuestName("targetList")]
    public partial uint Targets { get; }

    /// <summary>ON CONFLICT.</summary>
    [GuestName("onConflict")]
    public partial uint OnConflict { get; }

    /// <summary>RETURNING.</summary>
    [GuestName("returningList")]
    public partial uint Returning { get; }

    /// <summary>GROUP BY.</summary>
    [GuestName("groupClause")]
    public partial uint Groups { get; }

    /// <summary>GROUPING SETS.</summary>
    [GuestName("groupingSets")]
    public partial uint GroupingSets { get; }

    /// <summary>HAVING.</summary>
    [GuestName("havingQual")]
    public partial uint Having { get; }

    /// <summary>WINDOW.</summary>
    [GuestName("windowClause")]
    public partial uint Windows { get; }

    /// <summary>DISTINCT.</summary>
    [GuestName("distinctClause")]
    public partial uint Distinct { get; }

    /// <summary>OFFSET.</summary>
    [GuestName("limitOffset")]
    public partial uint LimitOffset { get; }

    /// <summary>LIMIT.</summary>
    [GuestName("limitCount")]
    public partial uint LimitCount { get; }

    /// <summary>UNION and the like.</summary>
    [GuestName("setOperations")]
    public partial uint SetOperations { get; }

    /// <summary>WITH CHECK OPTION.</summary>
    [GuestName("withCheckOptions")]
    public partial uint CheckOptions { get; }
}

/// <summary>What a query reads or writes (nodes/parsenodes.h).</summary>
[GuestStruct("RangeTblEntry")]
internal readonly ref partial struct RangeTableEntry
{
    /// <summary>RTE_*.</summary>
    [GuestName("rtekind")]
    public partial int Kind { get; }

    /// <summary>TABLESAMPLE.</summary>
    [GuestName("tablesample")]
    public partial uint TableSample { get; }

    /// <summary>VALUES.</summary>
    [GuestName("values_lists")]
    public partial uint ValuesLists { get; }

    /// <summary>Row security.</summary>
    [GuestName("securityQuals")]
    public partial uint SecurityQuals { get; }
}

/// <summary>A portal (utils/portal.h).</summary>
[GuestStruct("PortalData")]
internal readonly ref partial struct Portal
{
    /// <summary>Its plan in the plan cache, or 0.</summary>
    [GuestName("cplan")]
    public partial uint CachedPlan { get; }

    /// <summary>Its memory context.</summary>
    [GuestName("portalContext")]
    public partial uint Context { get; }

    /// <summary>Its name, a C string that lives as long as the portal.</summary>
    public partial uint Name { get; }

    /// <summary>The text of its query, a C string.</summary>
    [GuestName("sourceText")]
    public partial uint SourceText { get; set; }

    /// <summary>The list of its plans, or 0.</summary>
    [GuestName("stmts")]
    public partial uint Statements { get; set; }

    /// <summary>pg_cursors shows it.</summary>
    [GuestName("visible")]
    public partial bool IsVisible { get; }
}

/// <summary>Values of parameters (nodes/params.h).</summary>
[GuestStruct("ParamListInfoData")]
internal readonly ref partial struct ParamList
{
    /// <summary>The values for messages.</summary>
    [GuestName("paramValuesStr")]
    public partial uint ValuesText { get; set; }

    /// <summary>A value.</summary>
    [GuestName("params")]
    public partial Parameter Parameter(int index);
}

/// <summary>A parameter's value (nodes/params.h).</summary>
[GuestStruct("ParamExternData")]
internal readonly ref partial struct Parameter
{
    /// <summary>The value, a Datum.</summary>
    [GuestName("value")]
    public partial ulong Value { get; set; }

    /// <summary>It is NULL.</summary>
    [GuestName("isnull")]
    public partial bool IsNull { get; set; }

    /// <summary>PARAM_FLAG_*.</summary>
    [GuestName("pflags")]
    public partial ushort Flags { get; set; }

    /// <summary>Its type.</summary>
    [GuestName("ptype")]
    public partial uint Type { get; set; }
}

/// <summary>A row of pg_index (catalog/pg_index.h).</summary>
[GuestStruct("FormData_pg_index")]
internal readonly ref partial struct IndexRow
{
    /// <summary>It has each key once.</summary>
    [GuestName("indisunique")]
    public partial bool IsUnique { get; }

    /// <summary>How many columns are its key.</summary>
    [GuestName("indnkeyatts")]
    public partial short KeyCount { get; }
}

/// <summary>A row in memory (access/htup.h).</summary>
[GuestStruct("HeapTupleData")]
internal readonly ref partial struct HeapTuple
{
    /// <summary>Its header.</summary>
    [GuestName("t_data")]
    public partial HeapTupleHeader Header { get; }
}

/// <summary>The head of a row (access/htup_details.h).</summary>
[GuestStruct("HeapTupleHeaderData")]
internal readonly ref partial struct HeapTupleHeader
{
    /// <summary>Where its columns begin.</summary>
    [GuestName("t_hoff")]
    public partial byte HeaderSize { get; }
}

/// <summary>A memory context (nodes/memnodes.h).</summary>
[GuestStruct("MemoryContextData")]
internal readonly ref partial struct MemoryContext
{
    /// <summary>Nothing was allocated since the last reset.</summary>
    [GuestName("isReset")]
    public partial bool IsReset { get; }

    /// <summary>Its first child, or 0.</summary>
    [GuestName("firstchild")]
    public partial uint FirstChild { get; }

    /// <summary>Bytes of it without its children.</summary>
    [GuestName("mem_allocated")]
    public partial ulong Allocated { get; }
}

/// <summary>A list by links (lib/ilist.h).</summary>
[GuestStruct("slist_head")]
internal readonly ref partial struct StackList
{
    /// <summary>Its first element, or 0.</summary>
    [GuestName("head.next")]
    public partial uint First { get; }
}

/// <summary>What other processes must forget (storage/sinval.h).</summary>
[GuestStruct("SharedInvalCatcacheMsg")]
internal readonly ref partial struct InvalidationMessage
{
    /// <summary>Which kind of message; of a catalog's cache when not negative.</summary>
    [GuestName("id")]
    public partial sbyte Id { get; }
}
