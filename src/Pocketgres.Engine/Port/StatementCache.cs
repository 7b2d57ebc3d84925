using System.Buffers;
using System.Text;

namespace Pocketgres.Engine.Port;

/// <summary>
/// The unnamed statements that a session keeps analysed, and what it must know to trust them (<see cref="UnnamedStatements"/>). Used by the session's
/// thread under the global lock.
/// </summary>
/// <remarks>
/// A statement is kept when it comes for the second time, so that one that never comes again costs nothing but its hash. All are given up when a
/// catalog or a setting changes: analysis depends on both in more ways than Postgres' plan cache watches (new overloads of functions, tables that
/// hide others, the meaning of literals).
/// </remarks>
internal sealed class StatementCache
{
    private const int Capacity = 64;
    private const int LongestMessage = 8 * 1024; // a longer one is not worth being copied and compared
    private const int LargestStatement = 256 * 1024, AllStatements = 1024 * 1024; // a query of a few words may be a view of many
    private const int SeenCapacity = 512;

    private static readonly SearchValues<string> TimeWords = SearchValues.Create(["now", "today", "tomorrow", "yesterday"], StringComparison.OrdinalIgnoreCase);

    private readonly Dictionary<int, Entry> _entries = []; // by the hash of their messages
    private readonly HashSet<int> _seen = [];
    private long _uses;
    private int _memory;
    private bool _stale; // a catalog or a setting has changed since the oldest entry, or the candidate, was analysed
    private bool _settingsMayRevert;

    /// <summary>The statement that is being analysed and is to be kept, or that has been and is the unnamed one; null: none.</summary>
    public Entry? Candidate { get; private set; }

    /// <summary>The kept statement that has come again and is being made the unnamed one, or null.</summary>
    public Entry? Found { get; set; }

    /// <summary>The kept statement that is the unnamed one now, or null.</summary>
    public Entry? Current { get; set; }

    /// <summary>A catalog has changed, in this session or in another one.</summary>
    public void CatalogChanged() => _stale = true;

    /// <summary>A setting is about to change. The change may be undone at the end of the transaction or of a function, without further notice.</summary>
    public void SettingChanged()
    {
        _stale = true;
        _settingsMayRevert = true;
    }

    /// <summary>All entries if they must be dropped, because something has changed since they were analysed; they are not kept any more.</summary>
    public IReadOnlyCollection<Entry> TakeStale()
    {
        if (!_stale)
        {
            return [];
        }

        Entry[] all = [.. _entries.Values];
        _entries.Clear();
        _memory = 0;
        _stale = false;
        return all;
    }

    /// <summary>The statement as kept, or null; then it may become the <see cref="Candidate"/>.</summary>
    /// <param name="message">Text, its end, and the parameters' types, as the client sent them.</param>
    /// <param name="settingsAreFinal">There is no setting that will revert.</param>
    public Entry? Find(ReadOnlySpan<byte> message, bool settingsAreFinal)
    {
        _settingsMayRevert &= !settingsAreFinal;
        if (message.Length > LongestMessage)
        {
            return null;
        }

        var hash = default(HashCode);
        hash.AddBytes(message);
        int key = hash.ToHashCode();
        if (_entries.TryGetValue(key, out var entry))
        {
            entry.LastUse = ++_uses;
            return message.SequenceEqual(entry.Message) ? entry : null;
        }

        if (_seen.Count >= SeenCapacity)
        {
            _seen.Clear();
        }

        int end = message.IndexOf((byte)0);
        if (!_seen.Add(key) && !_settingsMayRevert && !MayDependOnTime(message[..(end < 0 ? message.Length : end)]))
        {
            Candidate = new Entry(key, message.ToArray());
        }

        return null;
    }

    /// <summary>The candidate is not to be kept.</summary>
    public void Forget() => Candidate = null;

    /// <summary>The candidate has been analysed.</summary>
    /// <param name="plan">Address of its <c>CachedPlanSource</c>.</param>
    /// <param name="memory">Bytes that it takes in the session's memory.</param>
    public void Analysed(int plan, int memory)
    {
        if (memory > LargestStatement)
        {
            Candidate = null;
        }
        else
        {
            (Candidate!.Plan, Candidate.Memory) = (plan, memory);
        }
    }

    /// <summary>Keeps the candidate, which is not the unnamed statement any more.</summary>
    /// <returns>Entries to drop, which are not kept any more.</returns>
    public IReadOnlyCollection<Entry> Keep()
    {
        var entry = Candidate!;
        Candidate = null;
        List<Entry> dropped = [];
        while (_entries.Count >= Capacity || _memory + entry.Memory > AllStatements)
        {
            var oldest = _entries.Values.MinBy(e => e.LastUse)!;
            Remove(oldest);
            dropped.Add(oldest);
        }

        entry.LastUse = ++_uses;
        _entries.Add(entry.Key, entry);
        _memory += entry.Memory;
        return dropped;
    }

    /// <summary>The entry is not kept any more.</summary>
    public void Remove(Entry entry)
    {
        _entries.Remove(entry.Key);
        _memory -= entry.Memory;
        if (Found == entry)
        {
            Found = null; // after an error, it was still there
        }
    }

    /// <summary>
    /// Whether the statement may have a literal whose value depends on when it is analysed: 'now' and the like, or a time of day, whose zone depends
    /// on the date. Looks at the whole text of those with a literal, so that no comment or way of quoting misleads it.
    /// </summary>
    internal static bool MayDependOnTime(ReadOnlySpan<byte> statement)
    {
        if (!statement.ContainsAny("'$"u8))
        {
            return false;
        }

        string text = Encoding.Latin1.GetString(statement);
        if (!HasLiteral(text))
        {
            return false;
        }

        // With escapes a literal can spell anything.
        return text.Contains('\\', StringComparison.Ordinal)
            || text.Replace("now(", "", StringComparison.OrdinalIgnoreCase).AsSpan().ContainsAny(TimeWords)
            || text.Replace("::", "", StringComparison.Ordinal).Contains(':', StringComparison.Ordinal);
    }

    // $1 is a parameter; anything else with a dollar may begin a literal.
    private static bool HasLiteral(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\'' || (text[i] == '$' && (i + 1 == text.Length || !char.IsAsciiDigit(text[i + 1]))))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A statement that is kept.</summary>
    internal sealed class Entry(int key, byte[] message)
    {
        /// <summary>Hash of <see cref="Message"/>.</summary>
        public int Key { get; } = key;

        /// <summary>Text and parameters' types.</summary>
        public byte[] Message { get; } = message;

        /// <summary>Address of the <c>CachedPlanSource</c>; 0 while the candidate is being analysed.</summary>
        public int Plan { get; set; }

        /// <summary>Bytes that it takes in the session's memory.</summary>
        public int Memory { get; set; }

        /// <summary>Orders entries by their last use.</summary>
        public long LastUse { get; set; }
    }
}
