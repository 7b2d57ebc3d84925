using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>What kind of node a parse tree or plan has in a place (nodes/nodetags.h), and what kind of command and table entry.</summary>
[GuestConstants]
internal static partial class NodeTags
{
#pragma warning disable CS1591, SA1600 // The names are PostgreSQL's own.
    [GuestName("T_List")]
    public static partial int List { get; }

    [GuestName("T_Var")]
    public static partial int Var { get; }

    [GuestName("T_Const")]
    public static partial int Const { get; }

    [GuestName("T_Param")]
    public static partial int Param { get; }

    [GuestName("T_FuncExpr")]
    public static partial int FuncExpr { get; }

    [GuestName("T_OpExpr")]
    public static partial int OpExpr { get; }

    [GuestName("T_DistinctExpr")]
    public static partial int DistinctExpr { get; }

    [GuestName("T_NullIfExpr")]
    public static partial int NullIfExpr { get; }

    [GuestName("T_ScalarArrayOpExpr")]
    public static partial int ScalarArrayOpExpr { get; }

    [GuestName("T_BoolExpr")]
    public static partial int BoolExpr { get; }

    [GuestName("T_RelabelType")]
    public static partial int RelabelType { get; }

    [GuestName("T_CoerceViaIO")]
    public static partial int CoerceViaIO { get; }

    [GuestName("T_ArrayExpr")]
    public static partial int ArrayExpr { get; }

    [GuestName("T_CoalesceExpr")]
    public static partial int CoalesceExpr { get; }

    [GuestName("T_SQLValueFunction")]
    public static partial int SqlValueFunction { get; }

    [GuestName("T_NullTest")]
    public static partial int NullTest { get; }

    [GuestName("T_BooleanTest")]
    public static partial int BooleanTest { get; }

    [GuestName("T_CoerceToDomain")]
    public static partial int CoerceToDomain { get; }

    [GuestName("T_NextValueExpr")]
    public static partial int NextValueExpr { get; }

    [GuestName("T_TargetEntry")]
    public static partial int TargetEntry { get; }

    [GuestName("T_RangeTblRef")]
    public static partial int RangeTblRef { get; }

    [GuestName("T_FromExpr")]
    public static partial int FromExpr { get; }

    [GuestName("T_OnConflictExpr")]
    public static partial int OnConflictExpr { get; }

    [GuestName("T_TransactionStmt")]
    public static partial int TransactionStmt { get; }

    [GuestName("T_Result")]
    public static partial int Result { get; }

    [GuestName("T_ModifyTable")]
    public static partial int ModifyTable { get; }

    [GuestName("T_IndexScan")]
    public static partial int IndexScan { get; }

    [GuestName("T_IndexOnlyScan")]
    public static partial int IndexOnlyScan { get; }

    [GuestName("T_ValuesScan")]
    public static partial int ValuesScan { get; }

    [GuestName("T_LockRows")]
    public static partial int LockRows { get; }

    [GuestName("T_Limit")]
    public static partial int Limit { get; }

    [GuestName("CMD_UTILITY")]
    public static partial int UtilityCommand { get; }

    [GuestName("RTE_RELATION")]
    public static partial int RelationEntry { get; }

    [GuestName("RTE_VALUES")]
    public static partial int ValuesEntry { get; }

    [GuestName("RTE_RESULT")]
    public static partial int ResultEntry { get; }

    [GuestName("PARAM_EXTERN")]
    public static partial int ExternalParameter { get; }

    [GuestName("PLAN_CACHE_MODE_FORCE_CUSTOM_PLAN")]
    public static partial int ForceCustomPlan { get; }

    [GuestName("INDEXRELID")]
    public static partial int IndexCache { get; }
#pragma warning restore CS1591, SA1600
}
