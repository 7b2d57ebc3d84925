using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>The database that a copy goes into: whether it is empty, how it becomes so, and the mark that it has part of a copy.</summary>
internal static class TargetDatabase
{
    /// <summary>A schema that is there while a copy is unfinished.</summary>
    public const string MarkSchema = "pocketgres_unfinished_copy";

    // One statement locks each table it drops, and the server has place for some thousand locks.
    private const int TablesAtOnce = 100;

    /// <summary>Refuses a database with anything of a user in it.</summary>
    /// <exception cref="CopyException">It is not empty.</exception>
    public static async Task RefuseUnlessEmptyAsync(NpgsqlConnection target, CancellationToken cancellationToken)
    {
        if (await IsMarkedAsync(target, cancellationToken))
        {
            throw new CopyException("the target has part of a copy or of a dump whose restoring was interrupted: give --replace to remove it and begin anew, or another database");
        }

        string? thing = await target.ValueAsync<string>(
            $"""
            SELECT what FROM (
                SELECT format('%I.%I', nspname, relname) AS what FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
                    WHERE {CopiedTable.UserSchemas} AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {NotOfExtension("pg_class")}
                UNION ALL SELECT format('%I.%I()', nspname, proname) FROM pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace WHERE {CopiedTable.UserSchemas} AND {NotOfExtension("pg_proc")}
                UNION ALL SELECT format('the type %I.%I', nspname, typname) FROM pg_catalog.pg_type o JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace
                    WHERE {CopiedTable.UserSchemas} AND typtype IN ('d', 'e', 'r') AND {NotOfExtension("pg_type")}
                UNION ALL SELECT format('the schema %I', nspname) FROM pg_catalog.pg_namespace o WHERE {CopiedTable.UserSchemas} AND nspname <> 'public' AND {NotOfExtension("pg_namespace")}
                UNION ALL SELECT format('the large object %s', oid) FROM pg_catalog.pg_largeobject_metadata) w LIMIT 1
            """, cancellationToken);
        if (thing is not null)
        {
            throw new CopyException($"the target is not empty, it has {thing}: give --replace to remove all that is there, or another database");
        }

        static string NotOfExtension(string catalog) =>
            $"NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = o.oid AND d.classid = 'pg_catalog.{catalog}'::regclass AND d.deptype = 'e')";
    }

    /// <summary>Says in the database that a copy is under way, so that whoever comes after a SIGKILL knows.</summary>
    public static Task MarkAsync(NpgsqlConnection target, CancellationToken cancellationToken) => target.ExecuteAsync($"CREATE SCHEMA {MarkSchema}", cancellationToken);

    /// <summary>Takes the mark away.</summary>
    public static Task UnmarkAsync(NpgsqlConnection target, CancellationToken cancellationToken) => target.ExecuteAsync($"DROP SCHEMA IF EXISTS {MarkSchema}", cancellationToken);

    /// <summary>Removes all that is a user's, and the mark last.</summary>
    public static async Task EmptyAsync(NpgsqlConnection target, CancellationToken cancellationToken)
    {
        if (!await IsMarkedAsync(target, cancellationToken))
        {
            await MarkAsync(target, cancellationToken);
        }

        await DropAsync("EVENT TRIGGER", "SELECT quote_ident(evtname) FROM pg_catalog.pg_event_trigger");
        await DropAsync("EXTENSION", "SELECT quote_ident(extname) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'");
        while (await target.ValueAsync<string>(
                   $"""
                   SELECT string_agg(t, ', ') FROM (SELECT format('%I.%I', nspname, relname) AS t FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
                   WHERE relkind IN ('r', 'p') AND NOT relispartition AND {CopiedTable.UserSchemas} LIMIT {TablesAtOnce}) l
                   """, cancellationToken) is { } tables)
        {
            await target.ExecuteAsync($"DROP TABLE IF EXISTS {tables} CASCADE", cancellationToken);
        }

        await DropAsync("SCHEMA", $"SELECT quote_ident(nspname) FROM pg_catalog.pg_namespace WHERE {CopiedTable.UserSchemas}");
        await DropAsync("FOREIGN DATA WRAPPER", "SELECT quote_ident(fdwname) FROM pg_catalog.pg_foreign_data_wrapper");
        await target.ExecuteAsync("CREATE SCHEMA public", cancellationToken);
        if (await target.ValueAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pg_database_owner') AND pg_catalog.pg_has_role('pg_database_owner', 'SET')", cancellationToken))
        {
            await target.ExecuteAsync("ALTER SCHEMA public OWNER TO pg_database_owner", cancellationToken);
        }

        await target.ExecuteAsync("GRANT USAGE ON SCHEMA public TO PUBLIC", cancellationToken);
        await target.ExecuteAsync("COMMENT ON SCHEMA public IS 'standard public schema'", cancellationToken);
        while (await target.ValueAsync<long>($"SELECT count(pg_catalog.lo_unlink(oid)) FROM (SELECT oid FROM pg_catalog.pg_largeobject_metadata LIMIT {TablesAtOnce}) l", cancellationToken) > 0)
        {
            // The next ones.
        }

        await UnmarkAsync(target, cancellationToken);

        async Task DropAsync(string kind, string names)
        {
            foreach (object?[] row in await target.QueryAsync(names, cancellationToken))
            {
                await target.ExecuteAsync($"DROP {kind} IF EXISTS {row[0]} CASCADE", cancellationToken);
            }
        }
    }

    private static Task<bool> IsMarkedAsync(NpgsqlConnection target, CancellationToken cancellationToken) =>
        target.ValueAsync<bool>($"SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '{MarkSchema}')", cancellationToken);
}
