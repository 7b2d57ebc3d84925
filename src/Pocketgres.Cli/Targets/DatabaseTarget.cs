using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pocketgres.Cli.Serve;
using Pocketgres.Engine.Data;
using Pocketgres.Server;
using Pocketgres.Transfer;

namespace Pocketgres.Cli.Targets;

/// <summary>A database that a command works on: of a server that was started for it and stops with it, or of one that runs elsewhere.</summary>
internal sealed class DatabaseTarget : IAsyncDisposable
{
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromSeconds(30);

    private readonly PostgresServer? _server;
    private readonly PrivateDirectory? _sockets;
    private readonly StandardErrorLogger? _log;

    private DatabaseTarget(string url, NpgsqlConnectionStringBuilder connection, PostgresServer? server, PrivateDirectory? sockets, StandardErrorLogger? log)
    {
        Url = url;
        Connection = connection;
        _server = server;
        _sockets = sockets;
        _log = log;
    }

    /// <summary>A URL for other programs.</summary>
    public string Url { get; }

    /// <summary>How Npgsql connects.</summary>
    public NpgsqlConnectionStringBuilder Connection { get; }

    /// <summary>The same for a connection that is not of a pool.</summary>
    public string DedicatedConnectionString => new NpgsqlConnectionStringBuilder(Connection.ConnectionString) { Pooling = false }.ConnectionString;

    /// <summary>What libpq's programs take for a database's name: the URL, or for a server in this process keywords and values.</summary>
    public string ConnectionInfo => IsEmbedded
        ? $"host={Quote(Connection.Host)} port={Connection.Port.ToString(CultureInfo.InvariantCulture)} user={Quote(Connection.Username)} dbname={Quote(Connection.Database)} sslmode=disable gssencmode=disable"
        : Url;

    /// <summary>The same for dumps and their restoring.</summary>
    public TransferTarget ForPrograms => new(DedicatedConnectionString, ConnectionInfo, IsEmbedded ? Environment : null);

    /// <summary>Whether the server runs in this process.</summary>
    public bool IsEmbedded => _server is not null;

    /// <summary>Completes when a server that was started here ends; never for one elsewhere.</summary>
    public Task Ended => _server?.Completion ?? Task.Delay(Timeout.Infinite);

    /// <summary>The variables that libpq, its like and most applications look at; null removes one that would contradict the others.</summary>
    public IReadOnlyDictionary<string, string?> Environment => new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["DATABASE_URL"] = Url,
        ["PGHOST"] = Connection.Host,
        ["PGPORT"] = Connection.Port.ToString(CultureInfo.InvariantCulture),
        ["PGUSER"] = Connection.Username,
        ["PGDATABASE"] = Connection.Database,
        ["PGPASSWORD"] = Connection.Password,
        ["PGSSLMODE"] = IsEmbedded ? "disable" : System.Environment.GetEnvironmentVariable("PGSSLMODE"),
        ["PGHOSTADDR"] = null,
        ["PGSERVICE"] = null,
    };

    /// <summary>Starts or reaches the server and creates the database if it is missing.</summary>
    /// <exception cref="UsageException">The request makes no sense.</exception>
    public static Task<DatabaseTarget> OpenAsync(TargetRequest request, CancellationToken cancellationToken) => ConnectionUri.Matches(request.Url)
        ? ConnectAsync(request, cancellationToken)
        : StartAsync(request, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.StopAsync(s_stopPatience);
            await _server.DisposeAsync();
        }

        _sockets?.Dispose();
        _log?.Dispose();
    }

    private static async Task<DatabaseTarget> ConnectAsync(TargetRequest request, CancellationToken cancellationToken)
    {
        NpgsqlConnectionStringBuilder connection;
        try
        {
            connection = ConnectionUri.Parse(request.Url);
        }
        catch (FormatException e)
        {
            throw new UsageException(e.Message);
        }

        connection.Username ??= System.Environment.GetEnvironmentVariable("PGUSER") ?? System.Environment.UserName;
        connection.Database ??= connection.Username;
        string url = request.Url;
        if (request.Database is { } database)
        {
            string template = connection.Database;
            connection.Database = database;
            if (!request.MustExist)
            {
                await DatabaseCreator.EnsureExistsAsync(
                    new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Database = template }, database, cancellationToken);
            }

            url = WithDatabase(url, database);
        }

        return new DatabaseTarget(url, connection, null, null, null);
    }

    private static async Task<DatabaseTarget> StartAsync(TargetRequest request, CancellationToken cancellationToken)
    {
        var settings = new ServeArguments
        {
            Url = request.Url,
            Port = request.Port ?? "5432",
            NoTcp = request.Port is null,
            SocketDirectory = "/", // replaced below by one of our own
            Database = request.MustExist ? null : request.Database,
            Settings = request.Settings,
            Log = request.LogLevel ?? "quiet",
        }.ToSettings(_ => null); // the variables of containers are for serve
        if (request.MustExist && settings.Server.Url.IsBucket)
        {
            throw new UsageException($"{request.Url} would be made if it is not there: pocketgres serve {request.Url}, and give the postgres:// URL");
        }

        if (request.MustExist && (settings.Server.Url.DataDirectory is not { } directory || !File.Exists(Path.Combine(directory, "PG_VERSION"))))
        {
            throw new UsageException($"{request.Url} has no database: give the URL of one that has");
        }

        if (settings.LogLevel == LogLevel.None && !request.MustExist && settings.Server.Url.DataDirectory is { } served)
        {
            // Otherwise the server's log says so.
            foreach (string note in CopyNote.Read(served))
            {
                StandardStreams.WriteError($"pocketgres: {note}\n");
            }
        }

        PrivateDirectory.RemoveLeftovers();
        var sockets = PrivateDirectory.Create();
        var log = new StandardErrorLogger(request.LogLevel is null ? LogLevel.Critical : settings.LogLevel, StandardStreams.WriteError);
        try
        {
            var server = await PostgresServer.StartAsync(
                settings.Server with { UnixSocketDirectory = sockets.Path, Logger = log, TrimMemory = false }, cancellationToken);
            var connection = new NpgsqlConnectionStringBuilder
            {
                Host = settings.Server.ListenAddress is null ? sockets.Path : "127.0.0.1",
                Port = server.Port,
                Username = ConnectionAddress.User,
                Database = request.MustExist && request.Database is { } existing ? existing : server.Database,
                SslMode = SslMode.Disable,
                GssEncryptionMode = GssEncryptionMode.Disable,
            };
            return new DatabaseTarget(server.ConnectionUrl, connection, server, sockets, log);
        }
        catch
        {
            log.Dispose();
            sockets.Dispose();
            throw;
        }
    }

    private static string Quote(string? value) => $"'{(value ?? "").Replace("\\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal)}'";

    // The path is what stands between the authority and the query.
    private static string WithDatabase(string url, string database)
    {
        int authority = url.IndexOf("//", StringComparison.Ordinal) + 2;
        int query = url.IndexOf('?', authority) is >= 0 and int at ? at : url.Length;
        int slash = url.IndexOf('/', authority) is >= 0 and int found && found < query ? found : query;
        return $"{url[..slash]}/{Uri.EscapeDataString(database)}{url[query..]}";
    }
}
