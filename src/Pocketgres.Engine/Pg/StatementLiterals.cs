using Pocketgres.Engine.Statements;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// The literals of a kept statement: where its analysed query has their values, as constants or, for a plan that does for any values, as parameters after
/// the client's own.
/// </summary>
internal sealed unsafe class StatementLiterals
{
    /// <summary>VARHDRSZ (varatt.h): bytes before those of a text, of which four times the size is the content.</summary>
    internal static int VarlenaHeader => Varlena.ContentOffset;

    private const ushort FlagConst = 1; // PARAM_FLAG_CONST (nodes/params.h)
    private const uint FourByteInteger = 23, EightByteInteger = 20, Text = 25, Varchar = 1043, Bpchar = 1042; // catalog/pg_type.dat

    private readonly Place[] _places;
    private readonly Literal[] _values;
    private readonly int _parametersBefore;
    private readonly bool _areComputed;
    private readonly (uint Address, int Capacity)[] _buffers; // of constants that are not passed by value
    private byte[] _text = [];
    private int _textLength;
    private (uint Address, int Capacity) _textBuffer;

    private StatementLiterals(Place[] places, int parametersBefore, bool areComputed)
    {
        (_places, _parametersBefore, _areComputed) = (places, parametersBefore, areComputed);
        _values = new Literal[places.Length];
        _buffers = new (uint, int)[places.Length];
    }

    /// <summary>Parameters can be in the constants' places with these values, and nothing is seen of it (<see cref="QueryConstants.AreComputed"/>).</summary>
    public bool CanBeParameters { get; private set; }

    /// <summary>The query has parameters in the constants' places.</summary>
    public bool AreParameters { get; private set; }

    /// <summary>
    /// The literals of a statement that has just been analysed; null if the query has not each of them once, with its value, so that another value could
    /// not simply be put there.
    /// </summary>
    /// <param name="process">The session.</param>
    /// <param name="source">Its <c>CachedPlanSource</c>, with one query.</param>
    /// <param name="literals">Those of its text.</param>
    /// <param name="text">Its text.</param>
    public static StatementLiterals? Of(Process process, CachedPlanSource source, IReadOnlyList<Literal> literals, ReadOnlySpan<byte> text)
    {
        byte* m = process.Memory;
        if (QueryConstants.Of(process, Lists.Element(m, source.QueryList, 0)) is not { } constants)
        {
            return null;
        }

        var places = new Place[literals.Count];
        for (int i = 0; i < places.Length; i++)
        {
            var literal = literals[i];
            bool negated = false;
            if (!constants.ByLocation.TryGetValue(literal.Offset, out uint node))
            {
                // The parser makes one constant of a minus and a number.
                negated = literal.Kind != LiteralKind.Quoted && constants.ByLocation.TryGetValue(literal.Minus, out node);
                if (!negated)
                {
                    return null;
                }
            }

            var place = Place.Of(m, node, negated);
            place = constants.Limits.TryGetValue(place.Location, out int limit) ? place with { Limit = limit } : place;
            if (!place.Holds(m, literal, text))
            {
                return null;
            }

            places[i] = place;
        }

        return new StatementLiterals(places, source.ParameterCount, constants.AreComputed);
    }

    /// <summary>The statement comes again, with another text: it is the plan source's text from here on, and the constants have its values.</summary>
    public void Take(Process process, CachedPlanSource source, IReadOnlyList<Literal> literals, ReadOnlySpan<byte> text)
    {
        byte* m = process.Memory;
        if (_text.Length < text.Length)
        {
            _text = new byte[text.Length * 2];
        }

        text.CopyTo(_text);
        _textLength = text.Length;
        uint copy = Room(process, ref _textBuffer, source.Context, text.Length + 1);
        var bytes = new Span<byte>(m + copy, text.Length + 1);
        text.CopyTo(bytes);
        bytes[^1] = 0;
        source.QueryString = copy;
        CanBeParameters = !_areComputed;
        for (int i = 0; i < _values.Length; i++)
        {
            _values[i] = literals[i];
            CanBeParameters &= (literals[i].Kind == LiteralKind.Quoted ? literals[i].Length - 2 : literals[i].Value) <= _places[i].Limit;
        }

        if (!AreParameters)
        {
            ToConstants(process, source);
        }
    }

    /// <summary>The query has the values as constants.</summary>
    public void ToConstants(Process process, CachedPlanSource source)
    {
        AreParameters = false;
        uint context = source.QueryContext;
        for (int i = 0; i < _places.Length; i++)
        {
            var place = _places[i];
            int size = SizeOf(i);
            ulong value = Fill(process.Memory, i, size == 0 ? 0 : Room(process, ref _buffers[i], context, size));
            var node = new ConstNode(process.Memory, place.Node);
            node.Tag = NodeTags.Const;
            node.Type = place.Type;
            node.Modifier = -1;
            node.Collation = place.Collation;
            node.Length = place.Length;
            node.Value = value;
            node.IsNull = false;
            node.ByValue = place.ByValue;
            node.Location = place.Location;
        }
    }

    /// <summary>The query has parameters for the values: <see cref="Parameters"/>.</summary>
    public void ToParameters(byte* m)
    {
        AreParameters = true;
        for (int i = 0; i < _places.Length; i++)
        {
            var place = _places[i];
            var node = new ParamNode(m, place.Node);
            node.Tag = NodeTags.Param;
            node.Kind = NodeTags.ExternalParameter;
            node.Id = _parametersBefore + i + 1;
            node.Type = place.Type;
            node.Modifier = -1;
            node.Collation = place.Collation;
            node.Location = place.Location;
        }
    }

    /// <summary>The client's parameters and the literals' values.</summary>
    /// <param name="process">The session.</param>
    /// <param name="context">Memory context for them.</param>
    /// <param name="parameters">The client's <c>ParamListInfo</c>, or 0.</param>
    public uint Parameters(Process process, uint context, uint parameters)
    {
        byte* m = process.Memory;
        ref ulong current = ref StatementVariables.CurrentMemoryContext(m);
        ulong before = current;
        current = context;
        var list = new ParamList(m, (uint)((delegate*<byte*, int, long>)process.Export("makeParamList"))(m, _parametersBefore + _places.Length));
        current = before;
        if (parameters != 0)
        {
            var given = new ParamList(m, parameters);
            list.ValuesText = given.ValuesText;
            int size = _parametersBefore * Parameter.Size;
            Buffer.MemoryCopy(m + given.Parameter(0).Address, m + list.Parameter(0).Address, size, size);
        }

        for (int i = 0; i < _places.Length; i++)
        {
            int size = SizeOf(i);
            var parameter = list.Parameter(_parametersBefore + i);
            parameter.Value = Fill(m, i, size == 0 ? 0 : PlanCache.Allocate(process, context, size));
            parameter.IsNull = false;
            parameter.Flags = FlagConst;
            parameter.Type = _places[i].Type;
        }

        return list.Address;
    }

    // Bytes for a value that is not passed by value; 0 for one that is.
    private int SizeOf(int index) => _values[index].Kind is LiteralKind.Integer or LiteralKind.BigInteger ? 0 : VarlenaHeader + _values[index].Length; // with the quotes: enough

    // The value as a Datum, at an address where there is room for it.
    private ulong Fill(byte* m, int index, uint address)
    {
        var literal = _values[index];
        if (literal.Kind is LiteralKind.Integer or LiteralKind.BigInteger)
        {
            return (ulong)(_places[index].IsNegated ? -literal.Value : literal.Value);
        }

        var quoted = literal.Quoted(_text.AsSpan(0, _textLength));
        int length = Unquote(quoted, new Span<byte>(m + address + VarlenaHeader, quoted.Length));
        *(int*)(m + address) = (VarlenaHeader + length) << 2; // SET_VARSIZE
        return address;
    }

    private static uint Room(Process process, ref (uint Address, int Capacity) buffer, uint context, int size)
    {
        if (buffer.Capacity < size)
        {
            uint address = PlanCache.Allocate(process, context, size * 2);
            if (buffer.Address != 0)
            {
                PlanCache.Free(process, buffer.Address);
            }

            buffer = (address, size * 2);
        }

        return buffer.Address;
    }

    private static int Unquote(ReadOnlySpan<byte> quoted, Span<byte> to)
    {
        int length = 0;
        for (int i = 0; i < quoted.Length; i++)
        {
            to[length++] = quoted[i];
            if (quoted[i] == '\'')
            {
                i++; // the second of two
            }
        }

        return length;
    }

    // A Const node, and what is in it beside the value.
    private readonly record struct Place(uint Node, bool IsNegated, uint Type, uint Collation, int Length, bool ByValue, int Location)
    {
        public long Limit { get; init; } = long.MaxValue;

        public static Place Of(byte* m, uint address, bool negated)
        {
            var node = new ConstNode(m, address);
            return new Place(address, negated, node.Type, node.Collation, node.Length, node.ByValue, node.Location);
        }

        // A string that has become something else than a text was read by that type's input function, which may find it wrong.
        public bool Holds(byte* m, Literal literal, ReadOnlySpan<byte> text)
        {
            var node = new ConstNode(m, Node);
            if (node.IsNull || node.Modifier != -1)
            {
                return false;
            }

            long number = IsNegated ? -literal.Value : literal.Value;
            switch (literal.Kind)
            {
                case LiteralKind.Integer:
                    return Type == FourByteInteger && ByValue && (int)node.Value == number;
                case LiteralKind.BigInteger:
                    return Type == EightByteInteger && ByValue && (long)node.Value == number;
                default:
                    if (Type is not (Text or Varchar or Bpchar) || Length != -1)
                    {
                        return false;
                    }

                    var quoted = literal.Quoted(text);
                    byte[] unquoted = new byte[quoted.Length];
                    int length = Unquote(quoted, unquoted);
                    byte* value = m + (uint)node.Value;
                    return *(int*)value == (VarlenaHeader + length) << 2
                        && new ReadOnlySpan<byte>(value + VarlenaHeader, length).SequenceEqual(unquoted.AsSpan(0, length));
            }
        }
    }
}
