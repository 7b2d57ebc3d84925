using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace Pocketgres.Server.Checking;

/// <summary>Runs amcheck over everything in every database, as pg_amcheck does, and goes on after what it finds.</summary>
internal sealed class RowCheck(CheckServer server, RowFindings findings, DirectoryCheckOptions options)
{
    // With so many crashes of the server something else is wrong.
    private const int MaximumCrashes = 20;

    // Without the indexes of the catalogue itself, which may be what is damaged.
    private const string WithoutIndexes = "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off";

    private const string DatabasesQuery =
        "SELECT datname::text, datallowconn FROM pg_catalog.pg_database WHERE datconnlimit <> -2 ORDER BY oid";

    // What amcheck knows: tables and sequences (heap), B-tree and GIN indexes that are in use. Temporary ones are gone with their sessions.
    private const string RelationsQuery = """
        SELECT c.oid, c.relkind::text, a.amname::text,
               pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
               CASE WHEN c.relkind = 'i' THEN ' of table ' || pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname)
                    WHEN c.relkind = 't' THEN coalesce((SELECT ' of table ' || pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.relname)
                                               FROM pg_catalog.pg_class m LEFT JOIN pg_catalog.pg_namespace mn ON mn.oid = m.relnamespace
                                               WHERE m.reltoastrelid = c.oid), '')
                    ELSE '' END
        FROM pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
        LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        WHERE c.relpersistence <> 't'
          AND (c.relkind = 'S' OR (c.relkind IN ('r', 'm', 't') AND a.amname = 'heap')
               OR (c.relkind = 'i' AND i.indisvalid AND i.indisready AND i.indislive AND a.amname IN ('btree', 'gin')))
        ORDER BY c.relkind = 'i', c.oid
        """;

    private int _crashes;

    /// <summary>Checks all databases, also those that let nobody in.</summary>
    /// <param name="newestPage">The place in the log that pages may be as new as.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public async Task RunAsync(ulong newestPage, CancellationToken cancellationToken)
    {
        foreach (string database in await DatabasesAsync(newestPage, cancellationToken).ConfigureAwait(false))
        {
            await CheckAsync(database, cancellationToken).ConfigureAwait(false);
        }
    }

    // From whichever of the databases that every cluster has lets us in; what is wrong with the other one shows when it is its turn.
    private async Task<List<string>> DatabasesAsync(ulong newestPage, CancellationToken cancellationToken)
    {
        NpgsqlException? error = null;
        foreach (string database in (string[])[ServerOptions.DefaultDatabase, "template1"])
        {
            try
            {
                var session = await server.ConnectAsync(database, cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    return await HasWholeLogAsync(session, newestPage, cancellationToken).ConfigureAwait(false)
                        ? await DatabasesAsync(session, cancellationToken).ConfigureAwait(false)
                        : [];
                }
            }
            catch (NpgsqlException e)
            {
                error = e;
            }
        }

        Add("the list of databases", error!);
        return [];
    }

    private async Task<bool> HasWholeLogAsync(NpgsqlConnection session, ulong newestPage, CancellationToken cancellationToken)
    {
        string end = "";
        await QueryAsync(session, "SELECT pg_current_wal_insert_lsn()::text", reader => end = reader.GetString(0), cancellationToken).ConfigureAwait(false);
        uint[] halves = [.. end.Split('/').Select(h => uint.Parse(h, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        if ((((ulong)halves[0] << 32) | halves[1]) >= newestPage)
        {
            return true;
        }

        // Rows of the future would look like damage.
        findings.AddUnchecked($"tables and indexes: the log in the directory ends at {end}, before {newestPage >> 32:X}/{(uint)newestPage:X}, which its pages need");
        return false;
    }

    private static async Task<List<string>> DatabasesAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        List<string> databases = [], closed = [];
        await ExecuteAsync(session, WithoutIndexes, cancellationToken).ConfigureAwait(false);
        await QueryAsync(
            session,
            DatabasesQuery,
            reader =>
            {
                databases.Add(reader.GetString(0));
                if (!reader.GetBoolean(1))
                {
                    closed.Add(databases[^1]);
                }
            },
            cancellationToken).ConfigureAwait(false);
        foreach (string database in closed)
        {
            await ExecuteAsync(session, $"ALTER DATABASE {DatabaseCreator.Quote(database)} ALLOW_CONNECTIONS true", cancellationToken).ConfigureAwait(false);
        }

        return databases;
    }

    private async Task CheckAsync(string database, CancellationToken cancellationToken)
    {
        string shown = $"database {DatabaseCreator.Quote(database)}";
        var relations = new Queue<Relation>();
        bool listed = false, checkedAny = false;
        string current = shown;
        while (!listed || relations.Count > 0)
        {
            NpgsqlConnection? session = null;
            try
            {
                session = await server.ConnectAsync(database, cancellationToken).ConfigureAwait(false);
                if (!listed)
                {
                    foreach (var relation in await RelationsAsync(session, cancellationToken).ConfigureAwait(false))
                    {
                        relations.Enqueue(relation);
                    }

                    listed = true;
                }

                string schema = await InstallAsync(session, cancellationToken).ConfigureAwait(false);

                // Npgsql closes a connection whose server speaks of corruption.
                while (session.State == System.Data.ConnectionState.Open && relations.TryDequeue(out var relation))
                {
                    current = $"{shown}: {relation.Shown}";
                    await CheckAsync(session, schema, relation, current, cancellationToken).ConfigureAwait(false);
                    checkedAny = true;
                    current = shown;
                }
            }
            catch (NpgsqlException e)
            {
                // The session is lost. What was being checked has left the queue: the next attempt goes on with what follows, if it is worth one.
                Add(current, e);
                if (current == shown || server.HasEnded || ++_crashes > MaximumCrashes)
                {
                    if (relations.Count > 0)
                    {
                        findings.AddUnchecked(string.Create(CultureInfo.InvariantCulture, $"{shown}: {relations.Count} tables and indexes are left unchecked"));
                    }

                    return;
                }

                current = shown;
            }
            finally
            {
                if (session is not null)
                {
                    await session.DisposeAsync().ConfigureAwait(false);
                }
            }
        }

        findings.Databases += checkedAny ? 1 : 0;
    }

    // In the overlay only: the user's database never gets the extension. One that it has already is used.
    private static async Task<string> InstallAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        const string Find =
            "SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'";
        string? schema = null;
        await QueryAsync(session, Find, reader => schema = reader.GetString(0), cancellationToken).ConfigureAwait(false);
        if (schema is not null)
        {
            await ExecuteAsync(session, "ALTER EXTENSION amcheck UPDATE", cancellationToken).ConfigureAwait(false);
            return schema;
        }

        schema = $"pocketgres_check_{Guid.NewGuid():n}";
        await ExecuteAsync(session, $"CREATE SCHEMA {schema}; CREATE EXTENSION amcheck SCHEMA {schema}", cancellationToken).ConfigureAwait(false);
        return schema;
    }

    private static async Task<List<Relation>> RelationsAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        var relations = new List<Relation>();
        await ExecuteAsync(session, WithoutIndexes, cancellationToken).ConfigureAwait(false);
        await QueryAsync(
            session,
            RelationsQuery,
            reader =>
            {
                string kind = reader.GetString(1);
                string word = kind switch { "i" => "index", "t" => "TOAST table", "m" => "materialized view", "S" => "sequence", _ => "table" };
                string name = reader.IsDBNull(3) ? string.Create(CultureInfo.InvariantCulture, $"with OID {reader.GetFieldValue<uint>(0)}") : reader.GetString(3);
                relations.Add(new Relation(
                    reader.GetFieldValue<uint>(0), kind == "i" ? reader.GetString(2) : null, $"{word} {name}{(reader.IsDBNull(4) ? "" : reader.GetString(4))}"));
            },
            cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(session, "RESET ALL", cancellationToken).ConfigureAwait(false);
        return relations;
    }

    private async Task CheckAsync(NpgsqlConnection session, string schema, Relation relation, string shown, CancellationToken cancellationToken)
    {
        try
        {
            if (relation.IndexMethod is null)
            {
                findings.Tables++;
                await CheckTableAsync(session, schema, relation, shown, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                findings.Indexes++;
                string call = relation.IndexMethod == "gin" ? "gin_index_check($1)"
                    : options.Parents ? "bt_index_parent_check($1, heapallindexed => true, rootdescend => true, checkunique => true)"
                    : "bt_index_check($1, heapallindexed => true, checkunique => true)";
                await QueryAsync(session, $"SELECT {schema}.{call}", static _ => { }, cancellationToken, relation.Oid).ConfigureAwait(false);
            }
        }
        catch (PostgresException e) when (e.Severity is "ERROR")
        {
            findings.Add(shown, e);
        }
    }

    private async Task CheckTableAsync(NpgsqlConnection session, string schema, Relation relation, string shown, CancellationToken cancellationToken) =>
        await QueryAsync(
            session,
            $"SELECT blkno, offnum, attnum, msg FROM {schema}.verify_heapam($1, on_error_stop => false, check_toast => true, skip => 'none')",
            reader =>
            {
                string at = string.Join(", ", new[] { ("block", 0), ("offset", 1), ("column", 2) }.Where(p => !reader.IsDBNull(p.Item2))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Item1} {reader.GetValue(p.Item2)}")));
                findings.AddDamage($"{shown}: {at}{(at.Length > 0 ? ": " : "")}{reader.GetString(3)}");
            },
            cancellationToken,
            relation.Oid).ConfigureAwait(false);

    private void Add(string what, NpgsqlException e)
    {
        if (e is PostgresException refused)
        {
            findings.Add(what, refused);
        }
        else
        {
            findings.AddDamage($"{what}: the server process ended while it was checking this");
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // names are quoted
        var command = new NpgsqlCommand(sql, session);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task QueryAsync(
        NpgsqlConnection session, string sql, Action<NpgsqlDataReader> row, CancellationToken cancellationToken, uint? relation = null)
    {
#pragma warning disable CA2100 // names are quoted
        var command = new NpgsqlCommand(sql, session);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            if (relation is { } oid)
            {
                command.Parameters.Add(new NpgsqlParameter<uint> { TypedValue = oid, NpgsqlDbType = NpgsqlDbType.Oid });
            }

            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    row(reader);
                }
            }
        }
    }

    /// <summary>Something to check.</summary>
    /// <param name="Oid">Its OID in its database.</param>
    /// <param name="IndexMethod">Of an index the access method, else null.</param>
    /// <param name="Shown">What it is and its name, for people.</param>
    private sealed record Relation(uint Oid, string? IndexMethod, string Shown);
}
