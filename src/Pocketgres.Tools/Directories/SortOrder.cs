using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Directories;

/// <summary>
/// What of a database depends on an order of texts that is another one with another C library or version of ICU: indexes, and partitions by ranges. The order of the C library is that of code
/// points here, and the locale's natively.
/// </summary>
/// <param name="Indexes">Indexes to build anew, as REINDEX takes them.</param>
/// <param name="Partitions">Tables whose rows would be in the wrong partition.</param>
/// <param name="DefaultCollation">The database's own collation, when it is one of these.</param>
internal sealed record SortOrder(IReadOnlyList<string> Indexes, IReadOnlyList<string> Partitions, string? DefaultCollation)
{
    // Types with such a collation inside (composite, range, arrays and domains of them) count too, and inputcollid of expressions and predicates.
    private static string Differing(bool libc, bool allOfIcu) =>
        $"""
        WITH RECURSIVE differing AS (
            SELECT c.oid FROM pg_catalog.pg_collation c, pg_catalog.pg_database d WHERE d.datname = current_database() AND CASE c.collprovider
                WHEN 'd' THEN ({libc} AND d.datlocprovider = 'c' AND d.datcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8'))
                    OR (d.datlocprovider = 'i' AND ({allOfIcu} OR d.datcollversion IS DISTINCT FROM pg_catalog.pg_database_collation_actual_version(d.oid)))
                WHEN 'c' THEN {libc} AND c.collcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                WHEN 'i' THEN {allOfIcu} OR c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
                ELSE false END),
        types(oid) AS (
            SELECT * FROM (
                SELECT c.reltype FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE c.reltype <> 0 AND a.attnum > 0 AND a.attcollation IN (SELECT oid FROM differing)
                UNION SELECT rngtypid FROM pg_catalog.pg_range WHERE rngcollation IN (SELECT oid FROM differing)
                UNION SELECT rngmultitypid FROM pg_catalog.pg_range WHERE rngcollation IN (SELECT oid FROM differing)) t
            UNION SELECT t.oid FROM pg_catalog.pg_type t JOIN types b ON t.typelem = b.oid OR t.typbasetype = b.oid)
        """;

    private const string IndexQuery =
        """
        SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND (
            i.indcollation::oid[] && (SELECT array_agg(oid) FROM differing)
            OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid AND a.atttypid IN (SELECT oid FROM types))
            OR EXISTS (SELECT FROM differing b WHERE coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, '') ~ (' ' || b.oid || ' :args')))
        ORDER BY 1
        """;

    private const string PartitionQuery =
        """
        SELECT partrelid::regclass::text FROM pg_catalog.pg_partitioned_table p WHERE partstrat = 'r' AND (
            partcollation::oid[] && (SELECT array_agg(oid) FROM differing)
            OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = partrelid AND a.attnum = ANY (p.partattrs) AND a.atttypid IN (SELECT oid FROM types)))
        ORDER BY 1
        """;

    private const string DefaultQuery =
        """
        SELECT coalesce(datlocale, datcollate)::text FROM pg_catalog.pg_database, pg_catalog.pg_collation c WHERE datname = current_database() AND c.collprovider = 'd' AND c.oid IN (SELECT oid FROM differing)
        """;

    /// <summary>Finds them in the connection's database.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="libc">Whether the two C libraries differ: glibc has the order of languages, musl, ours and PGlite's, that of code points.</param>
    /// <param name="allOfIcu">Whether the other side has another ICU than this one; else versions in the catalogs tell.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<SortOrder> FindAsync(NpgsqlConnection connection, bool libc, bool allOfIcu, CancellationToken cancellationToken)
    {
        string differing = Differing(libc, allOfIcu);
        return new(await TextsAsync(connection, differing + IndexQuery, cancellationToken), await TextsAsync(connection, differing + PartitionQuery, cancellationToken),
            await connection.ValueAsync<string>(differing + DefaultQuery, cancellationToken));
    }

    /// <summary>The first column of a query's rows.</summary>
    public static async Task<IReadOnlyList<string>> TextsAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken) =>
        [.. (await connection.QueryAsync(sql, cancellationToken)).Select(r => (string)r[0]!)];
}
