using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Checking;

/// <summary>Makes a cluster ready for amcheck: finds its databases, lets us into all of them and gives each the extension. In the overlay only.</summary>
internal sealed class RowCheckPreparation(CheckServer server, RowFindings findings)
{
    private const string DatabasesQuery =
        "SELECT pg_catalog.textsend(datname::text), datallowconn FROM pg_catalog.pg_database WHERE datconnlimit <> -2 ORDER BY oid";

    private const string ExtensionQuery = """
        SELECT pg_catalog.textsend(pg_catalog.quote_ident(n.nspname))
        FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'
        """;

    /// <summary>Prepares all databases.</summary>
    /// <param name="newestPage">The place in the log that pages may be as new as.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Those that can be checked; what is wrong with the others was told.</returns>
    public async Task<List<PreparedDatabase>> RunAsync(ulong newestPage, CancellationToken cancellationToken)
    {
        var prepared = new List<PreparedDatabase>();
        foreach (string database in await DatabasesAsync(newestPage, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                var session = await server.ConnectAsync(database, cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    prepared.Add(new PreparedDatabase(database, await InstallAsync(session, cancellationToken).ConfigureAwait(false)));
                }
            }
            catch (NpgsqlException e)
            {
                findings.Add($"database {DatabaseCreator.Quote(database)}", e);
            }
        }

        return prepared;
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

        findings.Add("the list of databases", error!);
        return [];
    }

    private async Task<bool> HasWholeLogAsync(NpgsqlConnection session, ulong newestPage, CancellationToken cancellationToken)
    {
        string end = "";
        await session.QueryAsync("SELECT pg_current_wal_insert_lsn()::text", reader => end = reader.GetString(0), cancellationToken).ConfigureAwait(false);
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
        await session.ExecuteAsync(CheckSession.WithoutIndexes, cancellationToken).ConfigureAwait(false);
        await session.QueryAsync(
            DatabasesQuery,
            reader =>
            {
                databases.Add(reader.Text(0));
                if (!reader.GetBoolean(1))
                {
                    closed.Add(databases[^1]);
                }
            },
            cancellationToken).ConfigureAwait(false);
        foreach (string database in closed)
        {
            await session.ExecuteAsync($"ALTER DATABASE {DatabaseCreator.Quote(database)} ALLOW_CONNECTIONS true", cancellationToken).ConfigureAwait(false);
        }

        return databases;
    }

    // One that the user has installed is used, brought up to date.
    private static async Task<string> InstallAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        string schema = "";
        await session.QueryAsync(ExtensionQuery, reader => schema = reader.Text(0), cancellationToken).ConfigureAwait(false);
        if (schema.Length > 0)
        {
            await session.ExecuteAsync("ALTER EXTENSION amcheck UPDATE", cancellationToken).ConfigureAwait(false);
            return schema;
        }

        schema = $"pocketgres_check_{Guid.NewGuid():n}";
        await session.ExecuteAsync($"CREATE SCHEMA {schema}; CREATE EXTENSION amcheck SCHEMA {schema}", cancellationToken).ConfigureAwait(false);
        return schema;
    }
}

/// <summary>A database that amcheck can look into.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Schema">Where amcheck's functions are, quoted.</param>
internal sealed record PreparedDatabase(string Name, string Schema);
