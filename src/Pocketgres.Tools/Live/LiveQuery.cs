using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Npgsql;

namespace Pocketgres.Live;

/// <summary>
/// A query whose rows are read again after each transaction that changed one of its tables. Changes that come while it is read, or soon after, lead to one more reading, not
/// to one each, and rows that are as before are not handed out.
/// </summary>
internal sealed class LiveQuery
{
    /// <summary>The least time from one reading to the next. The first change after a rest is read at once.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly ChangedTables _changes;
    private readonly NpgsqlDataSource _source;
    private readonly string _sql;
    private readonly object?[] _parameters;
    private readonly Channel<bool> _due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _lock = new();
    private HashSet<string>? _tables;
    private int _definition;
    private long _lost;

    private LiveQuery(ChangedTables changes, NpgsqlDataSource source, string sql, object?[] parameters)
    {
        _changes = changes;
        _source = source;
        _sql = sql;
        _parameters = parameters;
    }

    /// <summary>The rows now, and after each change, until cancelled.</summary>
    /// <exception cref="LiveException">The query is wrong, or changes cannot be read.</exception>
    public static async IAsyncEnumerable<LiveRows> RunAsync(
        ChangedTables changes, NpgsqlDataSource source, string sql, object?[] parameters, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = new LiveQuery(changes, source, sql, parameters);
        try
        {
            await changes.AddAsync(query, cancellationToken);
            query._due.Writer.TryWrite(true);
            LiveRows? last = null;
            while (true)
            {
                await query._due.Reader.WaitToReadAsync(cancellationToken);
                long began = Stopwatch.GetTimestamp();
                if (await query.TryReadAsync(cancellationToken) is { } rows && !rows.Equals(last))
                {
                    last = rows;
                    yield return rows;
                }

                var wait = s_interval - Stopwatch.GetElapsedTime(began);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, cancellationToken);
                }
            }
        }
        finally
        {
            changes.Remove(query);
        }
    }

    /// <summary>A transaction has changed tables, and every reading from now on sees it.</summary>
    public void Changed(Commit commit)
    {
        lock (_lock)
        {
            if (commit.IsNew)
            {
                // It may be a new partition.
                Forget();
            }

            if (_tables is null || commit.Tables.Any(_tables.Contains))
            {
                _due.Writer.TryWrite(true);
            }
        }
    }

    /// <summary>Something has changed.</summary>
    public void Changed()
    {
        lock (_lock)
        {
            Forget();
            _due.Writer.TryWrite(true);
        }
    }

    /// <summary>No change will be heard of any more.</summary>
    public void Fail(LiveException reason) => _due.Writer.TryComplete(reason);

    // Until its tables are known, every change is the query's.
    private void Forget()
    {
        _tables = null;
        _definition++;
    }

    // Null when the server cannot be reached just now.
    private async Task<LiveRows?> TryReadAsync(CancellationToken cancellationToken)
    {
        await _changes.Readings.WaitAsync(cancellationToken);
        try
        {
            var rows = await ReadAsync(cancellationToken);
            _lost = 0;
            return rows;
        }
        catch (PostgresException e) when (!IsPassing(e))
        {
            throw new LiveException($"the live query failed: {e.MessageText}; it must be one statement that only reads", e);
        }
        catch (NpgsqlException e)
        {
            _lost = _lost == 0 ? Stopwatch.GetTimestamp() : _lost;
            if (Stopwatch.GetElapsedTime(_lost) > ChangedTables.Patience)
            {
                throw new LiveException($"the live query cannot be read: {LiveException.Reason(e)}", e);
            }
        }
        finally
        {
            _changes.Readings.Release();
        }

        await Task.Delay(s_pause, cancellationToken);
        _due.Writer.TryWrite(true);
        return null;
    }

    // The server stops, starts, or has no place for one more session.
    private static bool IsPassing(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections;

    private async Task<LiveRows> ReadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await FindTablesAsync(connection, cancellationToken);

        // What comes from here on may not be in the rows.
        _due.Reader.TryRead(out _);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN READ ONLY"));
#pragma warning disable CA2100 // The query is the caller's own.
        var command = new NpgsqlBatchCommand(_sql);
#pragma warning restore CA2100
        foreach (object? value in _parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        }

        batch.BatchCommands.Add(command);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        return await LiveRows.ReadAsync(reader, cancellationToken);
    }

    private async Task FindTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        int definition;
        lock (_lock)
        {
            if (_tables is not null)
            {
                return;
            }

            definition = _definition;
        }

        var tables = await QueryTables.FindAsync(connection, _sql, _parameters, cancellationToken);
        lock (_lock)
        {
            _tables = definition == _definition ? tables : null;
        }
    }
}
