namespace Pocketgres.Sql;

/// <summary>What matters of a statement to whoever runs it in a transaction.</summary>
internal static class StatementKinds
{
    /// <summary>Whether it begins a transaction.</summary>
    public static bool IsBegin(this SqlStatement s) => s.StartsWith("BEGIN") || s.StartsWith("START", "TRANSACTION");

    /// <summary>Whether it commits one.</summary>
    public static bool IsCommit(this SqlStatement s) => (s.StartsWith("COMMIT") && !s.StartsWith("COMMIT", "PREPARED")) || s.StartsWith("END");

    /// <summary>Whether it rolls one back, savepoints aside.</summary>
    public static bool IsRollback(this SqlStatement s) =>
        s.StartsWith("ABORT") || (s.StartsWith("ROLLBACK") && !s.Words.Contains("TO") && !s.StartsWith("ROLLBACK", "PREPARED"));

    /// <summary>Whether PostgreSQL refuses it inside a transaction block (PreventInTransactionBlock in PostgreSQL 18).</summary>
    public static bool NeedsNoTransaction(this SqlStatement s) => s.Words switch
    {
        ["CREATE", "INDEX", "CONCURRENTLY", ..] or ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", ..] or ["DROP", "INDEX", "CONCURRENTLY", ..] => true,
        ["REINDEX", ..] => s.Words.Contains("CONCURRENTLY") || s.Words is ["REINDEX", "DATABASE" or "SYSTEM" or "SCHEMA", ..],
        ["VACUUM", ..] or ["CLUSTER"] or ["ALTER", "SYSTEM", ..] => true,
        ["CREATE" or "DROP", "DATABASE" or "TABLESPACE", ..] => true,
        ["ALTER", "DATABASE", ..] => s.Words.Contains("TABLESPACE"),
        ["CREATE" or "DROP", "SUBSCRIPTION", ..] => true,
        ["ALTER", "TABLE", ..] => s.Words.Contains("DETACH") && s.Words.Contains("CONCURRENTLY"),
        ["COMMIT" or "ROLLBACK", "PREPARED", ..] => true,
        _ => false,
    };

    /// <summary>
    /// What a statement that runs outside of a transaction leaves when it has been done: the kind and the name of its object, to look for when it is not known
    /// whether it ended. Null for those that may run twice.
    /// </summary>
    public static (string Kind, string Name)? ConcurrentIndex(this SqlStatement s)
    {
        var words = s.Words.Where(w => w is not ("UNIQUE" or "IF" or "NOT" or "EXISTS")).ToList();
        return words is ["CREATE" or "DROP", "INDEX", "CONCURRENTLY", var name, ..] && name != "ON" ? (words[0], name) : null;
    }
}
