using Pocketgres.Engine.Statements;
using Pocketgres.Kernel;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// The literals of a kept statement: where its analysed query has their values, as constants or, for a plan that does for any values, as parameters after
/// the client's own.
/// </summary>
internal sealed unsafe class StatementLiterals
{
    private readonly Place[] _places;
    private readonly Literal[] _values;
    private readonly int _parametersBefore;
    private readonly bool _areComputed;
    private readonly (int Address, int Capacity)[] _buffers; // of constants that are not passed by value
    private byte[] _text = [];
    private int _textLength;
    private (int Address, int Capacity) _textBuffer;

    private StatementLiterals(Place[] places, int parametersBefore, bool areComputed)
    {
        (_places, _parametersBefore, _areComputed) = (places, parametersBefore, areComputed);
        _values = new Literal[places.Length];
        _buffers = new (int, int)[places.Length];
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
    public static StatementLiterals? Of(Process process, byte* source, IReadOnlyList<Literal> literals, ReadOnlySpan<byte> text)
    {
        byte* m = process.Memory;
        if (QueryConstants.Of(process, Lists.Element(m, *(int*)(source + CachedPlanSource.QueryList), 0)) is not { } constants)
        {
            return null;
        }

        var places = new Place[literals.Count];
        for (int i = 0; i < places.Length; i++)
        {
            var literal = literals[i];
            bool negated = false;
            if (!constants.ByLocation.TryGetValue(literal.Offset, out int node))
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

        return new StatementLiterals(places, *(int*)(source + CachedPlanSource.ParameterCount), constants.AreComputed);
    }

    /// <summary>The statement comes again, with another text: it is the plan source's text from here on, and the constants have its values.</summary>
    public void Take(Process process, byte* source, IReadOnlyList<Literal> literals, ReadOnlySpan<byte> text)
    {
        byte* m = process.Memory;
        if (_text.Length < text.Length)
        {
            _text = new byte[text.Length * 2];
        }

        text.CopyTo(_text);
        _textLength = text.Length;
        int copy = Room(process, ref _textBuffer, *(int*)(source + CachedPlanSource.Context), text.Length + 1);
        text.CopyTo(new Span<byte>(m + (uint)copy, text.Length));
        m[(uint)copy + text.Length] = 0;
        *(int*)(source + CachedPlanSource.QueryString) = copy;
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
    public void ToConstants(Process process, byte* source)
    {
        AreParameters = false;
        int context = *(int*)(source + CachedPlanSource.QueryContext);
        for (int i = 0; i < _places.Length; i++)
        {
            var place = _places[i];
            int size = SizeOf(i);
            int value = Fill(process.Memory, i, size == 0 ? 0 : Room(process, ref _buffers[i], context, size));
            byte* node = process.Memory + (uint)place.Node;
            *(int*)node = NodeTag.Const;
            *(int*)(node + ConstNode.Type) = place.Type;
            *(int*)(node + ConstNode.Modifier) = -1;
            *(int*)(node + ConstNode.Collation) = place.Collation;
            *(int*)(node + ConstNode.Length) = place.Length;
            *(int*)(node + ConstNode.Value) = value;
            node[ConstNode.IsNull] = 0;
            node[ConstNode.ByValue] = place.ByValue ? (byte)1 : (byte)0;
            *(int*)(node + ConstNode.Location) = place.Location;
        }
    }

    /// <summary>The query has parameters for the values: <see cref="Parameters"/>.</summary>
    public void ToParameters(byte* m)
    {
        AreParameters = true;
        for (int i = 0; i < _places.Length; i++)
        {
            var place = _places[i];
            byte* node = m + (uint)place.Node;
            *(int*)node = NodeTag.Param;
            *(int*)(node + Param.Kind) = Param.External;
            *(int*)(node + Param.Id) = _parametersBefore + i + 1;
            *(int*)(node + Param.Type) = place.Type;
            *(int*)(node + Param.Modifier) = -1;
            *(int*)(node + Param.Collation) = place.Collation;
            *(int*)(node + Param.Location) = place.Location;
        }
    }

    /// <summary>The client's parameters and the literals' values.</summary>
    /// <param name="process">The session.</param>
    /// <param name="context">Memory context for them.</param>
    /// <param name="parameters">The client's <c>ParamListInfo</c>, or 0.</param>
    public int Parameters(Process process, int context, int parameters)
    {
        byte* m = process.Memory;
        int* current = (int*)(m + PgliteAddresses.CurrentMemoryContext);
        int before = *current;
        *current = context;
        int list = ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.MakeParamList))(m, _parametersBefore + _places.Length);
        *current = before;
        byte* first = m + (uint)list + ParamList.Parameters;
        if (parameters != 0)
        {
            *(int*)(m + (uint)list + ParamList.ValuesText) = *(int*)(m + (uint)parameters + ParamList.ValuesText);
            int size = _parametersBefore * ParamList.SizeOfParameter;
            Buffer.MemoryCopy(m + (uint)parameters + ParamList.Parameters, first, size, size);
        }

        for (int i = 0; i < _places.Length; i++)
        {
            int size = SizeOf(i);
            int value = Fill(m, i, size == 0 ? 0 : Allocate(process, context, size));
            byte* parameter = first + ((_parametersBefore + i) * ParamList.SizeOfParameter);
            *(int*)(parameter + ParamList.Value) = value;
            parameter[ParamList.IsNull] = 0;
            *(short*)(parameter + ParamList.Flags) = ParamList.FlagConst;
            *(int*)(parameter + ParamList.Type) = _places[i].Type;
        }

        return list;
    }

    // Bytes for a value that is not passed by value; 0 for one that is.
    private int SizeOf(int index) => _values[index].Kind switch
    {
        LiteralKind.Integer => 0,
        LiteralKind.BigInteger => sizeof(long),
        _ => Varlena.Header + _values[index].Length, // with the quotes: enough
    };

    // The value as a Datum, at an address where there is room for it.
    private int Fill(byte* m, int index, int address)
    {
        var literal = _values[index];
        long number = _places[index].IsNegated ? -literal.Value : literal.Value;
        switch (literal.Kind)
        {
            case LiteralKind.Integer:
                return (int)number;
            case LiteralKind.BigInteger:
                *(long*)(m + (uint)address) = number;
                return address;
            default:
                var quoted = literal.Quoted(_text.AsSpan(0, _textLength));
                int length = Unquote(quoted, new Span<byte>(m + (uint)address + Varlena.Header, quoted.Length));
                *(int*)(m + (uint)address) = (Varlena.Header + length) << 2;
                return address;
        }
    }

    private static int Room(Process process, ref (int Address, int Capacity) buffer, int context, int size)
    {
        if (buffer.Capacity < size)
        {
            int address = Allocate(process, context, size * 2);
            if (buffer.Address != 0)
            {
                ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.PFree))(process.Memory, buffer.Address);
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

    private static int Allocate(Process process, int context, int size) =>
        ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.MemoryContextAlloc))(process.Memory, context, size);

    // A Const node, and what is in it beside the value.
    private readonly record struct Place(int Node, bool IsNegated, int Type, int Collation, int Length, bool ByValue, int Location)
    {
        public long Limit { get; init; } = long.MaxValue;

        public static Place Of(byte* m, int node, bool negated)
        {
            byte* n = m + (uint)node;
            return new Place(
                node, negated, *(int*)(n + ConstNode.Type), *(int*)(n + ConstNode.Collation), *(int*)(n + ConstNode.Length), n[ConstNode.ByValue] != 0, *(int*)(n + ConstNode.Location));
        }

        // A string that has become something else than a text was read by that type's input function, which may find it wrong.
        public bool Holds(byte* m, Literal literal, ReadOnlySpan<byte> text)
        {
            byte* node = m + (uint)Node;
            if (node[ConstNode.IsNull] != 0 || *(int*)(node + ConstNode.Modifier) != -1)
            {
                return false;
            }

            int value = *(int*)(node + ConstNode.Value);
            long number = IsNegated ? -literal.Value : literal.Value;
            switch (literal.Kind)
            {
                case LiteralKind.Integer:
                    return Type == TypeOids.FourByteInteger && ByValue && value == number;
                case LiteralKind.BigInteger:
                    return Type == TypeOids.EightByteInteger && !ByValue && *(long*)(m + (uint)value) == number;
                default:
                    if (Type is not (TypeOids.Text or TypeOids.Varchar or TypeOids.Bpchar) || Length != -1)
                    {
                        return false;
                    }

                    var quoted = literal.Quoted(text);
                    byte[] unquoted = new byte[quoted.Length];
                    int length = Unquote(quoted, unquoted);
                    return *(int*)(m + (uint)value) == (Varlena.Header + length) << 2
                        && new ReadOnlySpan<byte>(m + (uint)value + Varlena.Header, length).SequenceEqual(unquoted.AsSpan(0, length));
            }
        }
    }
}
