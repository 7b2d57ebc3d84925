using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.TestDecoding;

namespace Pocketgres.Live;

/// <summary>
/// Tells all live queries of a database which tables a transaction changed, from one replication connection with a temporary slot, which is there while there are queries.
/// By test_decoding and not pgoutput: that needs a publication, and with one PostgreSQL refuses updates of tables without a primary key. Thread-safe.
/// </summary>
internal sealed class ChangedTables(string connectionString) : IAsyncDisposable
{
    /// <summary>How long a connection that was lost is tried again before the queries fail.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>How many queries are read at the same time: all may be due at once, and each reading takes a connection.</summary>
    private const int ReadingsAtOnce = 4;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly List<LiveQuery> _queries = [];
    private readonly List<Task> _loops = [];
    private Run? _run;

    /// <summary>Entered by each reading.</summary>
    public SemaphoreSlim Readings { get; } = new(ReadingsAtOnce);

    /// <summary>Adds a query; when this has completed, it hears of every transaction that its next reading does not see.</summary>
    /// <exception cref="LiveException">Changes cannot be read.</exception>
    public async Task AddAsync(LiveQuery query, CancellationToken cancellationToken)
    {
        Task started;
        lock (_lock)
        {
            _queries.Add(query);
            if (_run is null)
            {
                var run = _run = new Run();
                _loops.RemoveAll(l => l.IsCompleted);
                _loops.Add(Task.Run(() => FollowAsync(run), CancellationToken.None));
            }

            started = _run.Started.Task;
        }

        await started.WaitAsync(cancellationToken);
    }

    /// <summary>Takes it out again; the last one ends the connection.</summary>
    public void Remove(LiveQuery query)
    {
        Run? run = null;
        lock (_lock)
        {
            if (_queries.Remove(query) && _queries.Count == 0)
            {
                (run, _run) = (_run, null);
            }
        }

        run?.Stop.Cancel();
    }

    /// <summary>Ends the connection; no query is told of anything afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        Run? run;
        Task[] loops;
        lock (_lock)
        {
            (run, _run) = (_run, null);
            loops = [.. _loops];
        }

        if (run is not null)
        {
            await run.Stop.CancelAsync();
        }

        await Task.WhenAll(loops);
    }

    private async Task FollowAsync(Run run)
    {
        long lost = 0;
        while (true)
        {
            try
            {
                await ReadAsync(run, connected: () => lost = 0);
            }
            catch (Exception) when (run.Stop.IsCancellationRequested)
            {
                run.Started.TrySetCanceled();
                run.Stop.Dispose();
                return;
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or IOException or ObjectDisposedException)
            {
                if (!run.Started.Task.IsCompleted || (lost != 0 && Stopwatch.GetElapsedTime(lost) > Patience))
                {
                    Fail(run, new LiveException(
                        $"changes cannot be read: {LiveException.Reason(e)}; needed are wal_level=logical, a user with REPLICATION, and the plugin test_decoding", e));
                    return;
                }

                // The server was restarted, or ended the session.
                lost = lost == 0 ? Stopwatch.GetTimestamp() : lost;
                await Task.Delay(s_pause, run.Stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ReadAsync(Run run, Action connected)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(run.Stop.Token);
        await using var connection = new LogicalReplicationConnection(connectionString);
        await connection.Open(stop.Token);
        await using var commits = await VisibleCommits.OpenAsync(connectionString, stop.Token);
        var slot = await connection.CreateTestDecodingReplicationSlot(
            "pocketgres_" + Guid.NewGuid().ToString("N"), temporarySlot: true, slotSnapshotInitMode: LogicalSlotSnapshotInitMode.NoExport, cancellationToken: stop.Token);
        connected();
        if (!run.Started.TrySetResult())
        {
            // Nobody knows what was missed.
            Tell(run, static q => q.Changed());
        }

        var passing = commits.PassOnAsync(commit => Tell(run, q => q.Changed(commit)), stop.Token);
        var reading = ReadCommitsAsync(connection, slot, commits, stop.Token);
        var ended = await Task.WhenAny(passing, reading);
        await stop.CancelAsync();
        await Task.WhenAll(passing, reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ended;
    }

    private static async Task ReadCommitsAsync(LogicalReplicationConnection connection, TestDecodingReplicationSlot slot, VisibleCommits commits, CancellationToken cancellationToken)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        var tables = new HashSet<string>(StringComparer.Ordinal);
        bool isInTransaction = false;
        await using var messages = connection.StartReplication(slot, cancellationToken, new TestDecodingOptions(skipEmptyXacts: true)).GetAsyncEnumerator(cancellationToken);
        while (await ReplicationMessages.NextAsync(connection, messages, isBetweenTransactions: !isInTransaction))
        {
            var message = messages.Current;
            isInTransaction = true;
            if (message.Data.StartsWith("table ", StringComparison.Ordinal))
            {
                AddTables(message.Data, tables);
            }
            else if (message.Data.StartsWith("COMMIT ", StringComparison.Ordinal))
            {
                int before = known.Count;
                known.UnionWith(tables);
                commits.Add(new Commit(uint.Parse(message.Data.AsSpan("COMMIT ".Length), CultureInfo.InvariantCulture), [.. tables], IsNew: known.Count > before));
                tables.Clear();
                connection.SetReplicationStatus(message.WalEnd);
                isInTransaction = false;
            }
        }
    }

    // table public.a, "S"."b c": TRUNCATE: ...: names as quote_identifier writes them, up to a colon outside of quotes.
    internal static void AddTables(string data, HashSet<string> tables)
    {
        int start = "table ".Length;
        bool isQuoted = false;
        for (int i = start; i < data.Length; i++)
        {
            char c = data[i];
            isQuoted ^= c == '"';
            if (isQuoted || c is not (',' or ':'))
            {
                continue;
            }

            tables.Add(data[start..i].Trim());
            start = i + 1;
            if (c == ':')
            {
                return;
            }
        }
    }

    private void Tell(Run run, Action<LiveQuery> what)
    {
        lock (_lock)
        {
            if (_run != run)
            {
                return;
            }

            foreach (var query in _queries)
            {
                what(query);
            }
        }
    }

    private void Fail(Run run, LiveException reason)
    {
        lock (_lock)
        {
            if (_run == run)
            {
                _queries.ForEach(q => q.Fail(reason));
                _queries.Clear();
                _run = null;
            }
        }

        run.Started.TrySetException(reason);
        run.Stop.Dispose();
    }

    /// <summary>The life of the connection, from the first query to the last, with all its renewals.</summary>
    private sealed class Run
    {
        public CancellationTokenSource Stop { get; } = new();

        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
