using Microsoft.Extensions.Logging;
using Npgsql;

namespace Pocketgres;

/// <summary>How to run an instance. Copied when it starts: later changes have no effect.</summary>
public sealed record PostgresInstanceOptions
{
    /// <summary>
    /// Where the database is: <c>memory:</c>, <c>file:DIRECTORY</c> (made if missing), <c>s3://BUCKET/PREFIX</c> or <c>az://CONTAINER/PREFIX</c> (likewise),
    /// <c>postgres://user:password@host/database</c>, or an Npgsql connection string. The last two name a server that runs already: nothing is started, and stopping only closes connections.
    /// </summary>
    public string Url { get; set; } = "memory:";

    /// <summary>
    /// Where the application's data was before <see cref="Url"/> was changed, <c>file:DIRECTORY</c>: when that directory has a cluster, and the database of <see cref="Url"/> has no table, a
    /// warning in the log says so, instead of the application looking as if all were lost. Null: nothing is looked at.
    /// </summary>
    public string? PreviousUrl { get; set; }

    /// <summary>
    /// The database of <see cref="PostgresInstance.ConnectionString"/>, created if missing. Null: the one named by a <c>postgres:</c> URL, else <c>postgres</c>.
    /// </summary>
    public string? Database { get; set; }

    /// <summary>
    /// TCP port for other programs; 0 lets the system choose one. Null, the default, opens none: this process connects through a Unix socket in
    /// a directory that only its user can enter. Of no effect with <c>postgres:</c>.
    /// </summary>
    public int? Port { get; set; }

    /// <summary>Address for <see cref="Port"/>. Loopback by default: a new cluster lets local clients in without a password and nobody else.</summary>
    public string ListenAddress { get; set; } = "127.0.0.1";

    /// <summary>
    /// Server settings, as <c>postgres -c name=value</c>: they override postgresql.conf. Of no effect with <c>postgres:</c>, whose server has its own.
    /// </summary>
    public IDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// How long a stop waits for a clean shutdown before it becomes an immediate one, after which the next start of a <c>file:</c> directory replays
    /// the log. 30 seconds by default.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Receives the server's log (category <c>Pocketgres.Server</c>), this library's own and Npgsql's. Null drops them.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Changes the connection string before use: pool size, timeouts, and so on. Leave host, port and database as they are.</summary>
    public Action<NpgsqlConnectionStringBuilder>? ConfigureConnection { get; set; }

    /// <summary>Configures <see cref="PostgresInstance.DataSource"/>: type mappings, plugins.</summary>
    public Action<NpgsqlDataSourceBuilder>? ConfigureDataSource { get; set; }

    /// <summary>
    /// Whether Npgsql's connections to a server in this process go through memory once they are open (the default), which makes a round trip some times
    /// as fast, or stay on their Unix sockets. Of no effect on servers elsewhere, on multiplexing connections, and with an Npgsql that cannot do it.
    /// A <see cref="ConfigureDataSource"/> that calls <c>UsePhysicalConnectionInitializer</c> takes its place.
    /// </summary>
    public bool UseMemoryTransport { get; set; } = true;

    /// <summary>Called at each change of state, as <see cref="PostgresInstance.StateChanged"/>, but from the start on.</summary>
    public Action<PostgresInstance, PostgresInstanceState>? OnStateChanged { get; set; }

    internal PostgresInstanceOptions Copy() => this with { Settings = new Dictionary<string, string>(Settings, StringComparer.OrdinalIgnoreCase) };
}
