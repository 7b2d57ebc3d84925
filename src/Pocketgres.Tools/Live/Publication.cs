using System.Text;
using Npgsql;
using Pocketgres.Migrations;
using Pocketgres.Sql;

namespace Pocketgres.Live;

/// <summary>The publication that says which tables' changes a reader gets.</summary>
internal static class Publication
{
    private const string DefaultName = "pocketgres_changes";

    /// <summary>The name of the publication that was asked for, or of one that is made for the tables.</summary>
    /// <exception cref="LiveException">It does not exist, a table does not, or publishing one would do harm.</exception>
    public static async Task<string> EnsureAsync(NpgsqlConnection connection, ChangeOptions options, CancellationToken cancellationToken)
    {
        if (options.Publication is { } given)
        {
            // PostgreSQL 18 only warns about a missing one, in its own log, and sends nothing.
            return await ExistsAsync(connection, given, cancellationToken)
                ? given
                : throw new LiveException($"the database has no publication {given}: CREATE PUBLICATION {SqlCalls.Identifier(given)} FOR ..., or leave ChangeOptions.Publication out");
        }

        var tables = await ResolveAsync(connection, options.Tables, cancellationToken);
        string list = string.Join(", ", tables);
        string name = tables.Count == 0 ? DefaultName : $"{DefaultName}_{Migration.Hash(Encoding.UTF8.GetBytes(list))[..8]}";
        if (!await ExistsAsync(connection, name, cancellationToken))
        {
            await RefuseTablesWithoutIdentityAsync(connection, tables, cancellationToken);
            try
            {
                await connection.ExecuteAsync($"CREATE PUBLICATION {name} FOR {(tables.Count == 0 ? "ALL TABLES" : "TABLE " + list)} WITH (publish_via_partition_root = true)", cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DuplicateObject or PostgresErrorCodes.UniqueViolation)
            {
                // Another reader was faster.
            }
        }
        else if (tables.Count != await connection.ValueAsync<long>("SELECT count(*) FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1", cancellationToken, name))
        {
            // A table that was dropped left the publication, and did not come back with its successor.
            await RefuseTablesWithoutIdentityAsync(connection, tables, cancellationToken);
            await connection.ExecuteAsync($"ALTER PUBLICATION {name} SET TABLE {list}", cancellationToken);
        }

        return name;
    }

    private static Task<bool> ExistsAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        connection.ValueAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $1)", cancellationToken, name);

    // As the server quotes them, each once.
    private static async Task<List<string>> ResolveAsync(NpgsqlConnection connection, IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        try
        {
            var names = await connection.QueryAsync(
                """
                SELECT DISTINCT format('%I.%I', n.nspname, c.relname) FROM unnest($1::text[]) t JOIN pg_catalog.pg_class c ON c.oid = t::regclass
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1
                """, cancellationToken, (object)tables.ToArray());
            return names.ConvertAll(n => (string)n[0]!);
        }
        catch (PostgresException e)
        {
            throw new LiveException($"the changes of a table cannot be read: {e.MessageText}; name tables as SQL does (public.orders, \"Order\")", e);
        }
    }

    // PostgreSQL refuses updates and deletes of a published table whose rows cannot be told apart: the application would be the one to notice.
    private static async Task RefuseTablesWithoutIdentityAsync(NpgsqlConnection connection, List<string> tables, CancellationToken cancellationToken)
    {
        var names = await connection.QueryAsync(
            """
            SELECT c.oid::regclass::text FROM pg_catalog.pg_class c
            WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
                AND ($1::text[] = '{}' OR c.oid IN (SELECT t::regclass FROM unnest($1::text[]) t))
                AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))
            ORDER BY 1
            """, cancellationToken, (object)tables.ToArray());
        if (names.Count > 0)
        {
            throw new LiveException(
                $"PostgreSQL would refuse updates and deletes of {string.Join(", ", names.Select(n => n[0]))} once they are published, because they have no primary key: " +
                "add one, ALTER TABLE ... REPLICA IDENTITY FULL, or name other tables");
        }
    }
}
