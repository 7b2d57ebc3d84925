using Npgsql;

namespace Pocketgres.Sql;

/// <summary>Statements that are sent as they are, one at a time, with positional parameters.</summary>
internal static class SqlCalls
{
    /// <summary>
    /// Runs one statement. A batch, because a command without parameters would be looked through by Npgsql for semicolons, and its parser does not know
    /// BEGIN ATOMIC.
    /// </summary>
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object?[] parameters)
    {
        await using var batch = Batch(connection, sql, parameters);
        return await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The rows of one statement; NULL is null.</summary>
    public static async Task<List<object?[]>> QueryAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object?[] parameters)
    {
        await using var batch = Batch(connection, sql, parameters);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var rows = new List<object?[]>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = new object?[reader.FieldCount];
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = await reader.IsDBNullAsync(i, cancellationToken) ? null : reader.GetValue(i);
            }

            rows.Add(row);
        }

        return rows;
    }

    /// <summary>The first value of the first row; null for NULL and for no row.</summary>
    public static async Task<T?> ValueAsync<T>(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object?[] parameters) =>
        await connection.QueryAsync(sql, cancellationToken, parameters) is [[T value, ..], ..] ? value : default;

    /// <summary>An identifier in quotes.</summary>
    public static string Identifier(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    /// <summary>A string in quotes.</summary>
    public static string Literal(string text) =>
        (text.Contains('\\', StringComparison.Ordinal) ? "E'" : "'") + text.Replace("'", "''", StringComparison.Ordinal).Replace("\\", "\\\\", StringComparison.Ordinal) + "'";

    private static NpgsqlBatch Batch(NpgsqlConnection connection, string sql, object?[] parameters)
    {
#pragma warning disable CA2100 // Statements come from scripts, or are made of quoted names.
        var command = new NpgsqlBatchCommand(sql);
#pragma warning restore CA2100
        foreach (object? value in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        }

        return new NpgsqlBatch(connection) { BatchCommands = { command }, Timeout = 0 };
    }
}
