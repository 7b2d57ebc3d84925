using Npgsql;
using Pocketgres.Connections;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>A cluster that runs in this process, reached through a Unix socket in a private directory.</summary>
internal sealed class EmbeddedBackend : InstanceBackend
{
    private readonly PostgresServer _server;
    private readonly SocketPlace _socket;
    private readonly ClusterStorage _storage;
    private readonly PostgresInstanceOptions _options;
    private TypeCatalog? _types;

    private EmbeddedBackend(PostgresServer server, SocketPlace socket, ClusterStorage storage, PostgresInstanceOptions options)
    {
        _server = server;
        _socket = socket;
        _storage = storage;
        _options = options;
        Completion = CompleteAsync();
        Connection = new NpgsqlConnectionStringBuilder
        {
            Host = socket.Directory,
            Port = server.Port,
            Username = ConnectionAddress.User,
            Database = server.Database,

            // Nothing to negotiate on a Unix socket: two round trips less for each connection.
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        Port = options.Port is null ? null : server.Port;
        Transport = options.UseMemoryTransport ? new MemoryTransport(Connection, server.Cluster.ConnectInMemory) : null;
    }

    public override NpgsqlConnectionStringBuilder Connection { get; }

    public override SharedMappings? Mappings => _types?.Mappings;

    public override MemoryTransport? Transport { get; }

    /// <summary>The server, for its statistics and for tests of crashes.</summary>
    internal PostgresServer Server => _server;

    public override string ConnectionUrl => _server.ConnectionUrl;

    public override int? Port { get; }

    public override Task<bool> Completion { get; }

    public override string? DataDirectory => _storage.Url.DataDirectory;

    /// <summary>Starts a cluster.</summary>
    /// <param name="storage">Where; owned by the result, and disposed when the start fails.</param>
    /// <param name="options">How.</param>
    /// <param name="fromMemory">Whether it goes on from the memory in the storage's origin, settings included.</param>
    /// <param name="databaseExists">Whether the database is known to be there.</param>
    /// <param name="sockets">Where clones of the storage's origin have their sockets; null for none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<EmbeddedBackend> StartAsync(
        ClusterStorage storage, PostgresInstanceOptions options, bool fromMemory, bool databaseExists, CloneSockets? sockets,
        CancellationToken cancellationToken)
    {
        SocketPlace? socket = null;
        try
        {
            // A TCP port gives the socket its number, and a server that starts from files makes more files beside it.
            socket = fromMemory && options.Port is null && sockets is not null ? sockets.Take() : SocketPlace.Alone();
            var server = await PostgresServer.StartAsync(
                new ServerOptions
                {
                    Url = storage.Url,
                    Origin = (storage as MemoryStorage)?.Origin,
                    ListenAddress = options.Port is null ? null : ReadAddress(options.ListenAddress),
                    Port = options.Port ?? socket.Number,
                    UnixSocketDirectory = socket.Directory,
                    Database = options.Database ?? ServerOptions.DefaultDatabase,
                    DatabaseExists = databaseExists,
                    Settings = fromMemory ? new Dictionary<string, string>() : options.Settings.AsReadOnly(),
                    Logger = options.LoggerFactory?.CreateLogger("Pocketgres.Server"),
                },
                cancellationToken).ConfigureAwait(false);
            return new EmbeddedBackend(server, socket, storage, options);
        }
        catch
        {
            socket?.Dispose();
            await storage.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Spares Npgsql finding out what is known. Before the first connection.</summary>
    public void Use(TypeCatalog types)
    {
        _types = types;
        types.Offer(Connection);
    }

    public override async Task StopAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        _server.Cluster.KeepFiles = true;
        await _server.StopAsync(patience).WaitAsync(cancellationToken).ConfigureAwait(false);
        _socket.Dispose();
    }

    public override async Task<SnapshotBackend> SnapshotAsync(NpgsqlDataSource connections, CancellationToken cancellationToken)
    {
        await PrepareCopyAsync(cancellationToken).ConfigureAwait(false);
        return await _storage.SnapshotAsync(_server, _options, cancellationToken).ConfigureAwait(false);
    }

    public override async Task<InstanceBackend?> TryCloneAsync(NpgsqlDataSource connections, PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        if (_storage is not BucketStorage bucket)
        {
            return null;
        }

        await PrepareCopyAsync(cancellationToken).ConfigureAwait(false);
        bool stays = options.Url != _options.Url;
        var clone = await bucket.CloneAsync(_server, stays ? options.Url : null, cancellationToken).ConfigureAwait(false);
        return await clone.StartAsync(options, stays, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        // What is in memory needs no clean end, nor what is about to be removed from a bucket.
        if (_storage is DirectoryStorage)
        {
            await _server.StopAsync(_options.StopTimeout).ConfigureAwait(false);
        }
        else if (_storage is BucketStorage { IsTemporary: true })
        {
            await _server.DiscardAsync().ConfigureAwait(false);
        }

        TypeCatalog.Withdraw(Connection);
        await _server.DisposeAsync().ConfigureAwait(false);
        _server.Cluster.FilesAtEnd?.Dispose();
        _socket.Dispose();
        await _storage.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Makes the recovery of a copy of a directory short, and brings log that no commit has waited for to the files of one in a bucket. Whoever has locked superusers
    /// out gets a longer recovery, or a copy without the commits of the last moment that did not wait.
    /// </summary>
    private async Task PrepareCopyAsync(CancellationToken cancellationToken)
    {
        string? statement = _storage switch
        {
            DirectoryStorage => "CHECKPOINT",
            BucketStorage => "SELECT pg_catalog.pg_logical_emit_message(false, 'pocketgres', '', true)", // with all before it: flush
            _ => null,
        };
        if (statement is null || Completion.IsCompleted)
        {
            return;
        }

        var settings = new NpgsqlConnectionStringBuilder(Connection.ConnectionString) { Pooling = false, Database = ServerOptions.DefaultDatabase };
        try
        {
            var connection = new NpgsqlConnection(settings.ConnectionString);
            await using (connection.ConfigureAwait(false))
            {
                await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                var command = new NpgsqlCommand(statement, connection);
                await using (command.ConfigureAwait(false))
                {
                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (NpgsqlException)
        {
        }
    }

    private async Task<bool> CompleteAsync() => await _server.Completion.ConfigureAwait(false) == 0;

    private static System.Net.IPAddress ReadAddress(string text) => System.Net.IPAddress.TryParse(text, out var address)
        ? address
        : throw new PocketgresException(PocketgresError.InvalidOption, $"ListenAddress \"{text}\" is no IP address: write 127.0.0.1, ::1, 0.0.0.0 or the like");
}
