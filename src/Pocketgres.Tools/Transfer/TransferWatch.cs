using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Transfer;

/// <summary>Asks the server a few times a second about rows that are copied and indexes that are built, as long as it lives.</summary>
internal sealed class TransferWatch : IAsyncDisposable
{
    private const string Query =
        """
        SELECT format('%s, %s rows', relid::regclass, tuples_processed) FROM pg_catalog.pg_stat_progress_copy WHERE datname = current_database()
        UNION ALL SELECT format('index %s, %s of %s blocks', index_relid::regclass, blocks_done, blocks_total) FROM pg_catalog.pg_stat_progress_create_index WHERE datname = current_database()
        """;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(300);

    private readonly CancellationTokenSource _end = new();
    private readonly Task _task;

    private TransferWatch(string connection, IProgress<TransferProgress>? progress, Func<long> bytes) =>
        _task = progress is null ? Task.CompletedTask : Task.Run(() => WatchAsync(connection, progress, bytes));

    /// <summary>Begins.</summary>
    /// <param name="connection">How Npgsql connects to the database.</param>
    /// <param name="progress">Told; null for nobody, and nothing is asked.</param>
    /// <param name="bytes">The bytes of the dump.</param>
    public static TransferWatch Start(string connection, IProgress<TransferProgress>? progress, Func<long> bytes) => new(connection, progress, bytes);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _task;
        _end.Dispose();
    }

    private async Task WatchAsync(string connectionString, IProgress<TransferProgress> progress, Func<long> bytes)
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(_end.Token);
            while (true)
            {
                var texts = (await connection.QueryAsync(Query, _end.Token)).Select(r => (string)r[0]!);
                progress.Report(new TransferProgress(bytes(), string.Join("; ", texts)));
                await Task.Delay(s_interval, _end.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException)
        {
            // The end; or a server that cannot be asked, of which the program tells.
        }
    }
}
