using System.Diagnostics;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>
/// Copies a database that is written meanwhile: first what is there, then every change by PostgreSQL's own logical replication, a subscription of the target, until it is cut over.
/// What the two servers keep (slot, publication, subscription) is all there is to know, so that a copy goes on after an end of this process.
/// </summary>
internal sealed class LiveCopy
{
    /// <summary>So much log the target may be behind when sessions of the source are ended.</summary>
    private const long NearlyThere = 1 << 20;

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_connectPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_closedPatience = TimeSpan.FromSeconds(60);

    private readonly string _sourceAddress;
    private readonly string _targetAddress;
    private readonly LiveSource _source;
    private readonly NpgsqlConnection _target;
    private readonly LiveCopyOptions _options;
    private readonly IProgress<DatabaseCopyProgress>? _progress;

    private LiveCopy(string sourceAddress, string targetAddress, LiveSource source, NpgsqlConnection target, LiveCopyOptions options, IProgress<DatabaseCopyProgress>? progress)
    {
        _sourceAddress = sourceAddress;
        _targetAddress = targetAddress;
        _source = source;
        _target = target;
        _options = options;
        _progress = progress;
    }

    /// <summary>Copies, or goes on with a copy, and follows the source until it is cut over.</summary>
    /// <param name="source">The connection string of the source.</param>
    /// <param name="target">That of the target.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="switched">Called when the target may be written, before both sides are compared.</param>
    /// <param name="cancellationToken">Before the first copy is complete: ends it, nothing is left. Later: stops watching; the servers go on.</param>
    /// <exception cref="CopyException">It cannot be done; nobody is kept from writing to the source.</exception>
    public static Task<LiveCopyReport> RunAsync(
        string source, string target, LiveCopyOptions options, IProgress<DatabaseCopyProgress>? progress, Action<TimeSpan>? switched, CancellationToken cancellationToken) =>
        WithBothAsync(source, target, options, progress, copy => copy.RunAsync(switched, cancellationToken), cancellationToken);

    /// <summary>Ends a live copy without a cut-over: subscription, slot and publication go, the target keeps its rows.</summary>
    public static Task<bool> AbandonAsync(string source, string target, CancellationToken cancellationToken) =>
        WithBothAsync(source, target, new LiveCopyOptions { SourceAtTarget = "" }, null, async copy =>
        {
            bool found = await copy.DropSubscriptionAsync(cancellationToken) | await copy._source.HasSlotAsync(cancellationToken);
            await copy._source.EndAsync(cancellationToken);
            return found;
        }, cancellationToken);

    private static async Task<T> WithBothAsync<T>(
        string source, string target, LiveCopyOptions options, IProgress<DatabaseCopyProgress>? progress, Func<LiveCopy, Task<T>> work, CancellationToken cancellationToken)
    {
        await using var from = await DatabaseCopy.OpenAsync(source, "source", cancellationToken);
        await using var to = await DatabaseCopy.OpenAsync(target, "target", cancellationToken);
        try
        {
            return await work(new LiveCopy(source, target, await LiveSource.OpenAsync(from, cancellationToken), to, options, progress));
        }
        catch (NpgsqlException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CopyException(DatabaseCopy.Reason(e), e);
        }
    }

    private async Task<LiveCopyReport> RunAsync(Action<TimeSpan>? switched, CancellationToken cancellationToken)
    {
        if (!await HasSubscriptionAsync(cancellationToken))
        {
            await BeginAsync(cancellationToken);
        }

        await FollowAsync(cancellationToken);
        return await CutOverAsync(switched, cancellationToken);
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        await _source.CheckAsync(cancellationToken);
        if (await _source.HasSlotAsync(cancellationToken))
        {
            throw new CopyException($"the source has the slot {_source.Name} of another live copy, or of one that was killed: cut that one over, or give --abandon first");
        }

        if (!_options.Copy.Replace)
        {
            await TargetDatabase.RefuseUnlessEmptyAsync(_target, cancellationToken);
        }

        await TryToReachAsync(cancellationToken);
        bool isCopied = false;
        try
        {
            _progress?.Report(new DatabaseCopyProgress("waiting for the source's open transactions", 0));
            var (holder, snapshot) = await _source.BeginAsync(_sourceAddress, cancellationToken);
            await using (holder)
            {
                await DatabaseCopy.RunAsync(_sourceAddress, _targetAddress, _options.Copy with { Snapshot = snapshot }, _progress, cancellationToken);
            }

            isCopied = true;
            await _target.ExecuteAsync(
                $"""
                CREATE SUBSCRIPTION {_source.Name} CONNECTION {SqlCalls.Literal(_options.SourceAtTarget)} PUBLICATION {LiveSource.Publication}
                WITH (create_slot = false, slot_name = {_source.Name}, copy_data = false, disable_on_error = true)
                """, cancellationToken);
        }
        catch (Exception e)
        {
            // Or the source would keep its log for nobody.
            await _source.EndAsync(CancellationToken.None);
            if (!isCopied || e is OperationCanceledException)
            {
                throw;
            }

            throw new CopyException($"the rows are copied but their changes cannot be followed: {DatabaseCopy.Reason(e)}; copy again with --replace", e);
        }
    }

    // Before gigabytes are copied: the target's server connects when a subscription is made, and here that is all.
    private async Task TryToReachAsync(CancellationToken cancellationToken)
    {
        string probe = _source.Name + "_probe";
        await _source.Connection.ExecuteAsync($"DROP PUBLICATION IF EXISTS {probe}", cancellationToken);
        await _source.Connection.ExecuteAsync($"CREATE PUBLICATION {probe}", cancellationToken);
        try
        {
            await _target.ExecuteAsync(
                $"CREATE SUBSCRIPTION {probe} CONNECTION {SqlCalls.Literal(_options.SourceAtTarget)} PUBLICATION {probe} WITH (create_slot = false, slot_name = NONE, enabled = false, copy_data = false)", cancellationToken);
            await _target.ExecuteAsync($"DROP SUBSCRIPTION {probe}", CancellationToken.None);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ConnectionFailure)
        {
            throw new CopyException($"the target's server does not reach the source: {e.MessageText}; give the URL that it has from there with --source-url", e);
        }
        finally
        {
            await _source.Connection.ExecuteAsync($"DROP PUBLICATION IF EXISTS {probe}", CancellationToken.None);
        }
    }

    // Until it is nearly there, for a cut-over; for ever otherwise.
    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        var connected = Stopwatch.StartNew();
        while (true)
        {
            var (isConnected, behind) = await _source.LagAsync(cancellationToken);
            await RefuseStoppedSubscriptionAsync(cancellationToken);
            if (isConnected)
            {
                connected.Restart();
            }
            else if (connected.Elapsed > s_connectPatience)
            {
                throw new CopyException("the target's server has not connected to the source for a minute: its log says why; the copy goes on when the same command is given again");
            }

            _progress?.Report(new DatabaseCopyProgress(isConnected ? $"following, {behind >> 10} kB behind" : "waiting for the target to connect", 1));
            if (_options.CutOver && isConnected && behind < NearlyThere)
            {
                return;
            }

            await Task.Delay(s_look, cancellationToken);
        }
    }

    private async Task<LiveCopyReport> CutOverAsync(Action<TimeSpan>? switched, CancellationToken cancellationToken)
    {
        await RefuseOtherTablesAsync(cancellationToken);
        await _source.RefusePreparedTransactionsAsync(cancellationToken);
        var left = await LeftBehind.FindAsync(_source.Connection, _target, _options.Copy.Owners, cancellationToken);
        left.AddRange(await _source.FindNotFollowedAsync(cancellationToken));
        var closed = Stopwatch.StartNew();
        try
        {
            string position = await _source.CloseAsync(cancellationToken);
            while (!await _source.IsConfirmedAsync(position, cancellationToken))
            {
                await RefuseStoppedSubscriptionAsync(cancellationToken);
                if (closed.Elapsed > s_closedPatience)
                {
                    throw new CopyException("the target does not get the last changes: its server's log says why");
                }

                await Task.Delay(10, cancellationToken);
            }

            await DatabaseCopy.CopySequencesAsync(_source.Connection, _target, cancellationToken);
        }
        catch (Exception e)
        {
            await _source.ReopenAsync();
            if (e is OperationCanceledException)
            {
                throw;
            }

            throw new CopyException($"not cut over, the source is written again: {DatabaseCopy.Reason(e)}", e);
        }

        // From here on the target has everything, and nothing goes back.
        await DropSubscriptionAsync(CancellationToken.None);
        await _target.ExecuteAsync("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", CancellationToken.None);
        await _target.ExecuteAsync("SELECT 1", CancellationToken.None);
        var time = closed.Elapsed;
        switched?.Invoke(time);
        try
        {
            await _source.EndAsync(CancellationToken.None);
            var (tables, rows) = await CompareAsync(cancellationToken);
            return new LiveCopyReport(time, tables, rows, left);
        }
        catch (Exception e) when (e is NpgsqlException or CopyException && !cancellationToken.IsCancellationRequested)
        {
            throw new CopyException($"cut over, the target may be written; but {DatabaseCopy.Reason(e)}; the source is read-only and has all until then", e);
        }
    }

    // As of the cut-over: the source is not written any more, the target is, but its transaction does not see that.
    private async Task<(int Tables, long Rows)> CompareAsync(CancellationToken cancellationToken)
    {
        long rows = 0;
        var tables = await LiveSource.FindTablesAsync(_source.Connection, cancellationToken);
        for (int i = 0; i < tables.Count; i++)
        {
            rows += await TableCopy.CompareAsync(_source.Connection, _target, tables[i], cancellationToken);
            _progress?.Report(new DatabaseCopyProgress($"compared {tables[i].Name}", (i + 1.0) / tables.Count));
        }

        return (tables.Count, rows);
    }

    // Definitions are not replicated.
    private async Task RefuseOtherTablesAsync(CancellationToken cancellationToken)
    {
        var here = (await LiveSource.FindTablesAsync(_source.Connection, cancellationToken)).Select(t => t.Name);
        var there = (await LiveSource.FindTablesAsync(_target, cancellationToken)).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        if (here.Where(t => !there.Contains(t)).ToList() is { Count: > 0 } lacking)
        {
            throw new CopyException(
                $"the target lacks tables that were made at the source after the copy began: {string.Join(", ", lacking)}; make them there and ALTER SUBSCRIPTION {_source.Name} REFRESH PUBLICATION, or drop them at the source");
        }
    }

    private async Task RefuseStoppedSubscriptionAsync(CancellationToken cancellationToken)
    {
        if (!await _target.ValueAsync<bool>($"SELECT subenabled {Subscription}", cancellationToken, _source.Name))
        {
            throw new CopyException(
                $"the target refused a change, its server's log says which: were definitions changed, or rows written there? Mend it, ALTER SUBSCRIPTION {_source.Name} ENABLE there, and give the same command again; or --abandon");
        }
    }

    private const string Subscription = "FROM pg_catalog.pg_subscription WHERE subname = $1 AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

    private Task<bool> HasSubscriptionAsync(CancellationToken cancellationToken) => _target.ValueAsync<bool>($"SELECT true {Subscription}", cancellationToken, _source.Name);

    // The slot is the source's: a source that is gone keeps nobody from it.
    private async Task<bool> DropSubscriptionAsync(CancellationToken cancellationToken)
    {
        if (!await HasSubscriptionAsync(cancellationToken))
        {
            return false;
        }

        await _target.ExecuteAsync($"ALTER SUBSCRIPTION {_source.Name} DISABLE", cancellationToken);
        await _target.ExecuteAsync($"ALTER SUBSCRIPTION {_source.Name} SET (slot_name = NONE)", cancellationToken);
        await _target.ExecuteAsync($"DROP SUBSCRIPTION {_source.Name}", cancellationToken);
        return true;
    }
}
