namespace Pocketgres.Pglite;

/// <content>Statements, their trees and plans.</content>
public static partial class PgliteStructs
{
    /// <summary>PostgresMain's variables on the shadow stack, from the stack pointer while it runs.</summary>
    public static class PostgresMainFrame
    {
        /// <summary><c>StringInfoData input_message</c>, see <see cref="StringInfo"/>.</summary>
        public const int InputMessage = 440;
    }

    /// <summary><c>CachedPlanSource</c> (utils/plancache.h).</summary>
    public static class CachedPlanSource
    {
        /// <summary><c>RawStmt *raw_parse_tree</c>, see <see cref="RawStmt"/>; 0 for an empty statement.</summary>
        public const int RawParseTree = 4;

        /// <summary><c>const char *query_string</c>.</summary>
        public const int QueryString = 12;

        /// <summary><c>int num_params</c>: the client's parameters.</summary>
        public const int ParameterCount = 24;

        /// <summary><c>bool fixed_result</c> (1 byte): an error if the columns change.</summary>
        public const int FixedResult = 48;

        /// <summary><c>MemoryContext context</c>, see <see cref="MemoryContext"/>.</summary>
        public const int Context = 56;

        /// <summary><c>List *query_list</c>, of <see cref="Query"/>.</summary>
        public const int QueryList = 60;

        /// <summary><c>MemoryContext query_context</c>: where the queries are.</summary>
        public const int QueryContext = 76;

        /// <summary><c>CachedPlan *gplan</c>: the generic plan, or 0.</summary>
        public const int GenericPlan = 88;

        /// <summary><c>bool is_valid</c> (1 byte): nothing that the queries refer to has been changed.</summary>
        public const int IsValid = 95;

        /// <summary><c>double generic_cost</c>, -1 until known.</summary>
        public const int GenericCost = 112;

        /// <summary><c>double total_custom_cost</c>.</summary>
        public const int TotalCustomCost = 120;

        /// <summary><c>int64 num_custom_plans</c>.</summary>
        public const int CustomPlans = 128;
    }

    /// <summary><c>MemoryContextData</c> (nodes/memnodes.h).</summary>
    public static class MemoryContext
    {
        /// <summary><c>Size mem_allocated</c>: bytes taken from the heap.</summary>
        public const int Allocated = 8;
    }

    /// <summary><c>CachedPlan</c> (utils/plancache.h).</summary>
    public static class CachedPlan
    {
        /// <summary><c>List *stmt_list</c>, of <see cref="PlannedStmt"/>.</summary>
        public const int Statements = 4;

        /// <summary><c>bool is_valid</c> (1 byte).</summary>
        public const int IsValid = 10;

        /// <summary><c>MemoryContext context</c>, see <see cref="MemoryContext"/>.</summary>
        public const int Context = 32;
    }

    /// <summary><c>PlanCacheMode</c> (utils/plancache.h).</summary>
    public static class PlanCacheMode
    {
        /// <summary>PLAN_CACHE_MODE_FORCE_CUSTOM_PLAN.</summary>
        public const int ForceCustomPlan = 2;
    }

    /// <summary><c>RawStmt</c> (nodes/parsenodes.h).</summary>
    public static class RawStmt
    {
        /// <summary><c>Node *stmt</c>.</summary>
        public const int Statement = 4;

        /// <summary>NodeTag of a <c>TransactionStmt</c>.</summary>
        public const int TransactionStmt = 225;
    }

    /// <summary><c>Query</c> (nodes/parsenodes.h).</summary>
    public static class Query
    {
        /// <summary><c>CmdType commandType</c>.</summary>
        public const int CommandType = 4;

        /// <summary><see cref="CommandType"/>: what is planned, SELECT, UPDATE, INSERT, DELETE or MERGE, is below this, CMD_UTILITY.</summary>
        public const int Utility = 6;

        /// <summary><c>Node *utilityStmt</c>.</summary>
        public const int UtilityStatement = 28;

        /// <summary><c>List *cteList</c>.</summary>
        public const int CommonTables = 48;

        /// <summary><c>List *rtable</c>, of <see cref="RangeTableEntry"/>.</summary>
        public const int RangeTable = 52;

        /// <summary><c>FromExpr *jointree</c>.</summary>
        public const int JoinTree = 60;

        /// <summary><c>List *mergeActionList</c>.</summary>
        public const int MergeActions = 64;

        /// <summary><c>Node *mergeJoinCondition</c>.</summary>
        public const int MergeCondition = 72;

        /// <summary><c>List *targetList</c>, of <see cref="TargetEntry"/>.</summary>
        public const int Targets = 76;

        /// <summary><c>OnConflictExpr *onConflict</c>.</summary>
        public const int OnConflict = 84;

        /// <summary><c>List *returningList</c>.</summary>
        public const int Returning = 96;

        /// <summary><c>List *groupClause</c>.</summary>
        public const int Groups = 100;

        /// <summary><c>List *groupingSets</c>.</summary>
        public const int GroupingSets = 108;

        /// <summary><c>Node *havingQual</c>.</summary>
        public const int Having = 112;

        /// <summary><c>List *windowClause</c>.</summary>
        public const int Windows = 116;

        /// <summary><c>List *distinctClause</c>.</summary>
        public const int Distinct = 120;

        /// <summary><c>Node *limitOffset</c>.</summary>
        public const int LimitOffset = 128;

        /// <summary><c>Node *limitCount</c>.</summary>
        public const int LimitCount = 132;

        /// <summary><c>Node *setOperations</c>.</summary>
        public const int SetOperations = 144;

        /// <summary><c>List *withCheckOptions</c>.</summary>
        public const int CheckOptions = 152;
    }

    /// <summary><c>RangeTblEntry</c> (nodes/parsenodes.h).</summary>
    public static class RangeTableEntry
    {
        /// <summary><c>RTEKind rtekind</c>.</summary>
        public const int Kind = 12;

        /// <summary><see cref="Kind"/>: RTE_RELATION.</summary>
        public const int Relation = 0;

        /// <summary><see cref="Kind"/>: RTE_VALUES.</summary>
        public const int Values = 5;

        /// <summary><see cref="Kind"/>: RTE_RESULT.</summary>
        public const int Result = 8;

        /// <summary><c>TableSampleClause *tablesample</c>.</summary>
        public const int TableSample = 32;

        /// <summary><c>List *values_lists</c>, of lists.</summary>
        public const int ValuesLists = 80;

        /// <summary><c>List *securityQuals</c>.</summary>
        public const int SecurityQuals = 128;
    }
}
