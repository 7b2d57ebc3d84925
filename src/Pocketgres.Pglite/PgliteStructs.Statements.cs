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
        /// <summary><c>bool is_valid</c> (1 byte).</summary>
        public const int IsValid = 10;
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
    }
}
