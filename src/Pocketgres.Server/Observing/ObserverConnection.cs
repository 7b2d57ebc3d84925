using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Observing;

/// <summary>
/// Connections as the superuser, for looks at the server. Each is opened for one look and closed: a session that stays would be in the way of DROP DATABASE.
/// </summary>
internal sealed class ObserverConnection : IAsyncDisposable
{
    private const int PatienceSeconds = 5;

    // Npgsql gives a connection up that the server should have ended the statement of.
    private const int Grace = 5;

    // What is read takes short locks of tables; a VACUUM FULL that has one is not waited for.
    private const string Options = "-c lock_timeout=1s -c idle_in_transaction_session_timeout=60s -c search_path=pg_catalog";

    private readonly NpgsqlDataSource _source;

    private ObserverConnection(NpgsqlDataSource source) => (_source, Session) = (source, source.CreateConnection());

    /// <summary>The session.</summary>
    public NpgsqlConnection Session { get; }

    /// <summary>Ends the session. Npgsql counts every source until it is disposed.</summary>
    public async ValueTask DisposeAsync()
    {
        await Session.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Opens one.</summary>
    /// <param name="server">The server.</param>
    /// <param name="applicationName">What pg_stat_activity shows.</param>
    /// <param name="database">The database.</param>
    /// <param name="options">Settings for this session, over the usual ones: <c>-c name=value</c>.</param>
    /// <param name="seconds">How long a statement may take (<c>statement_timeout</c>).</param>
    /// <exception cref="NpgsqlException">The server did not let us in: a <see cref="PostgresException"/> has its reason.</exception>
    public static async Task<ObserverConnection> OpenAsync(PostgresServer server, string applicationName, string database, string options = "", int seconds = PatienceSeconds)
    {
        var settings = server.ConnectionSettings(database);
        settings.ApplicationName = applicationName;
        settings.Options = string.Create(CultureInfo.InvariantCulture, $"{Options} -c statement_timeout={seconds}s {options}");
        settings.Pooling = false;
        settings.Timeout = PatienceSeconds;
        settings.CommandTimeout = seconds + Grace;
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false)); // values are read as text
        var connection = new ObserverConnection(builder.Build());
        try
        {
            await connection.Session.OpenAsync().ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
