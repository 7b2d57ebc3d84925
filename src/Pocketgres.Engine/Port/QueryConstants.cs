using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Finds the Const nodes of an analysed statement that come from its text. Only of simple statements: each kind of node that is understood is named here,
/// and with any other (sublinks, aggregates, views, joins, sets) nothing is found at all, so that no constant can hide in it.
/// </summary>
internal sealed unsafe class QueryConstants
{
    // Casts of integers that cannot fail: int4 to int8, numeric, float8 and float4; int8 to numeric and float8 (catalog/pg_proc.dat).
    private static readonly int[] s_safeCasts = [481, 1740, 316, 318, 1781, 482];

    private const int CastToInt2 = 314, CastToVarchar = 669, CastToBpchar = 668; // the last two are called with the column's length

    private readonly Process _process;
    private readonly byte* _m;
    private readonly Dictionary<int, int> _byLocation = [];
    private readonly Dictionary<int, int> _limits = [];

    private QueryConstants(Process process)
    {
        _process = process;
        _m = process.Memory;
    }

    private enum Content
    {
        NotUnderstood,

        // No literal, nothing that varies.
        Nothing,

        // Literals, and nothing that varies: the planner computes it.
        Literals,

        // Something that only the execution knows.
        Varying,
    }

    /// <summary>Location in the text to address of the node.</summary>
    public IReadOnlyDictionary<int, int> ByLocation => _byLocation;

    /// <summary>Location to the greatest absolute value, or to the most bytes, of which a cast is known not to fail and not to change it.</summary>
    public IReadOnlyDictionary<int, int> Limits => _limits;

    /// <summary>
    /// The planner may compute something from constants alone. With parameters in their place that would be done by the execution, and what fails would
    /// fail later. Casts within <see cref="Limits"/> are not counted.
    /// </summary>
    public bool AreComputed { get; private set; }

    /// <summary>The constants of a query; null: this is not such a statement, or two constants are at one place of the text.</summary>
    public static QueryConstants? Of(Process process, int query)
    {
        var found = new QueryConstants(process);
        return found.VisitQuery(query) ? found : null;
    }

    private bool VisitQuery(int query)
    {
        byte* q = _m + (uint)query;
        ReadOnlySpan<int> absent =
        [
            Query.UtilityStatement, Query.CommonTables, Query.MergeActions, Query.MergeCondition, Query.Groups, Query.GroupingSets, Query.Having, Query.Windows,
            Query.Distinct, Query.SetOperations, Query.CheckOptions,
        ];
        foreach (int field in absent)
        {
            if (*(int*)(q + field) != 0)
            {
                return false;
            }
        }

        return VisitTables(*(int*)(q + Query.RangeTable)) && Understands(*(int*)(q + Query.Targets)) && Understands(*(int*)(q + Query.OnConflict))
            && Understands(*(int*)(q + Query.JoinTree)) && Understands(*(int*)(q + Query.Returning)) && Understands(*(int*)(q + Query.LimitOffset))
            && Understands(*(int*)(q + Query.LimitCount));
    }

    private bool VisitTables(int list)
    {
        for (int i = 0; i < Lists.Length(_m, list); i++)
        {
            byte* entry = _m + (uint)Lists.Element(_m, list, i);
            bool understood = *(int*)(entry + RangeTableEntry.SecurityQuals) == 0 && *(int*)(entry + RangeTableEntry.Kind) switch
            {
                RangeTableEntry.Relation => *(int*)(entry + RangeTableEntry.TableSample) == 0,
                RangeTableEntry.Values => Understands(*(int*)(entry + RangeTableEntry.ValuesLists)),
                RangeTableEntry.Result => true,
                _ => false,
            };
            if (!understood)
            {
                return false;
            }
        }

        return true;
    }

    private bool Understands(int node) => Visit(node) != Content.NotUnderstood;

    private Content Visit(int node)
    {
        byte* n = _m + (uint)node;
        switch (node == 0 ? 0 : *(int*)n)
        {
            case 0:
                return Content.Nothing;
            case NodeTag.List:
                return VisitList(node);
            case NodeTag.Const:
                int location = *(int*)(n + ConstNode.Location);
                return location < 0 ? Content.Nothing : _byLocation.TryAdd(location, node) ? Content.Literals : Content.NotUnderstood;
            case NodeTag.Var or NodeTag.Param or NodeTag.SqlValueFunction or NodeTag.NextValueExpr or NodeTag.RangeTblRef:
                return Content.Varying;
            case NodeTag.FuncExpr:
                return VisitFunction(n);
            case NodeTag.OpExpr or NodeTag.DistinctExpr or NodeTag.NullIfExpr or NodeTag.ScalarArrayOpExpr:
                return Computed(Visit(*(int*)(n + OpExpr.Arguments)));
            case NodeTag.BoolExpr:
                return Computed(Visit(*(int*)(n + BoolExpr.Arguments)));
            case NodeTag.ArrayExpr:
                return Visit(*(int*)(n + ArrayExpr.Elements));
            case NodeTag.CoalesceExpr:
                return Computed(Visit(*(int*)(n + CoalesceExpr.Arguments)));
            case NodeTag.CoerceViaIO or NodeTag.NullTest or NodeTag.BooleanTest:
                return Computed(Visit(*(int*)(n + TargetEntry.Expression)));
            case NodeTag.TargetEntry or NodeTag.RelabelType or NodeTag.CoerceToDomain:
                return Visit(*(int*)(n + TargetEntry.Expression));
            case NodeTag.FromExpr:
                return Visit(*(int*)(n + FromExpr.Items)) == Content.NotUnderstood ? Content.NotUnderstood : Visit(*(int*)(n + FromExpr.Quals));
            case NodeTag.OnConflictExpr:
                return *(int*)(n + OnConflictExpr.ArbiterWhere) != 0 || Visit(*(int*)(n + OnConflictExpr.Set)) == Content.NotUnderstood
                    ? Content.NotUnderstood
                    : Visit(*(int*)(n + OnConflictExpr.Where));
            default:
                return Content.NotUnderstood;
        }
    }

    private Content VisitList(int list)
    {
        var all = Content.Nothing;
        for (int i = 0; i < Lists.Length(_m, list); i++)
        {
            var content = Visit(Lists.Element(_m, list, i));
            if (content == Content.NotUnderstood)
            {
                return content;
            }

            all = content > all ? content : all;
        }

        return all;
    }

    private Content VisitFunction(byte* n)
    {
        int function = *(int*)(n + FuncExpr.Function);
        int list = *(int*)(n + OpExpr.Arguments);
        var arguments = Visit(list);
        if (arguments is Content.NotUnderstood or Content.Varying || s_safeCasts.AsSpan().Contains(function))
        {
            return arguments;
        }

        if (function is CastToInt2 or CastToVarchar or CastToBpchar && LocationOf(Lists.Element(_m, list, 0)) is >= 0 and var location)
        {
            _limits[location] = function == CastToInt2
                ? short.MaxValue
                : *(int*)(_m + (uint)Lists.Element(_m, list, 1) + ConstNode.Value) - Varlena.Header;
            return arguments;
        }

        bool isImmutable = ((delegate*<byte*, int, int>)_process.Function(PgliteFunctions.FuncVolatile))(_m, function) == 'i';
        return isImmutable ? Computed(arguments) : Content.Varying;
    }

    private int LocationOf(int node) => *(int*)(_m + (uint)node) == NodeTag.Const ? *(int*)(_m + (uint)node + ConstNode.Location) : -1;

    private Content Computed(Content content)
    {
        AreComputed |= content == Content.Literals;
        return content;
    }
}
