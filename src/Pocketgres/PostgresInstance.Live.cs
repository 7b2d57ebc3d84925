using System.Runtime.CompilerServices;
using Npgsql;
using Pocketgres.Live;

namespace Pocketgres;

/// <content>Live: committed changes, and queries that are answered again.</content>
public sealed partial class PostgresInstance
{
    private readonly CancellationTokenSource _liveEnd = new();
    private ChangedTables? _changedTables;

    /// <summary>
    /// Committed changes of rows as they happen, by logical decoding: transactions one after the other in the order of their commits, at least once. A change counts as
    /// done when the next one is asked for. With <see cref="ChangeOptions.Slot"/> the server keeps what comes while nobody reads; <see cref="Change.Position"/>
    /// tells where to go on. Ends when the instance is stopped.
    /// </summary>
    /// <param name="options">Which changes, and from where; null for all from now on.</param>
    /// <param name="started">Called when no change from now on can be missed; before the first change.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="LiveException">
    /// The server refuses (no wal_level=logical, no right to replicate, a slot that is in use), a table cannot be published without harm to the application, or the connection was lost.
    /// </exception>
    public IAsyncEnumerable<Change> ChangesAsync(ChangeOptions? options = null, Action? started = null, CancellationToken cancellationToken = default)
    {
        ThrowUnlessRunning();
        return UntilStopped(c => ChangeStream.ReadAsync(DedicatedConnectionString, options ?? new ChangeOptions(), started, c), cancellationToken);
    }

    /// <summary>
    /// The rows of a query now, and again after each transaction that changed a table it reads, when they differ. Changes in quick succession lead to one reading; the last
    /// rows are always those after the last change. All live queries of an instance share one replication connection. Ends when the instance is stopped.
    /// </summary>
    /// <param name="sql">One statement that only reads; parameters are <c>$1</c>, <c>$2</c>, ...</param>
    /// <param name="parameters">Their values.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="LiveException">The query is wrong, or changes cannot be read.</exception>
    public IAsyncEnumerable<LiveRows> LiveQueryAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        ThrowUnlessRunning();
        ChangedTables changes;
        lock (_lock)
        {
            changes = _changedTables ??= new ChangedTables(DedicatedConnectionString);
        }

        return UntilStopped(c => LiveQuery.RunAsync(changes, _dataSource, sql, [.. parameters ?? []], c), cancellationToken);
    }

    private async IAsyncEnumerable<T> UntilStopped<T>(Func<CancellationToken, IAsyncEnumerable<T>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _liveEnd.Token);
        var items = read(either.Token).GetAsyncEnumerator(either.Token);
        await using (items.ConfigureAwait(false))
        {
            while (await MoveNextAsync().ConfigureAwait(false))
            {
                yield return items.Current;
            }
        }

        async Task<bool> MoveNextAsync()
        {
            try
            {
                return await items.MoveNextAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (_liveEnd.IsCancellationRequested && !cancellationToken.IsCancellationRequested && e is OperationCanceledException or LiveException or NpgsqlException or ObjectDisposedException)
            {
                return State == PostgresInstanceState.Failed ? throw new LiveException($"the instance {Url} has ended by itself; its log says why", e) : false;
            }
        }
    }

    // Before the server stops: it would wait for the readers of its log.
    private async Task StopLiveAsync()
    {
        await _liveEnd.CancelAsync().ConfigureAwait(false);
        ChangedTables? changes;
        lock (_lock)
        {
            changes = _changedTables;
        }

        if (changes is not null)
        {
            await changes.DisposeAsync().ConfigureAwait(false);
        }
    }
}
