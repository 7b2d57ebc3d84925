namespace Pocketgres.Http.Admin;

/// <summary>A process of the server.</summary>
/// <param name="Pid">Its number.</param>
/// <param name="Started">When it started, as PostgreSQL writes it: with the number it names one process for good.</param>
/// <param name="Fields">Type, state, what it waits for, database, user, application, address, ages of transaction and statement, statement: what one looks for first, for narrow screens.</param>
/// <param name="BlockedBy">Who has the lock that it waits for.</param>
public sealed record SessionRow(int Pid, string Started, IReadOnlyList<string> Fields, IReadOnlyList<int> BlockedBy)
{
    /// <summary>The columns that <see cref="Fields"/> has.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["type", "state", "waits for", "database", "user", "application", "address", "transaction", "statement for", "statement"];

    private const int TypeField = 0, StateField = 1, DatabaseField = 3, UserField = 4, TransactionField = 7;
    private const int StatementField = 9;

    /// <summary>Who it is, where, and what it does, for how long.</summary>
    public string Summary => $"{Fields[UserField]}@{Fields[DatabaseField]} {Fields[StateField]}{(Fields[TransactionField].Length > 0 ? " for " + Fields[TransactionField] : "")}";

    /// <summary>The statement it runs, or ran last.</summary>
    public string Statement => Fields[StatementField];

    /// <summary>Whether it may be cancelled and ended: not what the server itself needs.</summary>
    public bool IsClient => Fields[TypeField] is "client backend" or "walsender" or "autovacuum worker";

    /// <summary>Reads the result of <see cref="AdminQueries.Sessions"/>.</summary>
    public static IReadOnlyList<SessionRow> Read(QueryResult result) =>
    [
        .. result.Rows.Select(row => new SessionRow(
            Number(row[0]), row[1] ?? "", [.. row.Skip(2).Take(Columns.Count).Select(v => v ?? "")],
            [.. (row[^1] ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Number).Distinct()])),
    ];

    private static int Number(string? text) => int.Parse(text!, System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A session in the tree of who keeps whom waiting.</summary>
/// <param name="Pid">Its number; 0 is a prepared transaction.</param>
/// <param name="Session">The session; null when it is not among those that are shown.</param>
/// <param name="Waiting">Who waits for it.</param>
public sealed record LockNode(int Pid, SessionRow? Session, IReadOnlyList<LockNode> Waiting)
{
    /// <summary>The trees: at the roots who waits for nobody. Who waits for several stands under each.</summary>
    public static IReadOnlyList<LockNode> TreesOf(IReadOnlyList<SessionRow> sessions)
    {
        var byPid = sessions.ToDictionary(s => s.Pid);
        var waiting = sessions.SelectMany(s => s.BlockedBy.Select(b => (Blocker: b, Waits: s.Pid))).ToLookup(e => e.Blocker, e => e.Waits);
        var shown = new HashSet<int>();
        var trees = waiting.Select(g => g.Key).Where(b => !byPid.TryGetValue(b, out var s) || s.BlockedBy.Count == 0).Order().Select(b => Node(b, [])).ToList();

        // A deadlock that was not noticed yet has no root.
        trees.AddRange(waiting.Select(g => g.Key).Order().Where(b => !shown.Contains(b)).ToList().Where(b => !shown.Contains(b)).Select(b => Node(b, [])));
        return trees;

        LockNode Node(int pid, HashSet<int> path)
        {
            shown.Add(pid);
            path = [.. path, pid];
            return new LockNode(pid, byPid.GetValueOrDefault(pid), [.. waiting[pid].Order().Where(w => !path.Contains(w)).Select(w => Node(w, path))]);
        }
    }
}
