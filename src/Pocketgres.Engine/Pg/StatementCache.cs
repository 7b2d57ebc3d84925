using Pocketgres.Engine.Statements;
using System.Buffers;
using System.Text;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// The statements that a session keeps analysed, and what it must know to trust them (<see cref="KeptStatements"/>). Used by the session's thread
/// alone.
/// </summary>
/// <remarks>
/// A statement is kept when it comes for the second time, so that one that never comes again costs nothing but its hash. Texts that differ in their
/// literals alone are one statement (<see cref="StatementText"/>), unless its query does not allow it. All are given up when a catalog or a setting
/// changes: analysis depends on both in more ways than Postgres' plan cache watches (new overloads of functions, tables that hide others, the meaning of
/// literals).
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
    private readonly HashSet<int> _withLiteralsOnly = []; // hashes of forms of which each text is a statement of its own
    private readonly StatementText _form = new();
    private long _uses;
    private int _memory;
    private bool _stale; // a catalog or a setting has changed since the oldest entry, or the candidate, was analysed
    private bool _settingsMayRevert;

    /// <summary>The statement that is being analysed and is to be kept, or that has been and is the unnamed one; null: none.</summary>
    public Entry? Candidate { get; private set; }

    /// <summary>The kept statement that has come again and is being made the unnamed one, or null.</summary>
    public Entry? Found { get; set; }

    /// <summary>exec_parse_message has been told of <see cref="Found"/>, and asks for its tree next.</summary>
    public bool IsParsedNext { get; set; }

    /// <summary>The kept statement that is the unnamed one now, or null.</summary>
    public Entry? Current { get; set; }

    /// <summary>The kept statement that a simple query has brought again, until its portal is started; or null.</summary>
    public Entry? Simple { get; set; }

    /// <summary>The kept statement that is being run, or null.</summary>
    public Entry? InUse => Simple ?? Current;

    /// <summary>Address of the raw parse tree of a <see cref="Candidate"/> that is a simple query's only statement; 0: it is not, or not parsed.</summary>
    public uint CandidateTree { get; set; }

    /// <summary>Address of its query when that has been analysed; 0: it has not.</summary>
    public uint CandidateQuery { get; set; }

    /// <summary>Address of the text of the simple query that has come and is parsed next; 0: none.</summary>
    public uint SimpleText { get; set; }

    /// <summary>The literals of the text that was last looked for.</summary>
    public IReadOnlyList<Literal> Literals => _form.Literals;

    /// <summary>Another statement comes: what was there of one that failed is none.</summary>
    public void Begin()
    {
        Found = null;
        IsParsedNext = false;
        Simple = null;
        SimpleText = 0;
        CandidateTree = 0;
        CandidateQuery = 0;
        Candidate = null;
    }

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

        var all = new Entry[_entries.Count];
        _entries.Values.CopyTo(all, 0);
        _entries.Clear();
        _withLiteralsOnly.Clear();
        _memory = 0;
        _stale = false;
        return all;
    }

    /// <summary>The statement as kept, or null; then it may become the <see cref="Candidate"/>.</summary>
    /// <param name="isSimple">It comes with the simple query protocol.</param>
    /// <param name="message">Text, its end, and what else the client sent: the parameters' types.</param>
    /// <param name="settingsAreFinal">There is no setting that will revert.</param>
    public Entry? Find(bool isSimple, ReadOnlySpan<byte> message, bool settingsAreFinal)
    {
        _settingsMayRevert &= !settingsAreFinal;
        if (message.Length > LongestMessage)
        {
            return null;
        }

        int end = message.IndexOf((byte)0);
        end = end < 0 ? message.Length : end;
        if (_form.Read(message[..end], message[end..]))
        {
            int key = Hash(isSimple, true, _form.Form);
            if (!_withLiteralsOnly.Contains(key))
            {
                return Find(new Entry.Identity(key, isSimple, true), _form.Form, message[..end]);
            }
        }

        return Find(new Entry.Identity(Hash(isSimple, false, message), isSimple, false), message, message[..end]);
    }

    private static int Hash(bool isSimple, bool isForm, ReadOnlySpan<byte> bytes)
    {
        var hash = default(HashCode);
        hash.Add((isSimple ? 1 : 0) + (isForm ? 2 : 0));
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    // Whether it was not there yet. A full set begins anew: what is forgotten is noticed again.
    private static bool Remember(HashSet<int> hashes, int hash)
    {
        if (hashes.Count >= SeenCapacity)
        {
            hashes.Clear();
        }

        return hashes.Add(hash);
    }

    private Entry? Find(Entry.Identity identity, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> text)
    {
        if (_entries.TryGetValue(identity.Key, out var entry))
        {
            entry.LastUse = ++_uses;
            return entry.Is == identity && bytes.SequenceEqual(entry.Bytes) ? entry : null;
        }

        if (!Remember(_seen, identity.Key) && !_settingsMayRevert && (identity.IsForm || !MayDependOnTime(text)))
        {
            Candidate = new Entry(identity, bytes.ToArray());
        }

        return null;
    }

    /// <summary>The candidate is not to be kept.</summary>
    public void Forget() => Candidate = null;

    /// <summary>The candidate cannot have other literals. It is not kept; with the same ones it may be.</summary>
    /// <param name="message">As it was looked for.</param>
    public void ForgetForm(ReadOnlySpan<byte> message)
    {
        Remember(_withLiteralsOnly, Candidate!.Is.Key);
        Remember(_seen, Hash(Candidate.Is.IsSimple, false, message));
        Candidate = null;
    }

    /// <summary>The candidate has been analysed.</summary>
    /// <param name="plan">Address of its <c>CachedPlanSource</c>.</param>
    /// <param name="memory">Bytes that it takes in the session's memory.</param>
    public void Analysed(uint plan, int memory)
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
        _entries.Add(entry.Is.Key, entry);
        _memory += entry.Memory;
        return dropped;
    }

    /// <summary>A kept statement has a plan that is used again, or none (0).</summary>
    public void SetReusable(Entry entry, uint plan, int memory)
    {
        _memory += memory - entry.ReusablePlanMemory;
        entry.Memory += memory - entry.ReusablePlanMemory;
        (entry.ReusablePlan, entry.ReusablePlanMemory) = (plan, memory);
    }

    /// <summary>The entry is not kept any more.</summary>
    public void Remove(Entry entry)
    {
        _entries.Remove(entry.Is.Key);
        _memory -= entry.Memory;
        Found = Found == entry ? null : Found; // after an error, it was still there
        Simple = Simple == entry ? null : Simple;
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
    internal sealed class Entry(Entry.Identity identity, byte[] bytes)
    {
        /// <summary>What it is found by.</summary>
        public Identity Is { get; } = identity;

        /// <summary>Its text, or the form of its text, and the parameters' types.</summary>
        public byte[] Bytes { get; } = bytes;

        /// <summary>Address of the <c>CachedPlanSource</c>; 0 while the candidate is being analysed.</summary>
        public uint Plan { get; set; }

        /// <summary>Bytes that it takes in the session's memory.</summary>
        public int Memory { get; set; }

        /// <summary>Orders entries by their last use.</summary>
        public long LastUse { get; set; }

        /// <summary>The literals that each execution replaces; null: none.</summary>
        public StatementLiterals? Literals { get; set; }

        /// <summary>Whether a plan can be used again.</summary>
        public PlanReuse Reuse { get; set; }

        /// <summary>How often that was tried.</summary>
        public int Tries { get; set; }

        /// <summary>Address of the <c>CachedPlan</c> that is used again; 0: none.</summary>
        public uint ReusablePlan { get; set; }

        /// <summary>Bytes of <see cref="Memory"/> that the plan takes.</summary>
        public int ReusablePlanMemory { get; set; }

        /// <summary>Postgres has analysed it again: its query is another one than that which <see cref="Literals"/> knows.</summary>
        public bool IsAnalysedAgain { get; set; }

        /// <summary>What an entry is found by.</summary>
        /// <param name="Key">Hash of <see cref="Bytes"/> and the rest.</param>
        /// <param name="IsSimple">It comes with the simple query protocol.</param>
        /// <param name="IsForm">The bytes are the text without its literals.</param>
        internal readonly record struct Identity(int Key, bool IsSimple, bool IsForm);
    }

    /// <summary>Whether a plan can be used again.</summary>
    internal enum PlanReuse
    {
        /// <summary>Not known: to be tried.</summary>
        Untried,

        /// <summary>No: it is made anew.</summary>
        No,

        /// <summary>Yes.</summary>
        Yes,
    }
}
