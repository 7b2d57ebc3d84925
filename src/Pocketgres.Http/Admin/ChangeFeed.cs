using System.Globalization;
using Npgsql;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http.Admin;

/// <summary>
/// The newest committed changes of rows in a database, for as long as somebody looks. They come by logical decoding from a temporary slot, which neither changes the
/// database nor outlives its session. Thread-safe.
/// </summary>
internal sealed class ChangeFeed
{
    private const int MaximumChanges = 200;

    // The slot begins when all transactions have ended that write now; and one transaction with very many rows takes long to decode.
    private const int StatementSeconds = 60;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    // Longer than a page without JavaScript takes to come again.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    private static readonly string[] s_columns = ["committed", "transaction", "change"];

    private readonly Lock _lock = new();
    private readonly PostgresServer _server;
    private readonly QueryResult _start;
    private readonly List<IReadOnlyList<string?>> _newest = [];
    private long _lastLook;
    private long _count;
    private DateTime? _since;
    private string? _error;

    private ChangeFeed(PostgresServer server, string database, QueryResult? start, CancellationToken end)
    {
        _server = server;
        _start = start ?? new QueryResult([], [], "starting: it begins when the transactions have ended that write now");
        _lastLook = Environment.TickCount64;
        Ended = Task.Run(() => RunAsync(database, end), CancellationToken.None);
    }

    /// <summary>Completes when nobody looks any more, or it cannot go on; the slot is gone then.</summary>
    public Task Ended { get; }

    /// <summary>Starts to read changes.</summary>
    /// <param name="server">The server.</param>
    /// <param name="database">The database.</param>
    /// <param name="start">What there is until it has started, if anything: why the one before it ended.</param>
    /// <param name="end">Ends it.</param>
    public static ChangeFeed Start(PostgresServer server, string database, QueryResult? start, CancellationToken end) => new(server, database, start, end);

    /// <summary>What there is now, the newest change first; keeps it going.</summary>
    public QueryResult Look()
    {
        lock (_lock)
        {
            _lastLook = Environment.TickCount64;
            return _error is not null ? new QueryResult([], [], _error, IsError: true)
                : _since is not { } since ? _start
                : new QueryResult(s_columns, [.. _newest],
                    string.Create(CultureInfo.InvariantCulture, $"{_count} since {since:yyyy-MM-dd HH:mm:ss}Z{(_count > _newest.Count ? $", of which the last {_newest.Count}" : "")}"));
        }
    }

    private bool IsWatched
    {
        get
        {
            lock (_lock)
            {
                return Environment.TickCount64 - _lastLook < s_patience.TotalMilliseconds && !_server.StopRequested;
            }
        }
    }

    private async Task RunAsync(string database, CancellationToken end)
    {
        try
        {
            var connection = await ObserverConnection.OpenAsync(_server, "pocketgres admin changes", database, "-c default_transaction_read_only=on", StatementSeconds).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                await FollowAsync(connection.Session, end).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            Fail($"The changes cannot be read: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            // The port is being closed.
        }
    }

    private async Task FollowAsync(NpgsqlConnection session, CancellationToken end)
    {
        if ((await AdminQuery.RunAsync(session, "SHOW wal_level").ConfigureAwait(false)).Rows is [[not "logical"]])
        {
            Fail("Changes are read by logical decoding: start the server with -c wal_level=logical, or set it in postgresql.conf and start it again.");
            return;
        }

        string slot = "pocketgres_admin_" + Guid.NewGuid().ToString("N");
        var made = await AdminQuery.RunAsync(session, $"SELECT 1 FROM pg_create_logical_replication_slot('{slot}', 'test_decoding', true)").ConfigureAwait(false);
        if (made.IsError)
        {
            Fail(made.Note!);
            return;
        }

        lock (_lock)
        {
            _since = DateTime.UtcNow;
        }

        string sql = AdminQueries.ChangesOf(slot, MaximumChanges);
        while (IsWatched)
        {
            var result = await AdminQuery.RunAsync(session, sql).ConfigureAwait(false);
            if (result.IsError)
            {
                Fail(result.Note!);
                return;
            }

            Add(result.Rows);
            await Task.Delay(s_interval, end).ConfigureAwait(false);
        }
    }

    // The last column says how many there were together.
    private void Add(IReadOnlyList<IReadOnlyList<string?>> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            _count += long.Parse(rows[0][^1]!, CultureInfo.InvariantCulture);
            _newest.InsertRange(0, rows.Select(r => (IReadOnlyList<string?>)[.. r.SkipLast(1)]));
            if (_newest.Count > MaximumChanges)
            {
                _newest.RemoveRange(MaximumChanges, _newest.Count - MaximumChanges);
            }
        }
    }

    private void Fail(string error)
    {
        lock (_lock)
        {
            _error = error;
        }
    }
}
