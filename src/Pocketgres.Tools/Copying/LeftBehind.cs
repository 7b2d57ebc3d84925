using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>Names what a copy of a database does not have, or has otherwise.</summary>
internal static class LeftBehind
{
    // Each row is a line.
    private const string AtTheSource =
        """
        SELECT 'publications: ' || string_agg(quote_ident(pubname), ', ' ORDER BY pubname) FROM pg_catalog.pg_publication WHERE pubname <> 'pocketgres_copy' HAVING count(*) > 0
        UNION ALL SELECT 'subscriptions: ' || string_agg(quote_ident(subname), ', ' ORDER BY subname) FROM pg_catalog.pg_subscription
            WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) HAVING count(*) > 0
        UNION ALL SELECT 'the rows of foreign tables, which are elsewhere: ' || string_agg(oid::regclass::text, ', ' ORDER BY oid) FROM pg_catalog.pg_class WHERE relkind = 'f' HAVING count(*) > 0
        UNION ALL SELECT 'tablespaces: all is in the target''s default one' FROM pg_catalog.pg_class WHERE reltablespace <> 0 AND oid >= 16384 HAVING count(*) > 0
        UNION ALL SELECT 'settings of the database (ALTER DATABASE or ROLE ... IN DATABASE ... SET): ' || string_agg(array_to_string(setconfig, ', '), ', ') FROM pg_catalog.pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) HAVING count(*) > 0
        UNION ALL SELECT 'the comment on the database' FROM pg_catalog.pg_database WHERE datname = current_database() AND pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
        UNION ALL SELECT 'comments on large objects' FROM pg_catalog.pg_description WHERE classoid = 'pg_catalog.pg_largeobject'::regclass HAVING count(*) > 0
        UNION ALL SELECT 'prepared transactions, which are not committed: ' || string_agg(quote_literal(gid), ', ' ORDER BY gid) FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() HAVING count(*) > 0
        """;

    private const string Rights =
        """
        SELECT format('owners and grants: the target''s user owns all, and nobody else has rights; %s tables, views and sequences have others at the source (--owners keeps them)', count(*))
        FROM pg_catalog.pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND (relacl IS NOT NULL OR relowner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)) HAVING count(*) > 0
        """;

    // The order of texts, which is the databases'.
    private const string Collation = "SELECT concat_ws(' ', datlocprovider, coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', datcollate)) FROM pg_catalog.pg_database d WHERE datname = current_database()";

    /// <summary>Lines for the user.</summary>
    public static async Task<List<string>> FindAsync(NpgsqlConnection source, NpgsqlConnection target, bool owners, CancellationToken cancellationToken)
    {
        var lines = (await source.QueryAsync(owners ? AtTheSource : $"{AtTheSource} UNION ALL {Rights}", cancellationToken)).ConvertAll(r => (string)r[0]!);
        string here = await source.ValueAsync<string>(Collation, cancellationToken) ?? "", there = await target.ValueAsync<string>(Collation, cancellationToken) ?? "";
        if (here != there)
        {
            lines.Add($"the order of texts: the source's database sorts by {Words(here)}, the target's by {Words(there)}");
        }

        var versions = (await target.QueryAsync("SELECT extname::text, extversion FROM pg_catalog.pg_extension", cancellationToken)).ToDictionary(r => (string)r[0]!, r => (string)r[1]!);
        foreach (object?[] row in await source.QueryAsync("SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY 1", cancellationToken))
        {
            if (versions.TryGetValue((string)row[0]!, out string? version) && version != (string)row[1]!)
            {
                lines.Add($"the version of the extension {row[0]}: {row[1]} at the source, {version} at the target");
            }
        }

        return lines;

        static string Words(string collation) => collation.Length > 2 && collation[1] == ' '
            ? (collation[0] switch { 'i' => "ICU's ", 'b' => "the built-in ", _ => "" }) + collation[2..]
            : collation;
    }
}
