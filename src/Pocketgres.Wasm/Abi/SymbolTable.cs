using System.Buffers.Binary;
using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Pocketgres.Wasm.Abi;

/// <summary>
/// Symbols by name, read where they lie when somebody asks: a program exports 18,000, of which a server needs few. To have all of them as objects took 3 MB,
/// and to map the file most of it, because the host maps 64 KB around whatever is looked at. What was found is kept, and also what is not there: each session that loads a module
/// looks for the module's own symbols in the program first, which would be 256 reads for pgvector. Any thread.
/// </summary>
/// <remarks>
/// Little-endian: 4 bytes length of the table, 4 number of symbols, 4 number of places, a power of two; for each place 4 bytes with the offset of a symbol in the table, 0 for none;
/// symbols: 2 bytes length of the name, the name in UTF-8, the value. A symbol is in the first free place from its name's hash (FNV-1a) on; a quarter of the places at least is free.
/// </remarks>
internal sealed class SymbolTable<T> : IReadOnlyDictionary<string, T>
{
    private const int LengthOffset = 0, CountOffset = 4, PlacesOffset = 8, FirstPlace = 12;

    // Names may be anybody's (dlsym): of those that are not there, so many are kept, if they are no longer than this.
    private const int MostMissing = 4096, LongestMissing = 256;

    private readonly ReadAt _read;
    private readonly long _start;
    private readonly int _places;
    private readonly int _valueLength;
    private readonly ValueReader _value;
    private readonly ConcurrentDictionary<string, Found?> _known = new(StringComparer.Ordinal);
    private int _missing; // names among them that are not there

    /// <param name="read">Reads the file in which the table is.</param>
    /// <param name="start">Where the table begins there.</param>
    /// <param name="valueLength">Bytes of a value.</param>
    /// <param name="value">Reads one.</param>
    public SymbolTable(ReadAt read, long start, int valueLength, ValueReader value)
    {
        (_read, _start, _valueLength, _value) = (read, start, valueLength, value);
        Span<byte> head = stackalloc byte[FirstPlace];
        read(start, head);
        Length = BinaryPrimitives.ReadInt32LittleEndian(head[LengthOffset..]);
        Count = BinaryPrimitives.ReadInt32LittleEndian(head[CountOffset..]);
        _places = BinaryPrimitives.ReadInt32LittleEndian(head[PlacesOffset..]);
    }

    /// <summary>Reads a value.</summary>
    public delegate T ValueReader(ReadOnlySpan<byte> bytes);

    /// <summary>Bytes of the table.</summary>
    public int Length { get; }

    /// <inheritdoc/>
    public int Count { get; }

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
    public bool ContainsKey(string key) => TryGetValue(key, out _);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value)
    {
        if (!_known.TryGetValue(key, out var found))
        {
            found = Find(key);
            if (found is not null || (key.Length <= LongestMissing && Interlocked.Increment(ref _missing) <= MostMissing))
            {
                _known.TryAdd(key, found);
            }
        }

        value = found is null ? default : found.Value;
        return found is not null;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, T>> GetEnumerator()
    {
        byte[] table = new byte[Length];
        _read(_start, table);
        for (int i = 0; i < _places; i++)
        {
            if (BinaryPrimitives.ReadInt32LittleEndian(table.AsSpan(FirstPlace + (sizeof(int) * i))) is not 0 and var symbol)
            {
                var name = table.AsSpan(symbol + sizeof(ushort), BinaryPrimitives.ReadUInt16LittleEndian(table.AsSpan(symbol)));
                yield return new(Encoding.UTF8.GetString(name), _value(table.AsSpan(symbol + sizeof(ushort) + name.Length)));
            }
        }
    }

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private Found? Find(string key)
    {
        if (key.Length > ushort.MaxValue)
        {
            return null; // of hundreds of megabytes, perhaps
        }

        byte[] name = Encoding.UTF8.GetBytes(key);
        byte[] symbol = new byte[sizeof(ushort) + name.Length + _valueLength];
        Span<byte> number = stackalloc byte[sizeof(int)];
        for (uint place = Hash(name); ; place++)
        {
            _read(_start + FirstPlace + (sizeof(int) * (place & (_places - 1))), number);
            int offset = BinaryPrimitives.ReadInt32LittleEndian(number);
            if (offset == 0)
            {
                return null;
            }

            // The last symbol may be shorter than the one that is looked for.
            var there = symbol.AsSpan(0, Math.Min(symbol.Length, Length - offset));
            _read(_start + offset, there);
            if (BinaryPrimitives.ReadUInt16LittleEndian(there) == name.Length && there.Slice(sizeof(ushort), name.Length).SequenceEqual(name))
            {
                return new(_value(there[(sizeof(ushort) + name.Length)..]));
            }
        }
    }

    private static uint Hash(ReadOnlySpan<byte> name)
    {
        uint hash = 2166136261;
        foreach (byte b in name)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }

    /// <summary>The value of a symbol that was found: a class, since the framework has native code for dictionaries of those.</summary>
    private sealed record Found(T Value);
}
