using System.Text.Json;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Live;

/// <summary>Finds the tables that a query reads: those of its plan, in which views and SQL functions are looked through.</summary>
internal static class QueryTables
{
    /// <summary>Their names as the server quotes them; of partitions, all of their root.</summary>
    /// <exception cref="LiveException">The query cannot be planned.</exception>
    public static async Task<HashSet<string>> FindAsync(NpgsqlConnection connection, string sql, object?[] parameters, CancellationToken cancellationToken)
    {
        string plan;
        try
        {
            // A partition that is left out now may have rows later.
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync("SET LOCAL enable_partition_pruning = off", cancellationToken);
            await connection.ExecuteAsync("SET LOCAL constraint_exclusion = off", cancellationToken);
            plan = await connection.ValueAsync<string>("EXPLAIN (VERBOSE, FORMAT JSON) " + sql, cancellationToken, parameters) ?? "[]";
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw new LiveException($"the live query cannot be planned: {e.MessageText}; it must be one statement that only reads", e);
        }

        var relations = new HashSet<string>(StringComparer.Ordinal);
        using (var json = JsonDocument.Parse(plan))
        {
            Collect(json.RootElement, relations);
        }

        var rows = await connection.QueryAsync(
            """
            WITH RECURSIVE roots AS (
                SELECT coalesce(pg_partition_root(r::regclass), r::regclass)::oid AS oid FROM unnest($1::text[]) r
            ), tables AS (
                SELECT oid FROM roots UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tables t ON i.inhparent = t.oid
            )
            SELECT format('%I.%I', n.nspname, c.relname) FROM tables t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            """, cancellationToken, (object)relations.ToArray());
        return [.. rows.Select(r => (string)r[0]!)];
    }

    private static void Collect(JsonElement element, HashSet<string> relations)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                Collect(item, relations);
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            if (element.TryGetProperty("Relation Name", out var name) && element.TryGetProperty("Schema", out var schema))
            {
                relations.Add(SqlCalls.Identifier(schema.GetString()!) + "." + SqlCalls.Identifier(name.GetString()!));
            }

            foreach (var property in element.EnumerateObject())
            {
                Collect(property.Value, relations);
            }
        }
    }
}
