using Npgsql;
using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>A database on a server that somebody else runs. Copies are databases on the same server, made with it as their template.</summary>
internal sealed class ExternalBackend : InstanceBackend
{
    // PostgreSQL cuts names off at NAMEDATALEN - 1 bytes.
    private const int MaxNameBytes = 63;

    private readonly TaskCompletionSource<bool> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _isTemporary;
    private int _disposed;

    private ExternalBackend(NpgsqlConnectionStringBuilder connection, bool isTemporary)
    {
        Connection = connection;
        _isTemporary = isTemporary;
    }

    public override NpgsqlConnectionStringBuilder Connection { get; }

    public override string ConnectionUrl
    {
        get
        {
            string user = Uri.EscapeDataString(Connection.Username ?? ""), host = Connection.Host ?? "localhost";
            string password = string.IsNullOrEmpty(Connection.Password) ? "" : ":" + Uri.EscapeDataString(Connection.Password);
            string database = Uri.EscapeDataString(Connection.Database ?? "");
            return host.Contains('/', StringComparison.Ordinal)
                ? FormattableString.Invariant($"postgres://{user}{password}@/{database}?host={Uri.EscapeDataString(host)}&port={Connection.Port}")
                : FormattableString.Invariant($"postgres://{user}{password}@{host}:{Connection.Port}/{database}");
        }
    }

    public override int? Port => Connection.Port;

    public override Task<bool> Completion => _completion.Task;

    /// <summary>Checks that the server answers, and creates the database if one was named that is not there.</summary>
    public static async Task<ExternalBackend> ConnectAsync(
        NpgsqlConnectionStringBuilder address, PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnectionStringBuilder(address.ConnectionString);
        if (options.Database is { } database)
        {
            connection.Database = database;
        }

        var backend = new ExternalBackend(connection, isTemporary: false);
        try
        {
            await backend.RunAsync("SELECT 1", connection.Database, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidCatalogName && options.Database is not null)
        {
            await backend.RunAsync($"CREATE DATABASE {DatabaseCreator.Quote(options.Database)}", null, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw new PocketgresException(PocketgresError.ServerUnavailable,
                $"cannot connect to {connection.Host}:{connection.Port}, database \"{connection.Database ?? connection.Username}\": {Reason(e)}; check the URL and that the server runs", e);
        }

        return backend;
    }

    /// <summary>Creates a database with a name of its own, dropped when disposed.</summary>
    public static async Task<ExternalBackend> CreateTemporaryAsync(NpgsqlConnectionStringBuilder address, CancellationToken cancellationToken)
    {
        var backend = new ExternalBackend(
            new NpgsqlConnectionStringBuilder(address.ConnectionString) { Database = NewName(address.Database ?? "pocketgres") }, isTemporary: true);
        try
        {
            await backend.RunAsync($"CREATE DATABASE {DatabaseCreator.Quote(backend.Connection.Database!)}", null, cancellationToken).ConfigureAwait(false);
            return backend;
        }
        catch (NpgsqlException e)
        {
            throw new PocketgresException(PocketgresError.ServerUnavailable,
                $"cannot create a database on {address.Host}:{address.Port}: {Reason(e)}; check the URL, that the server runs, and that the user has CREATEDB", e);
        }
    }

    public override Task StopAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        _completion.TrySetResult(true);
        return Task.CompletedTask;
    }

    public override async Task<SnapshotBackend> SnapshotAsync(NpgsqlDataSource connections, CancellationToken cancellationToken)
    {
        // A template may have no sessions: close those that only wait in our pool.
        connections.Clear();
        return new ExternalSnapshot(this, await CopyAsync(cancellationToken).ConfigureAwait(false));
    }

    public override async ValueTask DisposeAsync()
    {
        _completion.TrySetResult(true);
        if (_isTemporary && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await DropAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>A copy of the database under a new name, dropped when disposed.</summary>
    public async Task<ExternalBackend> CopyAsync(CancellationToken cancellationToken)
    {
        string original = Connection.Database ?? Connection.Username ?? "";
        string name = NewName(original);
        var copy = new ExternalBackend(new NpgsqlConnectionStringBuilder(Connection.ConnectionString) { Database = name }, isTemporary: true);
        try
        {
            await RunAsync(
                $"CREATE DATABASE {DatabaseCreator.Quote(name)} TEMPLATE {DatabaseCreator.Quote(original)}", null, cancellationToken).ConfigureAwait(false);
            return copy;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            throw new PocketgresException(PocketgresError.CopyFailed,
                $"cannot copy database \"{original}\": {e.MessageText} ({e.Detail}); a server copies a database only while nobody else is connected: close those connections first", e);
        }
        catch (NpgsqlException e)
        {
            throw new PocketgresException(PocketgresError.CopyFailed,
                $"cannot copy database \"{original}\": {Reason(e)}; the user must be its owner or superuser, and have CREATEDB", e);
        }
        catch (OperationCanceledException)
        {
            // The server may have finished all the same.
            await copy.DropAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static string Reason(NpgsqlException e) => (e as PostgresException)?.MessageText ?? e.InnerException?.Message ?? e.Message;

    private static string NewName(string original)
    {
        string suffix = "_" + Guid.NewGuid().ToString("N")[..12];
        while (System.Text.Encoding.UTF8.GetByteCount(original) > MaxNameBytes - suffix.Length)
        {
            original = original[..^1];
        }

        return original + suffix;
    }

    private Task DropAsync(CancellationToken cancellationToken) =>
        RunAsync($"DROP DATABASE IF EXISTS {DatabaseCreator.Quote(Connection.Database!)} WITH (FORCE)", null, cancellationToken);

    /// <summary>Runs one statement on a connection of its own.</summary>
    /// <param name="sql">The statement.</param>
    /// <param name="database">The database; null for one that is neither copied nor dropped.</param>
    /// <param name="cancellationToken">Cancels.</param>
    private async Task RunAsync(string sql, string? database, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(Connection.ConnectionString) { Pooling = false, Multiplexing = false };
        settings.Database = database ?? (Connection.Database == ServerOptions.DefaultDatabase ? "template1" : ServerOptions.DefaultDatabase);
        settings.CommandTimeout = 0;
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
        var source = builder.Build();
        await using (source.ConfigureAwait(false))
        {
            var command = source.CreateCommand(sql);
            await using (command.ConfigureAwait(false))
            {
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
