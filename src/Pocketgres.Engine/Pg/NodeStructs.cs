using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>A column (nodes/primnodes.h).</summary>
[GuestStruct("Var")]
internal readonly ref partial struct Var
{
    /// <summary>Its number.</summary>
    [GuestName("varattno")]
    public partial short Column { get; }

    /// <summary>Its type.</summary>
    [GuestName("vartype")]
    public partial uint Type { get; }
}

/// <summary>A constant (nodes/primnodes.h). It is larger than a Param, which may stand in its place.</summary>
[GuestStruct("Const")]
internal readonly ref partial struct ConstNode
{
    /// <summary>T_Const.</summary>
    [GuestName("xpr.type")]
    public partial int Tag { get; set; }

    /// <summary>Its type.</summary>
    [GuestName("consttype")]
    public partial uint Type { get; set; }

    /// <summary>Its type modifier.</summary>
    [GuestName("consttypmod")]
    public partial int Modifier { get; set; }

    /// <summary>Its collation.</summary>
    [GuestName("constcollid")]
    public partial uint Collation { get; set; }

    /// <summary>Of the type.</summary>
    [GuestName("constlen")]
    public partial int Length { get; set; }

    /// <summary>The value, a Datum.</summary>
    [GuestName("constvalue")]
    public partial ulong Value { get; set; }

    /// <summary>It is NULL.</summary>
    [GuestName("constisnull")]
    public partial bool IsNull { get; set; }

    /// <summary>The Datum is the value.</summary>
    [GuestName("constbyval")]
    public partial bool ByValue { get; set; }

    /// <summary>Where it is in the text; -1: nowhere.</summary>
    [GuestName("location")]
    public partial int Location { get; set; }
}

/// <summary>A parameter (nodes/primnodes.h).</summary>
[GuestStruct("Param")]
internal readonly ref partial struct ParamNode
{
    /// <summary>T_Param.</summary>
    [GuestName("xpr.type")]
    public partial int Tag { get; set; }

    /// <summary>PARAM_*.</summary>
    [GuestName("paramkind")]
    public partial int Kind { get; set; }

    /// <summary>Its number.</summary>
    [GuestName("paramid")]
    public partial int Id { get; set; }

    /// <summary>Its type.</summary>
    [GuestName("paramtype")]
    public partial uint Type { get; set; }

    /// <summary>Its type modifier.</summary>
    [GuestName("paramtypmod")]
    public partial int Modifier { get; set; }

    /// <summary>Its collation.</summary>
    [GuestName("paramcollid")]
    public partial uint Collation { get; set; }

    /// <summary>Where it is in the text.</summary>
    [GuestName("location")]
    public partial int Location { get; set; }
}

/// <summary>A call of a function (nodes/primnodes.h).</summary>
[GuestStruct("FuncExpr")]
internal readonly ref partial struct FuncExpr
{
    /// <summary>The function.</summary>
    [GuestName("funcid")]
    public partial uint Function { get; }

    /// <summary>A list.</summary>
    [GuestName("args")]
    public partial uint Arguments { get; }
}

/// <summary>An operator with its operands; DISTINCT and NULLIF are this too (nodes/primnodes.h).</summary>
[GuestStruct("OpExpr")]
internal readonly ref partial struct OpExpr
{
    /// <summary>The operator.</summary>
    [GuestName("opno")]
    public partial uint Operator { get; }

    /// <summary>A list.</summary>
    [GuestName("args")]
    public partial uint Arguments { get; }
}

/// <summary>An operator with an array (nodes/primnodes.h).</summary>
[GuestStruct("ScalarArrayOpExpr")]
internal readonly ref partial struct ScalarArrayOpExpr
{
    /// <summary>A list.</summary>
    [GuestName("args")]
    public partial uint Arguments { get; }
}

/// <summary>AND, OR, NOT (nodes/primnodes.h).</summary>
[GuestStruct("BoolExpr")]
internal readonly ref partial struct BoolExpr
{
    /// <summary>A list.</summary>
    [GuestName("args")]
    public partial uint Arguments { get; }
}

/// <summary>ARRAY[] (nodes/primnodes.h).</summary>
[GuestStruct("ArrayExpr")]
internal readonly ref partial struct ArrayExpr
{
    /// <summary>A list.</summary>
    [GuestName("elements")]
    public partial uint Elements { get; }
}

/// <summary>COALESCE (nodes/primnodes.h).</summary>
[GuestStruct("CoalesceExpr")]
internal readonly ref partial struct CoalesceExpr
{
    /// <summary>A list.</summary>
    [GuestName("args")]
    public partial uint Arguments { get; }
}

/// <summary>A cast that changes nothing (nodes/primnodes.h).</summary>
[GuestStruct("RelabelType")]
internal readonly ref partial struct RelabelType
{
    /// <summary>What is cast.</summary>
    [GuestName("arg")]
    public partial uint Argument { get; }
}

/// <summary>A cast by way of text (nodes/primnodes.h).</summary>
[GuestStruct("CoerceViaIO")]
internal readonly ref partial struct CoerceViaIO
{
    /// <summary>What is cast.</summary>
    [GuestName("arg")]
    public partial uint Argument { get; }
}

/// <summary>A cast to a domain (nodes/primnodes.h).</summary>
[GuestStruct("CoerceToDomain")]
internal readonly ref partial struct CoerceToDomain
{
    /// <summary>What is cast.</summary>
    [GuestName("arg")]
    public partial uint Argument { get; }
}

/// <summary>IS NULL (nodes/primnodes.h).</summary>
[GuestStruct("NullTest")]
internal readonly ref partial struct NullTest
{
    /// <summary>What is tested.</summary>
    [GuestName("arg")]
    public partial uint Argument { get; }
}

/// <summary>IS TRUE and the like (nodes/primnodes.h).</summary>
[GuestStruct("BooleanTest")]
internal readonly ref partial struct BooleanTest
{
    /// <summary>What is tested.</summary>
    [GuestName("arg")]
    public partial uint Argument { get; }
}

/// <summary>A column of a result (nodes/primnodes.h).</summary>
[GuestStruct("TargetEntry")]
internal readonly ref partial struct TargetEntry
{
    /// <summary>Its expression.</summary>
    [GuestName("expr")]
    public partial uint Expression { get; }
}

/// <summary>FROM and WHERE (nodes/primnodes.h).</summary>
[GuestStruct("FromExpr")]
internal readonly ref partial struct FromExpr
{
    /// <summary>FROM.</summary>
    [GuestName("fromlist")]
    public partial uint Items { get; }

    /// <summary>WHERE.</summary>
    [GuestName("quals")]
    public partial uint Quals { get; }
}

/// <summary>ON CONFLICT (nodes/primnodes.h).</summary>
[GuestStruct("OnConflictExpr")]
internal readonly ref partial struct OnConflictExpr
{
    /// <summary>Of the index.</summary>
    [GuestName("arbiterWhere")]
    public partial uint ArbiterWhere { get; }

    /// <summary>DO UPDATE SET.</summary>
    [GuestName("onConflictSet")]
    public partial uint Set { get; }

    /// <summary>DO UPDATE WHERE.</summary>
    [GuestName("onConflictWhere")]
    public partial uint Where { get; }
}
