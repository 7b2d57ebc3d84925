using System.Collections.Concurrent;
using System.Security.Cryptography;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>
/// Copies one database into another, empty one: the schema by pg_dump, the rows by COPY over several connections that see one snapshot, then indexes and
/// constraints. What cannot be finished is removed from the target again.
/// </summary>
internal sealed class DatabaseCopy
{
    private static readonly TimeSpan s_recoveryLook = TimeSpan.FromMilliseconds(200), s_recoveryPatience = TimeSpan.FromMinutes(1);

    private readonly NpgsqlConnectionStringBuilder _source;
    private readonly NpgsqlConnectionStringBuilder _target;
    private readonly DatabaseCopyOptions _options;
    private readonly IProgress<DatabaseCopyProgress>? _progress;

    private DatabaseCopy(string source, string target, DatabaseCopyOptions options, IProgress<DatabaseCopyProgress>? progress)
    {
        _source = Dedicated(source);
        _target = Dedicated(target);
        _options = options;
        _progress = progress;
    }

    /// <summary>Copies.</summary>
    /// <param name="source">The connection string of the source.</param>
    /// <param name="target">That of the target.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Cancels; the target is empty then.</param>
    /// <exception cref="CopyException">It cannot be done.</exception>
    public static async Task<DatabaseCopyReport> RunAsync(
        string source, string target, DatabaseCopyOptions options, IProgress<DatabaseCopyProgress>? progress, CancellationToken cancellationToken)
    {
        var copy = new DatabaseCopy(source, target, options, progress);
        await using var from = await OpenAsync(copy._source, "source", cancellationToken);
        await using var to = await OpenAsync(copy._target, "target", cancellationToken);
        return await copy.RunAsync(from, to, cancellationToken);
    }

    private async Task<DatabaseCopyReport> RunAsync(NpgsqlConnection source, NpgsqlConnection target, CancellationToken cancellationToken)
    {
        string before, after, snapshot;
        List<CopiedTable> tables;
        try
        {
            await CheckAsync(source, target, cancellationToken);
            var program = await PgDumpProgram.FindAsync(_options.PgDump, source, cancellationToken);

            await source.ExecuteAsync("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", cancellationToken);
            if (_options.Snapshot is { } given)
            {
                await source.ExecuteAsync($"SET TRANSACTION SNAPSHOT {SqlCalls.Literal(given)}", cancellationToken);
            }

            snapshot = (await source.ValueAsync<string>("SELECT pg_catalog.pg_export_snapshot()", cancellationToken))!;
            before = await program.RunAsync("pre-data", _source, snapshot, _options.Owners, cancellationToken);
            after = await program.RunAsync("post-data", _source, snapshot, _options.Owners, cancellationToken);
            tables = await CopiedTable.FindAsync(source, cancellationToken);
        }
        catch (NpgsqlException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CopyException($"{Reason(e)}; nothing was changed", e);
        }

        try
        {
            if (_options.Replace)
            {
                await TargetDatabase.EmptyAsync(target, cancellationToken);
            }

            await TargetDatabase.MarkAsync(target, cancellationToken);
            await ExecuteAsync(target, before, cancellationToken);
            _progress?.Report(new DatabaseCopyProgress("the schema", 0.02));
            long rows = await CopyTablesAsync(tables, snapshot, cancellationToken);
            int objects = await LargeObjectCopy.RunAsync(source, target, cancellationToken);
            _progress?.Report(new DatabaseCopyProgress("large objects", 0.8));
            await CopySequencesAsync(source, target, cancellationToken);
            await ExecuteAsync(target, after, cancellationToken);
            _progress?.Report(new DatabaseCopyProgress("indexes and constraints", 0.98));
            await target.ExecuteAsync("ANALYZE", cancellationToken);
            var left = await LeftBehind.FindAsync(source, target, _options.Owners, cancellationToken);
            await TargetDatabase.UnmarkAsync(target, cancellationToken);
            _progress?.Report(new DatabaseCopyProgress("all", 1));
            return new DatabaseCopyReport(tables.Count, rows, objects, left);
        }
        catch (Exception e)
        {
            string? failure = await EmptyAgainAsync();
            if (failure is null && cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException("the copy was cancelled; what had been copied was removed from the target again", e, cancellationToken);
            }

            string reason = cancellationToken.IsCancellationRequested ? "the copy was cancelled" : Reason(e);
            throw new CopyException(
                failure is null ? $"{reason}; what had been copied was removed from the target again" : $"{reason}; what had been copied is still in the target ({failure}): copy with --replace, or drop that database", e);
        }
    }

    // A copy's statements take as long as they take, but a peer that is gone is noticed.
    private static NpgsqlConnectionStringBuilder Dedicated(string connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Multiplexing = false, CommandTimeout = 0 };
        if (builder.Host is { } host && host[0] is not ('/' or '@'))
        {
            builder.TcpKeepAlive = true;
            builder.TcpKeepAliveTime = builder.TcpKeepAliveTime == 0 ? 30 : builder.TcpKeepAliveTime;
            builder.TcpKeepAliveInterval = builder.TcpKeepAliveInterval == 0 ? 10 : builder.TcpKeepAliveInterval;
        }

        return builder;
    }

    /// <summary>A session as a copy needs it.</summary>
    /// <param name="connectionString">Where.</param>
    /// <param name="side">For the error.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="CopyException">The server cannot be reached.</exception>
    public static Task<NpgsqlConnection> OpenAsync(string connectionString, string side, CancellationToken cancellationToken) => OpenAsync(Dedicated(connectionString), side, cancellationToken);

    private static async Task<NpgsqlConnection> OpenAsync(NpgsqlConnectionStringBuilder address, string side, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(address.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await TableCopy.PrepareAsync(connection, cancellationToken);
            return connection;
        }
        catch (NpgsqlException e) when (!cancellationToken.IsCancellationRequested)
        {
            await connection.DisposeAsync();
            throw new CopyException($"the {side} cannot be used: {Reason(e)}; check its URL and that it runs", e);
        }
    }

    private async Task CheckAsync(NpgsqlConnection source, NpgsqlConnection target, CancellationToken cancellationToken)
    {
        // Such locks are a database's: nobody else has a random one.
        long key = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));
        await source.ExecuteAsync("SELECT pg_catalog.pg_advisory_lock($1)", cancellationToken, key);
        if (!await target.ValueAsync<bool>("SELECT pg_catalog.pg_try_advisory_lock($1)", cancellationToken, key))
        {
            throw new CopyException("source and target are the same database: give another URL or --database");
        }

        if (!_options.Replace)
        {
            await TargetDatabase.RefuseUnlessEmptyAsync(target, cancellationToken);
        }

        var available = (await target.QueryAsync("SELECT name::text FROM pg_catalog.pg_available_extensions", cancellationToken)).Select(r => (string)r[0]!).ToHashSet(StringComparer.Ordinal);
        var lacking = (await source.QueryAsync("SELECT extname::text FROM pg_catalog.pg_extension", cancellationToken)).Select(r => (string)r[0]!).Where(e => !available.Contains(e)).ToList();
        if (lacking.Count > 0)
        {
            throw new CopyException($"the target's server does not have these extensions: {string.Join(", ", lacking)}; DROP EXTENSION at the source, or take another server");
        }

        string? encoding = await source.ValueAsync<string>("SHOW server_encoding", cancellationToken), other = await target.ValueAsync<string>("SHOW server_encoding", cancellationToken);
        if (other != "UTF8" && other != encoding)
        {
            throw new CopyException($"the source is in {encoding} and the target in {other}, which may not have all its characters: make the target in UTF8");
        }
    }

    private async Task<long> CopyTablesAsync(List<CopiedTable> tables, string snapshot, CancellationToken cancellationToken)
    {
        var queue = new ConcurrentQueue<CopiedTable>(tables);
        long total = Math.Max(1, tables.Sum(t => t.Bytes)), done = 0, rows = 0;
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Exception? first = null;
        await Task.WhenAll(Enumerable.Range(0, Math.Clamp(_options.Jobs, 1, Math.Max(1, tables.Count))).Select(_ => Task.Run(WorkAsync, CancellationToken.None)));
        return first is null ? rows : throw first;

        async Task WorkAsync()
        {
            try
            {
                await using var source = await OpenAsync(_source, "source", failed.Token);
                await source.ExecuteAsync("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", failed.Token);
                await source.ExecuteAsync($"SET TRANSACTION SNAPSHOT {SqlCalls.Literal(snapshot)}", failed.Token);
                await using var target = await OpenAsync(_target, "target", failed.Token);
                while (queue.TryDequeue(out var table))
                {
                    try
                    {
                        Interlocked.Add(ref rows, await TableCopy.RunAsync(source, target, table, CancelAtTargetAsync, failed.Token));
                    }
                    catch (NpgsqlException e) when (!failed.IsCancellationRequested)
                    {
                        throw new CopyException($"{table.Name} cannot be copied: {Reason(e)}", e);
                    }

                    _progress?.Report(new DatabaseCopyProgress(table.Name, 0.02 + (0.78 * Interlocked.Add(ref done, table.Bytes) / total)));
                }
            }
#pragma warning disable CA1031 // Thrown again: the first one says what happened, the others were cancelled for it.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref first, e, null);
                await failed.CancelAsync();
            }
        }
    }

    private async Task CancelAtTargetAsync(int process)
    {
        try
        {
            await using var target = await OpenAsync(_target, "target", CancellationToken.None);
            await target.ExecuteAsync("SELECT pg_catalog.pg_cancel_backend($1)", CancellationToken.None, process);
        }
        catch (Exception e) when (e is NpgsqlException or CopyException)
        {
            // A server that lets nobody in ends its sessions itself.
        }
    }

    /// <summary>Sets the target's sequences as those of the source are.</summary>
    public static async Task CopySequencesAsync(NpgsqlConnection source, NpgsqlConnection target, CancellationToken cancellationToken)
    {
        foreach (string name in await CopiedTable.FindSequencesAsync(source, cancellationToken))
        {
            var state = (await source.QueryAsync($"SELECT last_value, is_called FROM {name}", cancellationToken))[0];
            await target.ExecuteAsync("SELECT pg_catalog.setval($1::regclass, $2, $3)", cancellationToken, name, state[0], state[1]);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string script, CancellationToken cancellationToken)
    {
        foreach (var statement in SqlScript.Split(script))
        {
            // An empty target has it already.
            if (statement.StartsWith("CREATE", "SCHEMA", "PUBLIC"))
            {
                continue;
            }

            try
            {
                await connection.ExecuteAsync(statement.Text, cancellationToken);
            }
            catch (PostgresException e) when (IsOfAnotherVersion(statement, e))
            {
                // psql would go on too.
            }
            catch (PostgresException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new CopyException($"the target refuses \"{string.Join(' ', statement.Words.Take(4))}...\" of the source's schema: {Reason(e)}", e);
            }
        }

        await TableCopy.PrepareAsync(connection, cancellationToken);
    }

    // A setting that an older server does not have, and comments on what a managed server's administrator has made.
    private static bool IsOfAnotherVersion(SqlStatement statement, PostgresException e) =>
        (statement.StartsWith("SET") && e.SqlState == PostgresErrorCodes.UndefinedObject)
        || (statement.StartsWith("COMMENT", "ON", "EXTENSION") && e.SqlState == PostgresErrorCodes.InsufficientPrivilege);

    // The target was empty, or was to be replaced: what came is removed. Null, or why it could not be.
    private async Task<string?> EmptyAgainAsync()
    {
        try
        {
            await using var target = await OpenRecoveredAsync();
            await TargetDatabase.EmptyAsync(target, CancellationToken.None);
            return null;
        }
        catch (Exception e) when (e is NpgsqlException or CopyException or IOException)
        {
            return Reason(e);
        }
    }

    // A server that has crashed (a full disk of its log) recovers for a while, and lets nobody in.
    private async Task<NpgsqlConnection> OpenRecoveredAsync()
    {
        for (long start = Environment.TickCount64; ; await Task.Delay(s_recoveryLook))
        {
            try
            {
                return await OpenAsync(_target, "target", CancellationToken.None);
            }
            catch (CopyException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow } && Environment.TickCount64 - start < s_recoveryPatience.TotalMilliseconds)
            {
                // Soon.
            }
        }
    }

    /// <summary>What an exception says, in one line.</summary>
    public static string Reason(Exception e) => e switch
    {
        PostgresException p => $"{p.SqlState}: {p.MessageText}",
        NpgsqlException { InnerException: IOException broken } => $"the server has ended the connection ({broken.Message.TrimEnd('.')}); its log says why",
        NpgsqlException => e.InnerException?.Message ?? e.Message,
        _ => e.Message,
    };
}
