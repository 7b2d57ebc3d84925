using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>A table with rows of its own.</summary>
/// <param name="Name">Its name with the schema, quoted.</param>
/// <param name="Columns">Its columns but the generated ones, quoted, by commas.</param>
/// <param name="Condition">Which rows: of an extension's table those that its script did not make. Empty for all.</param>
/// <param name="Bytes">Its size at the source.</param>
internal sealed record CopiedTable(string Name, string Columns, string Condition, long Bytes)
{
    /// <summary>What is the user's, not the system's; with pg_namespace.</summary>
    public const string UserSchemas = $"nspname !~ '^pg_' AND nspname NOT IN ('information_schema', '{TargetDatabase.MarkSchema}')";

    // Members of extensions are made by CREATE EXTENSION; of those it has registered, the rows are the user's (extconfig).
    private const string Configured =
        """
        SELECT c.oid, min(e.condition) AS condition, bool_or(d.objid IS NOT NULL) AS is_member, bool_or(e.oid IS NOT NULL) AS is_configured
        FROM pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_depend d ON d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
        LEFT JOIN (SELECT unnest(extconfig) AS oid, unnest(extcondition) AS condition FROM pg_catalog.pg_extension) e ON e.oid = c.oid
        GROUP BY c.oid
        """;

    /// <summary>All tables, the largest first.</summary>
    public static async Task<List<CopiedTable>> FindAsync(NpgsqlConnection source, CancellationToken cancellationToken) =>
        (await source.QueryAsync(
            $"""
            SELECT format('%I.%I', nspname, relname), coalesce(string_agg(quote_ident(attname), ', ' ORDER BY attnum) FILTER (WHERE attgenerated = ''), ''),
                coalesce(k.condition, ''), pg_catalog.pg_table_size(c.oid)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace JOIN ({Configured}) k ON k.oid = c.oid
            LEFT JOIN pg_catalog.pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
            WHERE relkind = 'r' AND relpersistence <> 't' AND {UserSchemas} AND (k.is_configured OR NOT k.is_member)
            GROUP BY c.oid, nspname, relname, k.condition ORDER BY 4 DESC, 1
            """, cancellationToken)).ConvertAll(r => new CopiedTable((string)r[0]!, (string)r[1]!, (string)r[2]!, (long)r[3]!));

    /// <summary>The names of all sequences.</summary>
    public static async Task<List<string>> FindSequencesAsync(NpgsqlConnection source, CancellationToken cancellationToken) =>
        (await source.QueryAsync(
            $"""
            SELECT format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace JOIN ({Configured}) k ON k.oid = c.oid
            WHERE relkind = 'S' AND relpersistence <> 't' AND {UserSchemas} AND (k.is_configured OR NOT k.is_member) ORDER BY 1
            """, cancellationToken)).ConvertAll(r => (string)r[0]!);
}
