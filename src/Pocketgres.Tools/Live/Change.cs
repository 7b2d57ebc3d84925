using NpgsqlTypes;

namespace Pocketgres.Live;

/// <summary>What happened to a row.</summary>
public enum ChangeKind
{
    /// <summary>A row is new.</summary>
    Insert,

    /// <summary>A row has other values.</summary>
    Update,

    /// <summary>A row is gone.</summary>
    Delete,

    /// <summary>All rows of a table are gone.</summary>
    Truncate,
}

/// <summary>A change of a row that was committed. Values are text, as PostgreSQL writes them; null is NULL.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Schema">The table's schema.</param>
/// <param name="Table">The table.</param>
/// <param name="New">The row after an insert or update, without large values that an update left as they were; else null.</param>
/// <param name="Old">
/// The row before an update or delete, as far as the table's REPLICA IDENTITY has it: by default the primary key, for updates only when it changed; else null.
/// </param>
public sealed record Change(ChangeKind Kind, string Schema, string Table, IReadOnlyDictionary<string, string?>? New, IReadOnlyDictionary<string, string?>? Old)
{
    /// <summary>
    /// Where to go on after this change (<see cref="ChangeOptions.After"/>): nothing is lost then, and nothing comes again but changes of the same transaction
    /// when this one is not its last.
    /// </summary>
    public NpgsqlLogSequenceNumber Position { get; internal set; }

    /// <summary>The end of the transaction in the log: equal for all its changes, and ever greater.</summary>
    public required NpgsqlLogSequenceNumber CommitPosition { get; init; }

    /// <summary>When the transaction was committed (UTC).</summary>
    public required DateTime CommittedAt { get; init; }

    /// <summary>The transaction's number.</summary>
    public required uint TransactionId { get; init; }
}

/// <summary>Which changes, and from where.</summary>
public sealed record ChangeOptions
{
    /// <summary>
    /// A replication slot that is kept on the server under this name (made if missing), so that changes made while nobody reads come later. The server keeps its
    /// log for it: drop it (pg_drop_replication_slot) when nobody will come back. Null: changes from now on, and nothing stays on the server.
    /// </summary>
    public string? Slot { get; init; }

    /// <summary>Leave out what was committed at or before this position: a <see cref="Change.Position"/> that was kept with the work it led to.</summary>
    public NpgsqlLogSequenceNumber After { get; init; }

    /// <summary>A publication that exists and says which tables. Null: one is made, for <see cref="Tables"/>.</summary>
    public string? Publication { get; init; }

    /// <summary>Tables, as SQL names them (<c>public.orders</c>, <c>"Order"</c>). Empty: all.</summary>
    public IReadOnlyList<string> Tables { get; init; } = [];
}
