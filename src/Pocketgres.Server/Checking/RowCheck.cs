using System.Data;
using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Checking;

/// <summary>Runs amcheck over everything in every database, as pg_amcheck does, and goes on after what it finds.</summary>
internal sealed class RowCheck(CheckServer server, RowFindings findings, DirectoryCheckOptions options)
{
    // With so many crashes of the server something else is wrong.
    private const int MaximumCrashes = 20;

    // What amcheck knows: tables and sequences (heap), B-tree and GIN indexes that are in use. Temporary ones are gone with their sessions.
    private const string RelationsQuery = """
        SELECT c.oid, c.relkind::text, pg_catalog.textsend(a.amname::text),
               pg_catalog.textsend(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)),
               pg_catalog.textsend(
                   CASE WHEN c.relkind = 'i' THEN ' of table ' || pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname)
                        WHEN c.relkind = 't' THEN (SELECT ' of table ' || pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.relname)
                                                   FROM pg_catalog.pg_class m LEFT JOIN pg_catalog.pg_namespace mn ON mn.oid = m.relnamespace
                                                   WHERE m.reltoastrelid = c.oid LIMIT 1)
                   END)
        FROM pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
        LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        WHERE c.relpersistence IN
        """;

    private const string RelationsCondition = """
          AND (c.relkind = 'S' OR (c.relkind IN ('r', 'm', 't') AND a.amname = 'heap')
               OR (c.relkind = 'i' AND i.indisvalid AND i.indisready AND i.indislive AND a.amname IN ('btree', 'gin')))
        ORDER BY c.relkind = 'i', c.oid
        """;

    private int _crashes;

    /// <summary>Checks databases.</summary>
    /// <param name="databases">Which.</param>
    /// <param name="unlogged">Whether only unlogged tables, which a read-only server does not show, with their indexes, or all others.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public async Task RunAsync(IReadOnlyList<PreparedDatabase> databases, bool unlogged, CancellationToken cancellationToken)
    {
        foreach (var database in databases)
        {
            await CheckAsync(database, unlogged, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CheckAsync(PreparedDatabase database, bool unlogged, CancellationToken cancellationToken)
    {
        string shown = $"database {DatabaseCreator.Quote(database.Name)}", current = shown;
        var relations = new Queue<Relation>();
        bool listed = false, checkedAny = false;
        while (!listed || relations.Count > 0)
        {
            NpgsqlConnection? session = null;
            try
            {
                session = await server.ConnectAsync(database.Name, cancellationToken).ConfigureAwait(false);
                if (!listed)
                {
                    relations = await RelationsAsync(session, unlogged, cancellationToken).ConfigureAwait(false);
                    listed = true;
                }

                // Npgsql closes a connection whose server speaks of corruption.
                while (session.State == ConnectionState.Open && relations.TryDequeue(out var relation))
                {
                    current = $"{shown}: {relation.Shown}";
                    options.Checking?.Invoke(current);
                    await CheckAsync(session, database.Schema, relation, current, cancellationToken).ConfigureAwait(false);
                    checkedAny = true;
                    current = shown;
                }
            }
            catch (NpgsqlException e)
            {
                // The session is lost. What was being checked has left the queue: the next attempt goes on with what follows, if it is worth one.
                findings.Add(current, e);
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

        findings.Databases += checkedAny && !unlogged ? 1 : 0;
    }

    private static async Task<Queue<Relation>> RelationsAsync(NpgsqlConnection session, bool unlogged, CancellationToken cancellationToken)
    {
        var relations = new Queue<Relation>();
        await session.AvoidIndexesAsync(cancellationToken).ConfigureAwait(false);
        await session.QueryAsync(
            $"{RelationsQuery} ('{(unlogged ? 'u' : 'p')}') {RelationsCondition}",
            reader =>
            {
                string kind = reader.GetString(1);
                string word = kind switch { "i" => "index", "t" => "TOAST table", "m" => "materialized view", "S" => "sequence", _ => "table" };
                uint oid = reader.GetFieldValue<uint>(0);
                string name = reader.IsDBNull(3) ? string.Create(CultureInfo.InvariantCulture, $"with OID {oid}") : reader.Text(3);
                relations.Enqueue(new Relation(oid, kind == "i" ? reader.Text(2) : null, $"{word} {name}{reader.Text(4)}"));
            },
            cancellationToken).ConfigureAwait(false);
        await session.ExecuteAsync("RESET ALL", cancellationToken).ConfigureAwait(false);
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
                await session.QueryAsync($"SELECT {schema}.{call}", static _ => { }, cancellationToken, relation.Oid).ConfigureAwait(false);
            }
        }
        catch (PostgresException e) when (e.Severity is "ERROR")
        {
            findings.Add(shown, e);
        }
    }

    private async Task CheckTableAsync(NpgsqlConnection session, string schema, Relation relation, string shown, CancellationToken cancellationToken)
    {
        await session.QueryAsync(
            $"SELECT blkno, offnum, attnum, msg FROM {schema}.verify_heapam($1, on_error_stop => false, check_toast => true, skip => 'none')",
            reader =>
            {
                string at = string.Join(", ", new[] { ("block", 0), ("offset", 1), ("column", 2) }.Where(p => !reader.IsDBNull(p.Item2))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Item1} {reader.GetValue(p.Item2)}")));
                findings.AddDamage($"{shown}: {at}{(at.Length > 0 ? ": " : "")}{reader.GetString(3)}");
            },
            cancellationToken,
            relation.Oid).ConfigureAwait(false);
    }

    /// <summary>Something to check.</summary>
    /// <param name="Oid">Its OID in its database.</param>
    /// <param name="IndexMethod">Of an index the access method, else null.</param>
    /// <param name="Shown">What it is and its name, for people.</param>
    private sealed record Relation(uint Oid, string? IndexMethod, string Shown);
}
