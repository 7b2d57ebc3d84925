using Microsoft.Extensions.Logging;
using Npgsql;
using Pocketgres.Server;
using Pocketgres.Sql;

namespace Pocketgres.Directories;

/// <summary>A copied directory that is served for a moment, to this process alone: its log is replayed, and its databases are looked at and put right.</summary>
internal sealed class CopiedCluster : IAsyncDisposable
{
    private const string HostRules = "pocketgres.import-hba";

    // Nothing may happen in it but what is done here: no jobs of the source's, no writing to its archive, no connections to its publishers.
    private static readonly Dictionary<string, string> s_settings = new(StringComparer.Ordinal)
    {
        ["autovacuum"] = "off",
        ["archive_mode"] = "off",
        ["max_logical_replication_workers"] = "0",
        ["ssl"] = "off",
        ["default_transaction_read_only"] = "off",
        ["event_triggers"] = "off",
        ["statement_timeout"] = "0",
        ["idle_session_timeout"] = "0",
    };

    private static readonly TimeSpan s_stopPatience = TimeSpan.FromMinutes(5);

    private readonly PostgresServer _server;
    private readonly PrivateDirectory _sockets;
    private readonly string _user;
    private readonly string? _rules;

    private CopiedCluster(PostgresServer server, PrivateDirectory sockets, string user, string? rules) =>
        (_server, _sockets, _user, _rules) = (server, sockets, user, rules);

    /// <summary>Replays the log of a cluster that was not stopped in order, and stops: nothing in it is read.</summary>
    public static async Task RecoverAsync(string directory, string user, ILogger? logger, CancellationToken cancellationToken)
    {
        await using (await StartAsync(directory, user, logger, cancellationToken))
        {
        }
    }

    /// <summary>Starts it.</summary>
    /// <param name="directory">The copy; null for a cluster in memory.</param>
    /// <param name="user">A superuser.</param>
    /// <param name="logger">Gets the server's log; null for nobody.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    public static async Task<CopiedCluster> StartAsync(string? directory, string user, ILogger? logger, CancellationToken cancellationToken)
    {
        var sockets = PrivateDirectory.Create();
        string? rules = null;
        var settings = new Dictionary<string, string>(s_settings);
        try
        {
            if (directory is not null)
            {
                rules = Path.Combine(directory, HostRules);
                await File.WriteAllTextAsync(rules, "local all all trust\n", cancellationToken);
                settings["hba_file"] = rules;
            }

            var server = await PostgresServer.StartAsync(
                new ServerOptions
                {
                    Url = directory is null ? PostgresUrl.Memory : PostgresUrl.Parse("file:" + directory),
                    ListenAddress = null,
                    UnixSocketDirectory = sockets.Path,
                    User = user,
                    Settings = settings,
                    Logger = logger,
                    TrimMemory = false,
                },
                cancellationToken);
            return new CopiedCluster(server, sockets, user, rules);
        }
        catch
        {
            sockets.Dispose();
            throw;
        }
    }

    /// <summary>Connects.</summary>
    /// <param name="database">The database.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="asBytes">Whether texts are the bytes of the database's encoding, each a character.</param>
    public async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken cancellationToken, bool asBytes = false)
    {
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = _sockets.Path,
            Port = _server.Port,
            Username = _user,
            Database = database,
            Pooling = false,
            CommandTimeout = 0,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        if (asBytes)
        {
            (settings.Encoding, settings.ClientEncoding) = ("ISO-8859-1", "SQL_ASCII");
        }

        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Does something in every database, those that let nobody in too.</summary>
    public async Task InEachDatabaseAsync(Func<string, NpgsqlConnection, Task> action, CancellationToken cancellationToken, bool asBytes = false)
    {
        await using var main = await OpenAsync("template1", cancellationToken);
        foreach (object?[] row in await main.QueryAsync("SELECT datname::text, datallowconn, datconnlimit FROM pg_catalog.pg_database WHERE datconnlimit <> -2 ORDER BY datname", cancellationToken))
        {
            string name = (string)row[0]!;
            bool isClosed = row[1] is false;
            if (isClosed)
            {
                await main.ExecuteAsync("UPDATE pg_catalog.pg_database SET datallowconn = true WHERE datname = $1", cancellationToken, name);
            }

            await using (var connection = await OpenAsync(name, cancellationToken, asBytes))
            {
                await action(name, connection);
            }

            if (isClosed)
            {
                await main.ExecuteAsync("UPDATE pg_catalog.pg_database SET datallowconn = false WHERE datname = $1", cancellationToken, name);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(s_stopPatience);
        await _server.DisposeAsync();
        _sockets.Dispose();
        if (_rules is not null)
        {
            File.Delete(_rules);
        }
    }
}
