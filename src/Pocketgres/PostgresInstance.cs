using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pocketgres.Backends;
using Pocketgres.Connections;
using Pocketgres.Diagnostics;
using Pocketgres.Server;

namespace Pocketgres;

/// <summary>
/// A PostgreSQL database as an object: in memory or in a directory, run by this process, or on a server elsewhere, with the same members.
/// Thread-safe; any number of instances may live in one process. Dispose it: an instance in this process is a whole server.
/// </summary>
/// <example>
/// <code>
/// await using var pg = await PostgresInstance.StartAsync("memory:");
/// await using var connection = await pg.DataSource.OpenConnectionAsync();
/// </code>
/// </example>
public sealed partial class PostgresInstance : IAsyncDisposable
{
    private readonly PostgresInstanceOptions _options;
    private readonly InstanceBackend _backend;
    private readonly ILogger _logger;
    private readonly NpgsqlDataSource _dataSource;
    private readonly TaskCompletionSource<PostgresInstanceState> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly SnapshotRegistry _snapshots = new();
    private PostgresInstanceState _state = PostgresInstanceState.Running;
    private Task? _stop;
    private Task? _disposal;

    private PostgresInstance(InstanceBackend backend, PostgresInstanceOptions options)
    {
        _backend = backend;
        _options = options;
        _logger = options.LoggerFactory?.CreateLogger<PostgresInstance>() ?? NullLogger<PostgresInstance>.Instance;
        ConnectionString = backend.Connection.ConnectionString;
        if (options.ConfigureConnection is { } configure)
        {
            var connection = new NpgsqlConnectionStringBuilder(ConnectionString);
            configure(connection);
            ConnectionString = connection.ConnectionString;
        }

        var builder = CreateDataSourceBuilder();
        if (options.LoggerFactory is not null)
        {
            builder.UseLoggerFactory(options.LoggerFactory);
        }

        if (options.ConfigureDataSource is null)
        {
            backend.Mappings?.LendTo(builder);
        }

        options.ConfigureDataSource?.Invoke(builder);
        _dataSource = builder.Build();
        _ = WatchAsync();
    }

    /// <summary>Raised at each change of <see cref="State"/>, on any thread and outside of locks. An exception of a handler is logged and dropped.</summary>
    public event EventHandler<PostgresInstanceStateEventArgs>? StateChanged;

    /// <summary>What the instance was started from, without a password.</summary>
    public string Url => ConnectionUri.WithoutPassword(_options.Url);

    /// <summary>The present state.</summary>
    public PostgresInstanceState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>
    /// Npgsql's connection string, for code that makes its own connections. Through a Unix socket for an instance of this process: no port is
    /// open unless <see cref="PostgresInstanceOptions.Port"/> asked for one.
    /// </summary>
    public string ConnectionString { get; }

    /// <summary>
    /// A <c>postgres://</c> URL for other programs on this machine: TCP when <see cref="PostgresInstanceOptions.Port"/> was given, else the Unix
    /// socket in libpq's form, which psql and most drivers take. Contains the password of a server elsewhere that has one.
    /// </summary>
    public string ConnectionUrl => _backend.ConnectionUrl;

    /// <summary>The TCP port, also when the system chose it; null when none is open.</summary>
    public int? Port => _backend.Port;

    /// <summary>Completes when the instance has ended, with <see cref="PostgresInstanceState.Stopped"/> or <see cref="PostgresInstanceState.Failed"/>.</summary>
    public Task<PostgresInstanceState> Completion => _ended.Task;

    /// <summary>Pooled connections to the database; disposed with the instance.</summary>
    /// <exception cref="InvalidOperationException">The instance has stopped.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public NpgsqlDataSource DataSource
    {
        get
        {
            ThrowUnlessRunning();
            return _dataSource;
        }
    }

    /// <summary>
    /// For further pools, for example of another database of the instance: a builder with <see cref="ConnectionString"/>, whose connections go through memory
    /// as those of <see cref="DataSource"/> do. Connections made from the connection string alone go through a socket, which is slower.
    /// </summary>
    /// <example>
    /// <code>
    /// var builder = pg.CreateDataSourceBuilder();
    /// builder.ConnectionStringBuilder.Database = "other";
    /// await using var other = builder.Build();
    /// </code>
    /// </example>
    public NpgsqlDataSourceBuilder CreateDataSourceBuilder()
    {
        var builder = new NpgsqlDataSourceBuilder(ConnectionString);
        _backend.Transport?.AddTo(builder);
        return builder;
    }

    /// <summary>Starts an instance and waits until it accepts connections.</summary>
    /// <param name="url">See <see cref="PostgresInstanceOptions.Url"/>: <c>memory:</c>, <c>file:DIRECTORY</c>, <c>s3://BUCKET/PREFIX</c>, <c>postgres://...</c> or an Npgsql connection string.</param>
    /// <param name="cancellationToken">Cancels the start; nothing is left running.</param>
    /// <exception cref="PocketgresException">It cannot start; the message is one line that says what to do.</exception>
    public static Task<PostgresInstance> StartAsync(string url, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(url);
        return StartAsync(new PostgresInstanceOptions { Url = url }, cancellationToken);
    }

    /// <summary>Starts an instance and waits until it accepts connections.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Cancels the start; nothing is left running.</param>
    /// <exception cref="PocketgresException">It cannot start; the message is one line that says what to do.</exception>
    public static async Task<PostgresInstance> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return await StartAsync(options, isTemporary: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Starts an instance with an empty database of its own that is removed when the instance is disposed: for tests. With <c>memory:</c> no different
    /// from <see cref="StartAsync(PostgresInstanceOptions, CancellationToken)"/>; with <c>file:DIRECTORY</c>, a new directory beside that one; with
    /// <c>s3:</c> and <c>az:</c>, a new prefix beside that one; with <c>postgres:</c>, a new database on that server, for which the user needs CREATEDB. <see cref="PostgresInstanceOptions.Database"/> is of no
    /// effect with the latter.
    /// </summary>
    /// <exception cref="PocketgresException">It cannot start; the message is one line that says what to do.</exception>
    public static async Task<PostgresInstance> StartTemporaryAsync(PostgresInstanceOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return await StartAsync(options, isTemporary: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Stops the server: sessions are ended, changes are made durable. A server elsewhere is left alone. Stopping again waits for the same stop.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait, not the stop.</param>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        Task stop;
        lock (_lock)
        {
            stop = _stop ??= Task.Run(StopOnceAsync, CancellationToken.None);
        }

        return stop.WaitAsync(cancellationToken);
    }

    /// <summary>Stops the server and frees everything; what was in <c>memory:</c> is gone. Snapshots and clones live on.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposal ??= Task.Run(DisposeOnceAsync);
            return new ValueTask(_disposal);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Url} ({State})";

    private static async Task<PostgresInstance> StartAsync(PostgresInstanceOptions options, bool isTemporary, CancellationToken cancellationToken)
    {
        options = options.Copy();
        OptionsCheck.Run(options);
        var address = DatabaseAddress.Parse(options.Url);

        // On the thread pool: setting up files is synchronous work of some milliseconds, of more for a new directory.
        var backend = await PocketgresTelemetry.TraceAsync("pocketgres.start", ConnectionUri.WithoutPassword(options.Url), () => Translated<InstanceBackend>(
            async () =>
            {
                if (address.IsExternal)
                {
                    return isTemporary
                        ? await ExternalBackend.CreateTemporaryAsync(address.External, cancellationToken).ConfigureAwait(false)
                        : await ExternalBackend.ConnectAsync(address.External, options, cancellationToken).ConfigureAwait(false);
                }

                if (!OperatingSystem.IsLinux())
                {
                    throw new PocketgresException(PocketgresError.NotSupported,
                        $"{options.Url} needs Linux, on which this version's engine stands: on this system use the postgres:// URL of a server, or run in WSL or a container");
                }

                PrivateDirectory.RemoveLeftovers();
                return await EmbeddedBackend.StartAsync(
                    await ClusterStorage.OpenAsync(address.Embedded, isTemporary, cancellationToken).ConfigureAwait(false), options, fromMemory: false, databaseExists: false, sockets: null, cancellationToken).ConfigureAwait(false);
            },
            cancellationToken)).ConfigureAwait(false);
        var instance = await CreateAsync(backend, options).ConfigureAwait(false);
        if (options.PreviousUrl is not null && !isTemporary)
        {
            await instance.WarnIfLeftBehindAsync(options.PreviousUrl, cancellationToken).ConfigureAwait(false);
        }

        return instance;
    }

    private static async Task<PostgresInstance> CreateAsync(InstanceBackend backend, PostgresInstanceOptions options)
    {
        PostgresInstance instance;
        try
        {
            instance = new PostgresInstance(backend, options);
        }
        catch
        {
            // A callback of the options failed.
            await backend.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (backend is EmbeddedBackend embedded)
        {
            InstanceMeter.Add(instance.Url, embedded.Server, instance.Completion);
        }

        LogStarted(instance._logger, instance.Url, instance.ConnectionUrlForLog);
        instance.Announce(PostgresInstanceState.Running);
        return instance;
    }

    /// <summary>For tests.</summary>
    internal InstanceBackend Backend => _backend;

    private string ConnectionUrlForLog => ConnectionUri.WithoutPassword(ConnectionUrl);

    private async Task StopOnceAsync()
    {
        if (TryMove(PostgresInstanceState.Stopping))
        {
            await StopLiveAsync().ConfigureAwait(false);
            await PocketgresTelemetry.TraceAsync("pocketgres.stop", Url, async () =>
            {
                await _backend.StopAsync(_options.StopTimeout, CancellationToken.None).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
            _dataSource.Clear();
            if (TryMove(PostgresInstanceState.Stopped))
            {
                LogStopped(_logger, Url);
                _ended.TrySetResult(PostgresInstanceState.Stopped);
            }
        }
    }

    private async Task DisposeOnceAsync()
    {
        // Clients first: the server would end their sessions with an error.
        await StopLiveAsync().ConfigureAwait(false);
        await _dataSource.DisposeAsync().ConfigureAwait(false);
        _snapshots.Clear();
        Task? stop;
        lock (_lock)
        {
            stop = _stop;
        }

        if (stop is not null)
        {
            await stop.ConfigureAwait(false);
        }

        TryMove(PostgresInstanceState.Stopping);
        await _backend.DisposeAsync().ConfigureAwait(false);
        if (TryMove(PostgresInstanceState.Stopped))
        {
            LogStopped(_logger, Url);
        }

        _ended.TrySetResult(State);
    }

    private async Task WatchAsync()
    {
        bool endedWell = await _backend.Completion.ConfigureAwait(false);
        bool failed;
        lock (_lock)
        {
            failed = _stop is null && _disposal is null;
        }

        if (failed && TryMove(PostgresInstanceState.Failed))
        {
            LogFailed(_logger, Url, endedWell ? "it was told to stop" : "its log says why");
            await StopLiveAsync().ConfigureAwait(false);
            _dataSource.Clear();
            _ended.TrySetResult(PostgresInstanceState.Failed);
        }
    }

    private bool TryMove(PostgresInstanceState state)
    {
        lock (_lock)
        {
            if (_state >= state || _state == PostgresInstanceState.Stopped)
            {
                return false;
            }

            _state = state;
        }

        Announce(state);
        return true;
    }

    private void Announce(PostgresInstanceState state)
    {
        try
        {
            _options.OnStateChanged?.Invoke(this, state);
            StateChanged?.Invoke(this, new PostgresInstanceStateEventArgs(state));
        }
#pragma warning disable CA1031 // A handler's failure must not keep a server from stopping.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogHandlerFailed(_logger, state, e);
        }
    }

    private void ThrowUnlessRunning()
    {
        lock (_lock)
        {
            ThrowIfDisposed();
            if (_state != PostgresInstanceState.Running)
            {
                throw new InvalidOperationException(_state == PostgresInstanceState.Failed
                    ? $"the instance {Url} has ended by itself; the log (PostgresInstanceOptions.LoggerFactory) says why. Start it again with PostgresInstance.StartAsync"
                    : $"the instance {Url} has been stopped: use it before StopAsync, or start another with PostgresInstance.StartAsync");
            }
        }
    }

    private void ThrowIfDisposed()
    {
        lock (_lock)
        {
            if (_disposal is not null)
            {
                throw new ObjectDisposedException(nameof(PostgresInstance),
                    $"the instance {Url} has been disposed: keep it as long as you use it (\"await using\" ends at the end of its block), or clone it before");
            }
        }
    }

    [LoggerMessage(1, LogLevel.Information, "PostgreSQL {Url} is ready: {ConnectionUrl}")]
    private static partial void LogStarted(ILogger logger, string url, string connectionUrl);

    [LoggerMessage(2, LogLevel.Information, "PostgreSQL {Url} has stopped")]
    private static partial void LogStopped(ILogger logger, string url);

    [LoggerMessage(3, LogLevel.Critical, "PostgreSQL {Url} has ended by itself: {Reason}")]
    private static partial void LogFailed(ILogger logger, string url, string reason);

    [LoggerMessage(5, LogLevel.Information, "A copy of {Url} has files only and starts with crash recovery: {Limitation}")]
    private static partial void LogLimitation(ILogger logger, string url, string limitation);

    [LoggerMessage(4, LogLevel.Error, "A handler of the state {State} failed")]
    private static partial void LogHandlerFailed(ILogger logger, PostgresInstanceState state, Exception exception);
}
