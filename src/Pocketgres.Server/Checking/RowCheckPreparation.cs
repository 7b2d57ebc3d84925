using System.Globalization;
using Npgsql;
using Pocketgres.Engine.Checking;

namespace Pocketgres.Server.Checking;

/// <summary>
/// Makes a cluster ready for amcheck: finds its databases, lets us into all of them, ends what would keep a check waiting and gives each the extension. In the
/// overlay only.
/// </summary>
/// <param name="server">A server that may write.</param>
/// <param name="findings">Told what is wrong.</param>
/// <param name="listFiles">Whether to find out which files belong to something.</param>
internal sealed class RowCheckPreparation(CheckServer server, RowFindings findings, bool listFiles)
{
    // Not what an interrupted DROP DATABASE left (datconnlimit -2, DATCONNLIMIT_INVALID_DB): nobody can connect to that, only drop it again.
    private const string DatabasesQuery =
        "SELECT pg_catalog.textsend(datname::text), datallowconn, oid FROM pg_catalog.pg_database WHERE datconnlimit <> -2 ORDER BY oid";

    private const string TablespacesQuery = "SELECT oid FROM pg_catalog.pg_tablespace";

    private const string FilesQuery = "SELECT pg_catalog.pg_relation_filepath(oid) FROM pg_catalog.pg_class WHERE pg_catalog.pg_relation_filepath(oid) IS NOT NULL";

    // Prepared transactions that keep even readers away (AccessExclusiveLock).
    private const string LockedQuery = """
        SELECT pg_catalog.quote_literal(p.gid) FROM pg_catalog.pg_prepared_xacts p
        WHERE p.database = pg_catalog.current_database() AND EXISTS (
            SELECT FROM pg_catalog.pg_locks l WHERE l.virtualtransaction = '-1/' || p.transaction::text AND l.mode = 'AccessExclusiveLock')
        """;

    private const string ExtensionQuery = """
        SELECT pg_catalog.textsend(pg_catalog.quote_ident(n.nspname))
        FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'
        """;

    /// <summary>Which files belong to something; null when that was not asked for or could not be found out.</summary>
    public LiveFiles? Files { get; private set; }

    /// <summary>Prepares all databases.</summary>
    /// <param name="newestPage">The place in the log that pages may be as new as.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Those that can be checked; what is wrong with the others was told.</returns>
    public async Task<List<PreparedDatabase>> RunAsync(ulong newestPage, CancellationToken cancellationToken)
    {
        var prepared = new List<PreparedDatabase>();
        foreach (var (database, oid) in await DatabasesAsync(newestPage, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                var session = await server.ConnectAsync(database, cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    await CommitPreparedAsync(session, cancellationToken).ConfigureAwait(false);
                    prepared.Add(new PreparedDatabase(database, await InstallAsync(session, cancellationToken).ConfigureAwait(false)));
                    await ListFilesAsync(session, oid, cancellationToken).ConfigureAwait(false);
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
    private async Task<List<(string Name, uint Oid)>> DatabasesAsync(ulong newestPage, CancellationToken cancellationToken)
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

    private async Task<List<(string Name, uint Oid)>> DatabasesAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        var databases = new List<(string Name, uint Oid)>();
        var closed = new List<string>();
        var live = new LiveFiles();
        await session.AvoidIndexesAsync(cancellationToken).ConfigureAwait(false);
        await session.QueryAsync(
            DatabasesQuery,
            reader =>
            {
                databases.Add((reader.Text(0), reader.GetFieldValue<uint>(2)));
                live.AddDatabase(databases[^1].Oid);
                if (!reader.GetBoolean(1))
                {
                    closed.Add(databases[^1].Name);
                }
            },
            cancellationToken).ConfigureAwait(false);
        await session.QueryAsync(TablespacesQuery, reader => live.AddTablespace(reader.GetFieldValue<uint>(0)), cancellationToken).ConfigureAwait(false);
        Files = listFiles ? live : null;
        foreach (string database in closed)
        {
            await session.ExecuteAsync($"ALTER DATABASE {DatabaseCreator.Quote(database)} ALLOW_CONNECTIONS true", cancellationToken).ConfigureAwait(false);
        }

        return databases;
    }

    // Committed, not rolled back, so that what they made is checked.
    private static async Task CommitPreparedAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        var transactions = new List<string>();
        await session.QueryAsync(LockedQuery, reader => transactions.Add(reader.GetString(0)), cancellationToken).ConfigureAwait(false);
        foreach (string transaction in transactions)
        {
            await session.ExecuteAsync($"COMMIT PREPARED {transaction}", cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ListFilesAsync(NpgsqlConnection session, uint database, CancellationToken cancellationToken)
    {
        if (Files is { } files)
        {
            var paths = new List<string>();
            await session.AvoidIndexesAsync(cancellationToken).ConfigureAwait(false);
            await session.QueryAsync(FilesQuery, reader => paths.Add(reader.GetString(0)), cancellationToken).ConfigureAwait(false);
            files.AddRelations(database, paths);
        }
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
        await session.ExecuteAsync($"CREATE SCHEMA {schema}", cancellationToken).ConfigureAwait(false);
        await session.ExecuteAsync($"CREATE EXTENSION amcheck SCHEMA {schema}", cancellationToken).ConfigureAwait(false);
        return schema;
    }
}

/// <summary>A database that amcheck can look into.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Schema">Where amcheck's functions are, quoted.</param>
internal sealed record PreparedDatabase(string Name, string Schema);
