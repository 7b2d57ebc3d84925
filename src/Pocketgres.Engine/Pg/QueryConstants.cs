using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Finds the Const nodes of an analysed statement that come from its text. Only of simple statements: each kind of node that is understood is named here,
/// and with any other (sublinks, aggregates, views, joins, sets) nothing is found at all, so that no constant can hide in it.
/// </summary>
internal sealed unsafe class QueryConstants
{
    // Casts of integers that cannot fail: int4 to int8, numeric, float8 and float4; int8 to numeric and float8 (catalog/pg_proc.dat).
    private static readonly uint[] s_safeCasts = [481, 1740, 316, 318, 1781, 482];

    private const uint CastToInt2 = 314, CastToVarchar = 669, CastToBpchar = 668; // the last two are called with the column's length

    private readonly Process _process;
    private readonly byte* _m;
    private readonly Dictionary<int, uint> _byLocation = [];
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
    public IReadOnlyDictionary<int, uint> ByLocation => _byLocation;

    /// <summary>Location to the greatest absolute value, or to the most bytes, of which a cast is known not to fail and not to change it.</summary>
    public IReadOnlyDictionary<int, int> Limits => _limits;

    /// <summary>
    /// The planner may compute something from constants alone. With parameters in their place that would be done by the execution, and what fails would
    /// fail later. Casts within <see cref="Limits"/> are not counted.
    /// </summary>
    public bool AreComputed { get; private set; }

    /// <summary>The constants of a query; null: this is not such a statement, or two constants are at one place of the text.</summary>
    public static QueryConstants? Of(Process process, uint query)
    {
        var found = new QueryConstants(process);
        return found.VisitQuery(query) ? found : null;
    }

    private bool VisitQuery(uint address)
    {
        var q = new Query(_m, address);
        ReadOnlySpan<uint> absent =
        [
            q.UtilityStatement, q.CommonTables, q.MergeActions, q.MergeCondition, q.Groups, q.GroupingSets, q.Having, q.Windows, q.Distinct, q.SetOperations,
            q.CheckOptions,
        ];
        return !absent.ContainsAnyExcept(0u) && VisitTables(q.RangeTable) && Understands(q.Targets) && Understands(q.OnConflict) && Understands(q.JoinTree)
            && Understands(q.Returning) && Understands(q.LimitOffset) && Understands(q.LimitCount);
    }

    private bool VisitTables(uint list)
    {
        for (int i = 0; i < Lists.Length(_m, list); i++)
        {
            var entry = new RangeTableEntry(_m, Lists.Element(_m, list, i));
            int kind = entry.Kind;
            bool understood = entry.SecurityQuals == 0
                && (kind == NodeTags.RelationEntry ? entry.TableSample == 0
                    : kind == NodeTags.ValuesEntry ? Understands(entry.ValuesLists)
                    : kind == NodeTags.ResultEntry);
            if (!understood)
            {
                return false;
            }
        }

        return true;
    }

    private bool Understands(uint node) => Visit(node) != Content.NotUnderstood;

    private Content Visit(uint node) => node == 0 ? Content.Nothing : Tag(node) switch
    {
        var tag when tag == NodeTags.List => VisitList(node),
        var tag when tag == NodeTags.Const => VisitConstant(node),
        var tag when tag == NodeTags.Var || tag == NodeTags.Param || tag == NodeTags.SqlValueFunction || tag == NodeTags.NextValueExpr || tag == NodeTags.RangeTblRef => Content.Varying,
        var tag when tag == NodeTags.FuncExpr => VisitFunction(new FuncExpr(_m, node)),
        var tag when tag == NodeTags.OpExpr || tag == NodeTags.DistinctExpr || tag == NodeTags.NullIfExpr => Computed(Visit(new OpExpr(_m, node).Arguments)),
        var tag when tag == NodeTags.ScalarArrayOpExpr => Computed(Visit(new ScalarArrayOpExpr(_m, node).Arguments)),
        var tag when tag == NodeTags.BoolExpr => Computed(Visit(new BoolExpr(_m, node).Arguments)),
        var tag when tag == NodeTags.ArrayExpr => Visit(new ArrayExpr(_m, node).Elements),
        var tag when tag == NodeTags.CoalesceExpr => Computed(Visit(new CoalesceExpr(_m, node).Arguments)),
        var tag when tag == NodeTags.CoerceViaIO => Computed(Visit(new CoerceViaIO(_m, node).Argument)),
        var tag when tag == NodeTags.NullTest => Computed(Visit(new NullTest(_m, node).Argument)),
        var tag when tag == NodeTags.BooleanTest => Computed(Visit(new BooleanTest(_m, node).Argument)),
        var tag when tag == NodeTags.TargetEntry => Visit(new TargetEntry(_m, node).Expression),
        var tag when tag == NodeTags.RelabelType => Visit(new RelabelType(_m, node).Argument),
        var tag when tag == NodeTags.CoerceToDomain => Visit(new CoerceToDomain(_m, node).Argument),
        var tag when tag == NodeTags.FromExpr => VisitFrom(new FromExpr(_m, node)),
        var tag when tag == NodeTags.OnConflictExpr => VisitConflict(new OnConflictExpr(_m, node)),
        _ => Content.NotUnderstood,
    };

    private Content VisitConstant(uint node)
    {
        int location = new ConstNode(_m, node).Location;
        return location < 0 ? Content.Nothing : _byLocation.TryAdd(location, node) ? Content.Literals : Content.NotUnderstood;
    }

    private Content VisitFrom(FromExpr from) => Visit(from.Items) == Content.NotUnderstood ? Content.NotUnderstood : Visit(from.Quals);

    private Content VisitConflict(OnConflictExpr conflict) =>
        conflict.ArbiterWhere != 0 || Visit(conflict.Set) == Content.NotUnderstood ? Content.NotUnderstood : Visit(conflict.Where);

    private Content VisitList(uint list)
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

    private Content VisitFunction(FuncExpr call)
    {
        uint function = call.Function;
        uint list = call.Arguments;
        var arguments = Visit(list);
        if (arguments is Content.NotUnderstood or Content.Varying || s_safeCasts.AsSpan().Contains(function))
        {
            return arguments;
        }

        if (function is CastToInt2 or CastToVarchar or CastToBpchar && LocationOf(Lists.Element(_m, list, 0)) is >= 0 and var location)
        {
            _limits[location] = function == CastToInt2 ? short.MaxValue : (int)new ConstNode(_m, Lists.Element(_m, list, 1)).Value - StatementLiterals.VarlenaHeader;
            return arguments;
        }

        bool isImmutable = ((delegate*<byte*, int, int>)_process.Export("func_volatile"))(_m, (int)function) == 'i';
        return isImmutable ? Computed(arguments) : Content.Varying;
    }

    private int Tag(uint node) => new Node(_m, node).Tag;

    private int LocationOf(uint node) => Tag(node) == NodeTags.Const ? new ConstNode(_m, node).Location : -1;

    private Content Computed(Content content)
    {
        AreComputed |= content == Content.Literals;
        return content;
    }
}
