using System.Globalization;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>SQL in one line of a test.</summary>
static class SqlExtensions
{
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ScalarAsync<T>(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(connection, sql, parameters);
        object? value = await command.ExecuteScalarAsync();
        return value switch
        {
            null or DBNull => default(T) is null ? default! : throw new InvalidOperationException($"no value: {sql}"),
            T typed => typed,
            _ => (T)Convert.ChangeType(value, typeof(T), CultureInfo.InvariantCulture),
        };
    }

    /// <summary>The first column of all rows.</summary>
    public static async Task<List<T>> ColumnAsync<T>(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(connection, sql, parameters);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        List<T> values = [];
        while (await reader.ReadAsync())
        {
            values.Add(reader.GetFieldValue<T>(0));
        }

        return values;
    }

    /// <summary>The statement must fail with this SQLSTATE.</summary>
    public static async Task<PostgresException> FailsAsync(this Task statement, string sqlState)
    {
        Exception? thrown = await Record.ExceptionAsync(() => Wait.ForAsync(statement, $"an error {sqlState}"));
        // Npgsql wraps the error of a statement that its own Cancel ended.
        Exception? reported = thrown is OperationCanceledException { InnerException: { } inner } ? inner : thrown;
        PostgresException exception = Assert.IsType<PostgresException>(reported, exactMatch: false);
        Assert.True(exception.SqlState == sqlState, $"expected {sqlState}, got {exception.SqlState}: {exception.MessageText}");
        return exception;
    }

    /// <summary>Waits until the backend waits on this event, as pg_stat_activity shows it (for instance Lock, transactionid).</summary>
    public static Task WaitForEventAsync(this NpgsqlConnection observer, int pid, string type, string waitEvent = "%") =>
        Wait.UntilAsync(
            () => observer.ScalarAsync<bool>(
                "select exists (select from pg_stat_activity where pid = $1 and state = 'active' and wait_event_type = $2 and wait_event like $3)",
                pid, type, waitEvent),
            $"backend {pid} waits on {type}/{waitEvent}");

    /// <summary>Runs a long statement, cancels it by its token when another session sees that it runs, and expects that it was this that ended it.</summary>
    public static async Task CancelsByTokenAsync(this NpgsqlConnection session, NpgsqlConnection observer)
    {
        using var cancel = new CancellationTokenSource();
        await using NpgsqlCommand command = Command(session, "select pg_sleep(600)", []);
        Task<int> running = command.ExecuteNonQueryAsync(cancel.Token);
        await observer.WaitForEventAsync(session.ProcessID, "Timeout", "PgSleep");
        await cancel.CancelAsync();
        await running.FailsAsync("57014");
    }

    /// <summary>Waits until the backend is blocked by exactly that other one.</summary>
    public static Task WaitForBlockedAsync(this NpgsqlConnection observer, int pid, int by) =>
        Wait.UntilAsync(
            async () => (await observer.ScalarAsync<int[]>("select pg_blocking_pids($1)", pid)) is [int blocker] && blocker == by,
            $"backend {pid} is blocked by {by}");

    /// <summary>Waits until the backend waits for its client.</summary>
    public static Task WaitForIdleAsync(this NpgsqlConnection observer, int pid) =>
        Wait.UntilAsync(
            () => observer.ScalarAsync<bool>("select exists (select from pg_stat_activity where pid = $1 and state like 'idle%' and wait_event = 'ClientRead')", pid),
            $"backend {pid} is idle");

    /// <summary>Waits until there is no such backend any more.</summary>
    public static Task WaitForEndAsync(this NpgsqlConnection observer, int pid) =>
        Wait.UntilAsync(
            () => observer.ScalarAsync<bool>("select not exists (select from pg_stat_activity where pid = $1)", pid),
            $"backend {pid} has ended");

    static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (object parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return command;
    }
}
