using System.Globalization;
using Npgsql;
using Pocketgres.Cli.Targets;

namespace Pocketgres.Cli.Transfer;

/// <summary>Shows on a terminal what the server says about rows that are copied and indexes that are built.</summary>
internal sealed class TransferActivity : IAsyncDisposable
{
    private const string Query =
        """
        SELECT format('%s, %s rows', relid::regclass, tuples_processed) FROM pg_catalog.pg_stat_progress_copy WHERE datname = current_database()
        UNION ALL SELECT format('index %s, %s of %s blocks', index_relid::regclass, blocks_done, blocks_total) FROM pg_catalog.pg_stat_progress_create_index WHERE datname = current_database()
        """;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(300);

    private readonly CancellationTokenSource _end = new();
    private readonly ProgressLine _line = new();
    private readonly Task _task;

    private TransferActivity(DatabaseTarget target, Func<string> prefix) =>
        _task = Console.IsErrorRedirected ? Task.CompletedTask : Task.Run(() => WatchAsync(target, _line.For<string>(text => $"{prefix()} {text}")));

    /// <summary>Begins.</summary>
    /// <param name="target">The database.</param>
    /// <param name="prefix">What stands before it.</param>
    public static TransferActivity Start(DatabaseTarget target, Func<string> prefix) => new(target, prefix);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _task;
        _line.Dispose();
        _end.Dispose();
    }

    private async Task WatchAsync(DatabaseTarget target, IProgress<string> progress)
    {
        try
        {
            await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
            await connection.OpenAsync(_end.Token);
            while (true)
            {
                var texts = new List<string>();
                await using (var command = new NpgsqlCommand(Query, connection))
                await using (var reader = await command.ExecuteReaderAsync(_end.Token))
                {
                    while (await reader.ReadAsync(_end.Token))
                    {
                        texts.Add(reader.GetString(0));
                    }
                }

                progress.Report(string.Join("; ", texts));
                await Task.Delay(s_interval, _end.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException)
        {
            // The end; or a server that cannot be asked, of which the program tells.
        }
    }

    /// <summary>Bytes for people.</summary>
    public static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");
}
