namespace Pocketgres.Pglite;

/// <content>Nodes of expressions and plans.</content>
public static partial class PgliteStructs
{
    /// <summary>Numbers of nodes' types (the generated nodes/nodetags.h), the first field of each.</summary>
    public static class NodeTag
    {
#pragma warning disable CS1591, SA1600 // The names say it.
        public const int List = 1;
        public const int Var = 6, Const = 7, Param = 8;
        public const int FuncExpr = 15, OpExpr = 17, DistinctExpr = 18, NullIfExpr = 19, ScalarArrayOpExpr = 20, BoolExpr = 21;
        public const int RelabelType = 27, CoerceViaIO = 28, ArrayExpr = 35, CoalesceExpr = 38, SqlValueFunction = 40;
        public const int NullTest = 52, BooleanTest = 53, CoerceToDomain = 55, NextValueExpr = 59, TargetEntry = 62, RangeTblRef = 63, FromExpr = 65, OnConflictExpr = 66;
        public const int Result = 331, ModifyTable = 333, IndexScan = 341, IndexOnlyScan = 342, ValuesScan = 349, LockRows = 372, Limit = 373;
#pragma warning restore CS1591, SA1600
    }

    /// <summary><c>Var</c> (nodes/primnodes.h).</summary>
    public static class Var
    {
        /// <summary><c>AttrNumber varattno</c> (2 bytes).</summary>
        public const int Column = 8;

        /// <summary><c>Oid vartype</c>.</summary>
        public const int Type = 12;
    }

    /// <summary><c>Const</c> (nodes/primnodes.h). It is larger than a <see cref="Param"/>, which may stand in its place.</summary>
    public static class ConstNode
    {
        /// <summary><c>Oid consttype</c>.</summary>
        public const int Type = 4;

        /// <summary><c>int32 consttypmod</c>.</summary>
        public const int Modifier = 8;

        /// <summary><c>Oid constcollid</c>.</summary>
        public const int Collation = 12;

        /// <summary><c>int constlen</c>.</summary>
        public const int Length = 16;

        /// <summary><c>Datum constvalue</c>.</summary>
        public const int Value = 20;

        /// <summary><c>bool constisnull</c> (1 byte).</summary>
        public const int IsNull = 24;

        /// <summary><c>bool constbyval</c> (1 byte).</summary>
        public const int ByValue = 25;

        /// <summary><c>ParseLoc location</c>; -1: unknown.</summary>
        public const int Location = 28;
    }

    /// <summary><c>Param</c> (nodes/primnodes.h).</summary>
    public static class Param
    {
        /// <summary><c>ParamKind paramkind</c>.</summary>
        public const int Kind = 4;

        /// <summary><see cref="Kind"/>: PARAM_EXTERN, from the portal's <see cref="ParamList"/>.</summary>
        public const int External = 0;

        /// <summary><c>int paramid</c>, from 1.</summary>
        public const int Id = 8;

        /// <summary><c>Oid paramtype</c>.</summary>
        public const int Type = 12;

        /// <summary><c>int32 paramtypmod</c>.</summary>
        public const int Modifier = 16;

        /// <summary><c>Oid paramcollid</c>.</summary>
        public const int Collation = 20;

        /// <summary><c>ParseLoc location</c>.</summary>
        public const int Location = 24;
    }

    /// <summary><c>ParamListInfoData</c> (nodes/params.h).</summary>
    public static class ParamList
    {
        /// <summary><c>char *paramValuesStr</c>: for the log.</summary>
        public const int ValuesText = 24;

        /// <summary><c>ParamExternData params[]</c>.</summary>
        public const int Parameters = 32;

        /// <summary>Size of a <c>ParamExternData</c>; what follows are its fields.</summary>
        public const int SizeOfParameter = 12;

        /// <summary><c>Datum value</c>.</summary>
        public const int Value = 0;

        /// <summary><c>bool isnull</c> (1 byte).</summary>
        public const int IsNull = 4;

        /// <summary><c>uint16 pflags</c>.</summary>
        public const int Flags = 6;

        /// <summary><see cref="Flags"/>: PARAM_FLAG_CONST.</summary>
        public const int FlagConst = 1;

        /// <summary><c>Oid ptype</c>.</summary>
        public const int Type = 8;
    }

    /// <summary><c>OpExpr</c> (nodes/primnodes.h), and what is at the same place in <c>FuncExpr</c> and <c>ScalarArrayOpExpr</c>.</summary>
    public static class OpExpr
    {
        /// <summary><c>Oid opno</c>.</summary>
        public const int Operator = 4;

        /// <summary><c>List *args</c>.</summary>
        public const int Arguments = 28;
    }

    /// <summary><c>FuncExpr</c> (nodes/primnodes.h); its arguments are where those of an <see cref="OpExpr"/> are.</summary>
    public static class FuncExpr
    {
        /// <summary><c>Oid funcid</c>.</summary>
        public const int Function = 4;
    }

    /// <summary><c>BoolExpr</c> (nodes/primnodes.h).</summary>
    public static class BoolExpr
    {
        /// <summary><c>List *args</c>.</summary>
        public const int Arguments = 8;
    }

    /// <summary><c>ArrayExpr</c> (nodes/primnodes.h).</summary>
    public static class ArrayExpr
    {
        /// <summary><c>List *elements</c>.</summary>
        public const int Elements = 16;
    }

    /// <summary><c>CoalesceExpr</c> (nodes/primnodes.h).</summary>
    public static class CoalesceExpr
    {
        /// <summary><c>List *args</c>.</summary>
        public const int Arguments = 12;
    }

    /// <summary><c>TargetEntry</c> (nodes/primnodes.h), and what is at the same place in all nodes with one operand.</summary>
    public static class TargetEntry
    {
        /// <summary><c>Expr *expr</c>, <c>Expr *arg</c>.</summary>
        public const int Expression = 4;
    }

    /// <summary><c>FromExpr</c> (nodes/primnodes.h).</summary>
    public static class FromExpr
    {
        /// <summary><c>List *fromlist</c>.</summary>
        public const int Items = 4;

        /// <summary><c>Node *quals</c>.</summary>
        public const int Quals = 8;
    }

    /// <summary><c>OnConflictExpr</c> (nodes/primnodes.h).</summary>
    public static class OnConflictExpr
    {
        /// <summary><c>Node *arbiterWhere</c>.</summary>
        public const int ArbiterWhere = 12;

        /// <summary><c>List *onConflictSet</c>.</summary>
        public const int Set = 20;

        /// <summary><c>Node *onConflictWhere</c>.</summary>
        public const int Where = 24;
    }

    /// <summary>A value of variable length (varatt.h) with a header of four bytes: its size with the header, shifted left by 2.</summary>
    public static class Varlena
    {
        /// <summary>VARHDRSZ.</summary>
        public const int Header = 4;
    }

    /// <summary>Numbers of types (catalog/pg_type.dat).</summary>
    public static class TypeOids
    {
#pragma warning disable CS1591, SA1600 // The names say it.
        public const int EightByteInteger = 20, FourByteInteger = 23, Text = 25, Bpchar = 1042, Varchar = 1043;
#pragma warning restore CS1591, SA1600
    }

    /// <summary><c>PlannedStmt</c> (nodes/plannodes.h).</summary>
    public static class PlannedStmt
    {
        /// <summary><c>CmdType commandType</c>, see <see cref="Query.CommandType"/>.</summary>
        public const int CommandType = 4;

        /// <summary><c>bool hasModifyingCTE</c> (1 byte).</summary>
        public const int HasModifyingCte = 25;

        /// <summary><c>bool transientPlan</c> (1 byte): to be made anew when TransactionXmin changes.</summary>
        public const int IsTransient = 27;

        /// <summary><c>struct Plan *planTree</c>, see <see cref="Plan"/>.</summary>
        public const int PlanTree = 36;

        /// <summary><c>List *subplans</c>.</summary>
        public const int SubPlans = 64;
    }

    /// <summary><c>Plan</c> (nodes/plannodes.h) and, after it, <c>IndexScan</c> and <c>IndexOnlyScan</c>.</summary>
    public static class Plan
    {
        /// <summary><c>struct Plan *lefttree</c>.</summary>
        public const int Left = 52;

        /// <summary><c>struct Plan *righttree</c>.</summary>
        public const int Right = 56;

        /// <summary><c>List *initPlan</c>.</summary>
        public const int InitPlans = 60;

        /// <summary><c>Oid indexid</c>.</summary>
        public const int IndexId = 80;

        /// <summary><c>List *indexqual</c>: compared are columns of the index.</summary>
        public const int IndexQuals = 84;
    }

    /// <summary><c>PortalData</c> (utils/portal.h).</summary>
    public static class Portal
    {
        /// <summary><c>MemoryContext portalContext</c>: what belongs to the portal.</summary>
        public const int Context = 8;

        /// <summary><c>CachedPlan *cplan</c>, or 0.</summary>
        public const int CachedPlan = 60;
    }
}
