using System.Net;
using Npgsql;

namespace Pocketgres.Server;

/// <summary>Makes sure that a database exists, as any client would. The only user of Npgsql here, so that other starts never load it.</summary>
internal static class DatabaseCreator
{
    /// <summary>Creates the database unless it is there already; safe against another client that does the same.</summary>
    /// <exception cref="ServerException">The server refused.</exception>
    public static async Task EnsureExistsAsync(
        IPAddress? listen, string? unixSocketDirectory, int port, ServerOptions options, CancellationToken cancellationToken)
    {
        var settings = Connection(listen, unixSocketDirectory, port, options.User, options.Password, ServerOptions.DefaultDatabase);
        settings.Pooling = false;
        settings.CommandTimeout = 0;
        await EnsureExistsAsync(settings, options.Database, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How this process connects to a server it runs.</summary>
    public static NpgsqlConnectionStringBuilder Connection(IPAddress? listen, string? unixSocketDirectory, int port, string user, string? password, string database)
    {
        // The Unix socket first: a pg_hba.conf that asks for passwords over TCP often trusts local users. With a password TCP, where no rule asks for a peer.
        bool overTcp = unixSocketDirectory is null || (password is not null && listen is not null);
        return new NpgsqlConnectionStringBuilder
        {
            Host = overTcp ? ConnectionAddress.ConnectTo(listen!).ToString() : unixSocketDirectory,
            Port = port,
            Username = user,
            Password = password,
            Database = database,
            ApplicationName = "pocketgres",
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
    }

    /// <summary>The same for any server.</summary>
    /// <param name="settings">How to connect to a database that is there.</param>
    /// <param name="database">The database to create.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServerException">The server refused.</exception>
    public static async Task EnsureExistsAsync(NpgsqlConnectionStringBuilder settings, string database, CancellationToken cancellationToken)
    {
        try
        {
            var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);

            // Two statements need no catalogue of types.
            builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
            var source = builder.Build();
            await using (source.ConfigureAwait(false))
            {
                await EnsureExistsAsync(source, database, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (NpgsqlException e)
        {
            string reason = (e as PostgresException)?.MessageText ?? e.InnerException?.Message ?? e.Message;
            throw new ServerException(
                $"cannot create database \"{database}\": {reason}; create it with a client, and leave --database away", e);
        }
    }

    /// <summary>Quotes an identifier for SQL.</summary>
    internal static string Quote(string identifier) => "\"" + identifier.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    private static async Task EnsureExistsAsync(NpgsqlDataSource source, string database, CancellationToken cancellationToken)
    {
        var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var exists = new NpgsqlCommand("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", connection);
            await using (exists.ConfigureAwait(false))
            {
                exists.Parameters.Add(new NpgsqlParameter<string> { TypedValue = database, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Name });
                if (await exists.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not null)
                {
                    return;
                }
            }

            // CREATE DATABASE takes no parameter; the name is quoted as an identifier.
#pragma warning disable CA2100
            var create = new NpgsqlCommand("CREATE DATABASE " + Quote(database), connection);
#pragma warning restore CA2100
            await using (create.ConfigureAwait(false))
            {
                try
                {
                    await create.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
                {
                    // Another client was faster: 42P04, or 23505 when both passed the check for duplicates.
                }
            }
        }
    }
}
