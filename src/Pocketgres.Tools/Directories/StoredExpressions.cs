using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Sql;

namespace Pocketgres.Directories;

/// <summary>
/// Rewrites what a database of the other word size has inside of values: stored expressions and extended statistics. Our own server does it, statement by statement, so that pages, TOAST and
/// indexes are its business; it must not have read an expression in a session before that runs, nor read one after an export's.
/// </summary>
internal static class StoredExpressions
{
    private const string NodeTreeType = "pg_node_tree", McvListType = "pg_mcv_list";

    private const string TypeQuery = "SELECT oid::int8, typlen, typalign::text, typtype::text, typbasetype::int8 FROM pg_catalog.pg_type";

    // Catalogs first, for a table of a user's may have such a default of its own. pg_ivm keeps an expression as text.
    private const string ColumnQuery =
        """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(a.attname), CASE WHEN a.atttypid = 25 THEN 'text' ELSE t.typname::text END, c.relkind = 'm'
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE (t.typname IN ('pg_node_tree', 'pg_mcv_list') AND t.typnamespace = 11 OR c.relname = 'pg_ivm_immv' AND a.attname = 'viewdef' AND a.atttypid = 25)
            AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
        ORDER BY c.oid
        """;

    /// <summary>Converts a database, in one transaction.</summary>
    /// <param name="connection">A superuser's, whose texts are bytes (<see cref="CopiedCluster.OpenAsync"/>).</param>
    /// <param name="to">The wanted form.</param>
    /// <param name="cancellationToken">Cancels; the transaction is rolled back.</param>
    /// <returns>Materialized views that have such a column, and keep it as it is.</returns>
    /// <exception cref="CopyException">A value has an unknown form, or no room.</exception>
    public static async Task<IReadOnlyList<string>> ConvertAsync(NpgsqlConnection connection, WordSize to, CancellationToken cancellationToken)
    {
        var types = (await connection.QueryAsync(TypeQuery, cancellationToken)).ToDictionary(
            r => (uint)(long)r[0]!, r => new CatalogType((short)r[1]!, ((string)r[2]!)[0], ((string)r[3]!)[0], (uint)(long)r[4]!));
        var columns = (await connection.QueryAsync(ColumnQuery, cancellationToken)).Select(r => (Table: (string)r[0]!, Name: (string)r[1]!, Type: (string)r[2]!, IsView: r[3] is true)).ToList();
        var trees = new NodeTree(types, to);
        await connection.ExecuteAsync("BEGIN", cancellationToken);
        await connection.ExecuteAsync("SET LOCAL session_replication_role = replica", cancellationToken); // no triggers

        // Their input functions refuse; the casts go with the transaction's last statements.
        await connection.ExecuteAsync($"CREATE CAST (text AS pg_catalog.{NodeTreeType}) WITHOUT FUNCTION", cancellationToken);
        await connection.ExecuteAsync($"CREATE CAST (bytea AS pg_catalog.{McvListType}) WITHOUT FUNCTION", cancellationToken);
        try
        {
            foreach (var (table, name, type, _) in columns.Where(c => !c.IsView))
            {
                await (type == McvListType ? ConvertListsAsync(table, name) : ConvertTreesAsync(table, name, type));
            }
        }
        catch (FormatException e)
        {
            throw new CopyException($"not copied: database {connection.Database}: {e.Message}: take it over with pocketgres dump and restore", e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ProgramLimitExceeded)
        {
            throw new CopyException($"not copied: database {connection.Database}: a stored expression has no room in its catalog after conversion ({e.MessageText}): take it over with pocketgres dump and restore", e);
        }

        await connection.ExecuteAsync($"DROP CAST (text AS pg_catalog.{NodeTreeType})", cancellationToken);
        await connection.ExecuteAsync($"DROP CAST (bytea AS pg_catalog.{McvListType})", cancellationToken);
        await connection.ExecuteAsync("COMMIT", cancellationToken);
        return [.. columns.Where(c => c.IsView).Select(c => c.Table)];

        async Task ConvertTreesAsync(string table, string column, string type)
        {
            foreach (object?[] row in await connection.QueryAsync($"SELECT ctid::text, {column}::text FROM {table} WHERE {column}::text LIKE '%{{CONST %'", cancellationToken))
            {
                string text = (string)row[1]!, converted = trees.Convert(text);
                if (!ReferenceEquals(text, converted) && text != converted)
                {
                    await UpdateAsync(table, column, type == NodeTreeType ? $"$1::text::pg_catalog.{NodeTreeType}" : "$1::text", (string)row[0]!, converted);
                }
            }
        }

        async Task ConvertListsAsync(string table, string column)
        {
            foreach (object?[] row in await connection.QueryAsync($"SELECT ctid::text, {column}::bytea FROM {table} WHERE {column} IS NOT NULL", cancellationToken))
            {
                byte[] value = (byte[])row[1]!;
                if (McvList.Convert(value, types, to))
                {
                    await UpdateAsync(table, column, $"$1::bytea::pg_catalog.{McvListType}", (string)row[0]!, value);
                }
            }
        }

        Task UpdateAsync(string table, string column, string value, string place, object converted) =>
            connection.ExecuteAsync($"UPDATE {table} SET {column} = {value} WHERE ctid = $2::text::pg_catalog.tid", cancellationToken, converted, place);
    }
}
