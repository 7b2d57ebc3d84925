using Npgsql;

namespace Pocketgres.Http.Admin;

/// <summary>What a query returned, as text; or why it did not.</summary>
/// <param name="Columns">Names of the columns.</param>
/// <param name="Rows">The first rows; null is NULL.</param>
/// <param name="Note">What there is to say about it: that there are more rows, how many were changed, an error.</param>
/// <param name="IsError">Whether the note is an error.</param>
public sealed record QueryResult(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string?>> Rows, string? Note = null, bool IsError = false);

/// <summary>Runs a query for a page: so many rows and so long values as a page shows.</summary>
internal static class AdminQuery
{
    private const int MaximumRows = 200;
    private const int MaximumLength = 2000;

    /// <summary>Runs it; an error of the server's is a result.</summary>
    public static async Task<QueryResult> RunAsync(NpgsqlConnection connection, string sql, params string[] parameters)
    {
#pragma warning disable CA2100 // One of our own queries, or what an administrator typed.
        using var command = new NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = true };
#pragma warning restore CA2100
        foreach (string parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Unknown });
        }

        try
        {
            await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
            return await ReadAsync(command, reader).ConfigureAwait(false);
        }
        catch (PostgresException e)
        {
            return new QueryResult([], [], $"{e.Severity}: {e.MessageText} ({e.SqlState}){(e.Detail is null ? "" : "\n" + e.Detail)}{(e.Hint is null ? "" : "\n" + e.Hint)}", IsError: true);
        }
    }

    private static async Task<QueryResult> ReadAsync(NpgsqlCommand command, NpgsqlDataReader reader)
    {
        string[] columns = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
        var rows = new List<IReadOnlyList<string?>>();
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            if (rows.Count == MaximumRows)
            {
                command.Cancel(); // else the rest would still come
                return new QueryResult(columns, rows, $"the first {MaximumRows} rows; there are more");
            }

            rows.Add([.. Enumerable.Range(0, columns.Length).Select(i => reader.IsDBNull(i) ? null : Shown(reader.GetString(i)))]);
        }

        return new QueryResult(columns, rows, columns.Length > 0 ? null : reader.RecordsAffected >= 0 ? $"{reader.RecordsAffected} rows" : "done");
    }

    private static string Shown(string value) => value.Length <= MaximumLength ? value : value[..MaximumLength] + "…";
}
