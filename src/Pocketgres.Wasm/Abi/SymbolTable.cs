using System.Buffers.Binary;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Pocketgres.Wasm.Abi;

/// <summary>
/// Symbols by name, looked up where they lie: a program exports 17,000, of which a start needs twenty. To have all of them as objects took 3 MB.
/// </summary>
/// <remarks>
/// Little-endian: 4 bytes length of the table, 4 number of symbols, 4 number of places, a power of two; for each place 4 bytes with the offset of a symbol in the table, 0 for none;
/// symbols: 2 bytes length of the name, the name in UTF-8, the value. A symbol is in the first free place from its name's hash (FNV-1a) on; a quarter of the places at least is free.
/// </remarks>
internal sealed class SymbolTable<T> : IReadOnlyDictionary<string, T>
{
    private const int LengthOffset = 0, CountOffset = 4, PlacesOffset = 8, FirstPlace = 12;

    private readonly ReadOnlyMemory<byte> _table;
    private readonly ValueReader _read;

    /// <param name="bytes">What begins with a table.</param>
    /// <param name="read">Reads a value, with which its span begins.</param>
    public SymbolTable(ReadOnlyMemory<byte> bytes, ValueReader read)
    {
        _table = bytes[..BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[LengthOffset..])];
        _read = read;
    }

    /// <summary>Reads a value.</summary>
    public delegate T ValueReader(ReadOnlySpan<byte> bytes);

    /// <summary>Bytes of the table.</summary>
    public int Length => _table.Length;

    /// <inheritdoc/>
    public int Count => Number(_table.Span, CountOffset);

    /// <inheritdoc/>
    public IEnumerable<string> Keys => this.Select(s => s.Key);

    /// <inheritdoc/>
    public IEnumerable<T> Values => this.Select(s => s.Value);

    /// <inheritdoc/>
    public T this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

    /// <summary>Makes a table.</summary>
    /// <param name="symbols">The symbols.</param>
    /// <param name="write">Writes a value.</param>
    public static byte[] Encode(IReadOnlyDictionary<string, T> symbols, Action<BinaryWriter, T> write)
    {
        int places = 1;
        while (3L * places < 4L * symbols.Count + 1)
        {
            places *= 2;
        }

        int[] offsets = new int[places];
        var table = new MemoryStream();
        using var writer = new BinaryWriter(table, Encoding.UTF8, leaveOpen: true);
        writer.Write(new byte[FirstPlace + (sizeof(int) * places)]);
        foreach (var (name, value) in symbols)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            uint place = Hash(bytes);
            while (offsets[place & (places - 1)] != 0)
            {
                place++;
            }

            offsets[place & (places - 1)] = (int)table.Position;
            writer.Write((ushort)bytes.Length);
            writer.Write(bytes);
            write(writer, value);
        }

        table.Position = 0;
        foreach (int number in (int[])[(int)table.Length, symbols.Count, places, .. offsets])
        {
            writer.Write(number);
        }

        return table.ToArray();
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => Find(key) >= 0;

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value)
    {
        int at = Find(key);
        value = at >= 0 ? _read(_table.Span[at..]) : default;
        return at >= 0;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, T>> GetEnumerator()
    {
        for (int i = 0; i < Number(_table.Span, PlacesOffset); i++)
        {
            if (Number(_table.Span, FirstPlace + (sizeof(int) * i)) is not 0 and var symbol)
            {
                var name = Name(_table.Span, symbol);
                yield return new(Encoding.UTF8.GetString(name), _read(_table.Span[(symbol + sizeof(ushort) + name.Length)..]));
            }
        }
    }

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // Where a symbol's value is; -1 when there is none.
    private int Find(string key)
    {
        var table = _table.Span;
        Span<byte> name = key.Length <= 256 ? stackalloc byte[3 * key.Length] : new byte[Encoding.UTF8.GetMaxByteCount(key.Length)];
        name = name[..Encoding.UTF8.GetBytes(key, name)];
        for (uint place = Hash(name), mask = (uint)Number(table, PlacesOffset) - 1; ; place++)
        {
            int symbol = Number(table, FirstPlace + (sizeof(int) * (int)(place & mask)));
            if (symbol == 0)
            {
                return -1;
            }

            if (Name(table, symbol).SequenceEqual(name))
            {
                return symbol + sizeof(ushort) + name.Length;
            }
        }
    }

    private static ReadOnlySpan<byte> Name(ReadOnlySpan<byte> table, int symbol) =>
        table.Slice(symbol + sizeof(ushort), BinaryPrimitives.ReadUInt16LittleEndian(table[symbol..]));

    private static int Number(ReadOnlySpan<byte> table, int offset) => BinaryPrimitives.ReadInt32LittleEndian(table[offset..]);

    private static uint Hash(ReadOnlySpan<byte> name)
    {
        uint hash = 2166136261;
        foreach (byte b in name)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }
}
