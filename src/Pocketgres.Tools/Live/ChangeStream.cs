using System.Runtime.CompilerServices;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;
using NpgsqlTypes;
using Pocketgres.Sql;

namespace Pocketgres.Live;

/// <summary>
/// Committed changes by logical decoding (pgoutput). At least once: what was handed out counts as done when the next change is asked for, and then only up to
/// the end of the last transaction that was handed out whole.
/// </summary>
internal sealed class ChangeStream : IAsyncDisposable
{
    private readonly LogicalReplicationConnection _connection;
    private readonly NpgsqlLogSequenceNumber _after;
    private readonly CancellationToken _cancellationToken;
    private IAsyncEnumerator<PgOutputReplicationMessage>? _messages;
    private (NpgsqlLogSequenceNumber End, DateTime Time, uint Id) _transaction;
    private NpgsqlLogSequenceNumber _commitEnd;
    private bool _isInTransaction;

    private ChangeStream(string connectionString, NpgsqlLogSequenceNumber after, CancellationToken cancellationToken)
    {
        _connection = new LogicalReplicationConnection(connectionString);
        _after = after;
        _cancellationToken = cancellationToken;
    }

    private bool IsSkipped => _transaction.End <= _after;

    /// <summary>Reads changes until cancelled.</summary>
    /// <param name="connectionString">A user with REPLICATION, who may make the publication if there is none.</param>
    /// <param name="options">Which changes.</param>
    /// <param name="started">Called when no change from now on can be missed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="LiveException">It cannot be done, or not any more.</exception>
    public static async IAsyncEnumerable<Change> ReadAsync(
        string connectionString, ChangeOptions options, Action? started, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = new ChangeStream(connectionString, options.After, cancellationToken);
        await stream.StartAsync(connectionString, options);
        started?.Invoke();

        // The last change of a transaction is known as such when the commit has come, so one is held back.
        Change? held = null;
        var confirmed = options.After;
        while (await stream.NextAsync() is { } changes)
        {
            foreach (var change in changes)
            {
                if (held is not null)
                {
                    yield return held;
                }

                held = change with { Position = confirmed };
            }

            if (!stream._isInTransaction)
            {
                if (held is not null)
                {
                    confirmed = stream._transaction.End;
                    yield return held with { Position = confirmed };
                    held = null;
                }

                // Asked for more: the whole transaction was taken.
                stream.Confirm();
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_messages is not null)
        {
            await _messages.DisposeAsync();
        }

        await _connection.DisposeAsync();
    }

    private async Task StartAsync(string connectionString, ChangeOptions options)
    {
        try
        {
            string publication;
            bool slotExists;
            await using (var connection = new NpgsqlConnection(connectionString))
            {
                await connection.OpenAsync(_cancellationToken);
                slotExists = options.Slot is not null && await FindSlotAsync(connection, options.Slot);
                if (!slotExists && options.After != default)
                {
                    throw new LiveException(
                        $"changes after {options.After} are not there: {(options.Slot is null ? "only a slot keeps them (ChangeOptions.Slot)" : $"the server has no slot {options.Slot}")}; read the tables anew and begin without After");
                }

                publication = await Publication.EnsureAsync(connection, options, _cancellationToken);
            }

            await _connection.Open(_cancellationToken);
            string name = options.Slot ?? "pocketgres_" + Guid.NewGuid().ToString("N");
            var slot = slotExists
                ? new PgOutputReplicationSlot(name)
                : await _connection.CreatePgOutputReplicationSlot(
                    name, temporarySlot: options.Slot is null, slotSnapshotInitMode: LogicalSlotSnapshotInitMode.NoExport, cancellationToken: _cancellationToken);
            _messages = _connection.StartReplication(slot, new PgOutputReplicationOptions(publication, PgOutputProtocolVersion.V1), _cancellationToken).GetAsyncEnumerator(_cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw new LiveException($"changes cannot be read: {LiveException.Reason(e)}; needed are wal_level=logical and a user with REPLICATION who may make a publication", e);
        }
    }

    private async Task<bool> FindSlotAsync(NpgsqlConnection connection, string name)
    {
        var found = await connection.QueryAsync(
            "SELECT plugin::text, database::text, current_database()::text, wal_status::text FROM pg_catalog.pg_replication_slots WHERE slot_name = $1", _cancellationToken, name);
        return found switch
        {
            [] => false,
            [["pgoutput", string database, string here, not "lost"]] when database == here => true,
            [["pgoutput", string database, string here, _]] when database == here => throw new LiveException(
                $"the slot {name} has lost its place, because nobody read it for too long (max_slot_wal_keep_size): SELECT pg_drop_replication_slot('{name}'), read the tables anew, and begin without After"),
            [[var plugin, var database, ..], ..] => throw new LiveException($"the slot {name} is one of {plugin ?? "physical replication"} and the database {database ?? "(all)"}: give another name"),
            _ => throw new LiveException($"the slot {name} cannot be read"),
        };
    }

    /// <summary>The changes of one message; null at the end.</summary>
    private async Task<IReadOnlyList<Change>?> NextAsync()
    {
        try
        {
            if (!await ReplicationMessages.NextAsync(_connection, _messages!, isBetweenTransactions: !_isInTransaction))
            {
                return null;
            }

            switch (_messages!.Current)
            {
                case BeginMessage begin:
                    _transaction = (begin.TransactionFinalLsn, begin.TransactionCommitTimestamp, begin.TransactionXid);
                    _isInTransaction = true;
                    return [];
                case CommitMessage commit:
                    _isInTransaction = false;
                    _commitEnd = commit.TransactionEndLsn;
                    return [];
                case var message when !IsSkipped:
                    return await ChangesOfAsync(message);
                default:
                    return [];
            }
        }
        catch (Exception e) when (e is NpgsqlException or IOException or ObjectDisposedException && !_cancellationToken.IsCancellationRequested)
        {
            throw new LiveException($"the server has ended the reading of changes: {LiveException.Reason(e)}; with a slot, read on with After = the Position of the last change that was done", e);
        }
    }

    private void Confirm()
    {
        if (_commitEnd > _connection.LastFlushedLsn)
        {
            _connection.SetReplicationStatus(_commitEnd);
        }
    }

    private async Task<IReadOnlyList<Change>> ChangesOfAsync(PgOutputReplicationMessage message)
    {
        // The wire has the old row before the new one.
        switch (message)
        {
            case InsertMessage m:
                return [Make(ChangeKind.Insert, m.Relation, await RowAsync(m.Relation, m.NewRow), null)];
            case FullUpdateMessage m:
                var old = await RowAsync(m.Relation, m.OldRow);
                return [Make(ChangeKind.Update, m.Relation, await RowAsync(m.Relation, m.NewRow), old)];
            case IndexUpdateMessage m:
                var key = await RowAsync(m.Relation, m.Key, isKey: true);
                return [Make(ChangeKind.Update, m.Relation, await RowAsync(m.Relation, m.NewRow), key)];
            case UpdateMessage m:
                return [Make(ChangeKind.Update, m.Relation, await RowAsync(m.Relation, m.NewRow), null)];
            case FullDeleteMessage m:
                return [Make(ChangeKind.Delete, m.Relation, null, await RowAsync(m.Relation, m.OldRow))];
            case KeyDeleteMessage m:
                return [Make(ChangeKind.Delete, m.Relation, null, await RowAsync(m.Relation, m.Key, isKey: true))];
            case TruncateMessage m:
                return [.. m.Relations.Select(r => Make(ChangeKind.Truncate, r, null, null))];
            default:
                return [];
        }
    }

    private Change Make(ChangeKind kind, RelationMessage relation, Dictionary<string, string?>? row, Dictionary<string, string?>? before) =>
        new(kind, relation.Namespace, relation.RelationName, row, before)
        {
            CommitPosition = _transaction.End,
            CommittedAt = _transaction.Time,
            TransactionId = _transaction.Id,
        };

    private async Task<Dictionary<string, string?>> RowAsync(RelationMessage relation, ReplicationTuple tuple, bool isKey = false)
    {
        var row = new Dictionary<string, string?>(StringComparer.Ordinal);
        int column = 0;
        await foreach (var value in tuple.WithCancellation(_cancellationToken))
        {
            var description = relation.Columns[column++];
            if (!value.IsUnchangedToastedValue && (!isKey || description.Flags.HasFlag(RelationMessage.Column.ColumnFlags.PartOfKey)))
            {
                row[description.ColumnName] = value.IsDBNull ? null : await value.Get<string>(_cancellationToken);
            }
        }

        return row;
    }
}
