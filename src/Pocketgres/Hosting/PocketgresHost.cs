using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Pocketgres.Hosting;

/// <summary>
/// An application's instance: started once, by the host or by whoever asks first, disposed with the application's services. An instance that ends
/// by itself ends the application, as an exception in a background service does: its supervisor starts both again.
/// </summary>
public sealed partial class PocketgresHost : IAsyncDisposable, IDisposable
{
    private readonly IOptions<PostgresInstanceOptions> _options;
    private readonly IHostApplicationLifetime? _lifetime;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _abandoned = new();
    private readonly Lock _lock = new();
    private Task<PostgresInstance>? _start;
    private bool _disposed;

    internal PocketgresHost(IOptions<PostgresInstanceOptions> options, IHostApplicationLifetime? lifetime, ILogger<PocketgresHost>? logger)
    {
        _options = options;
        _lifetime = lifetime;
        _logger = logger ?? NullLogger<PocketgresHost>.Instance;
    }

    /// <summary>The instance; starts it, and blocks meanwhile, when nobody has yet.</summary>
    /// <exception cref="PocketgresException">It cannot start.</exception>
    public PostgresInstance Instance => GetInstanceAsync().GetAwaiter().GetResult();

    /// <summary>The instance, or null when it has not started.</summary>
    internal PostgresInstance? Started
    {
        get
        {
            lock (_lock)
            {
                return _start is { IsCompletedSuccessfully: true } ? _start.Result : null;
            }
        }
    }

    /// <summary>The instance, started when it has not been yet. A failed start is tried again by the next who asks.</summary>
    /// <param name="cancellationToken">Ends the wait; the start goes on for others.</param>
    /// <exception cref="PocketgresException">It cannot start.</exception>
    public Task<PostgresInstance> GetInstanceAsync(CancellationToken cancellationToken = default)
    {
        Task<PostgresInstance> start;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_start is null or { IsFaulted: true } or { IsCanceled: true })
            {
                // Not in the caller's synchronisation context, in which he may be blocking.
                _start = Task.Run(StartAsync);
            }

            start = _start;
        }

        return start.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task<PostgresInstance>? start;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            start = _start;
        }

        await _abandoned.CancelAsync().ConfigureAwait(false);
        if (start is not null)
        {
            PostgresInstance? instance = null;
            try
            {
                instance = await start.ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Whoever started it was told.
            catch (Exception)
#pragma warning restore CA1031
            {
            }

            if (instance is not null)
            {
                await instance.DisposeAsync().ConfigureAwait(false);
            }
        }

        _abandoned.Dispose();
    }

    /// <summary>As <see cref="DisposeAsync"/>, blocking: containers that are disposed without await ask for it.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<PostgresInstance> StartAsync()
    {
        var instance = await PostgresInstance.StartAsync(_options.Value, _abandoned.Token).ConfigureAwait(false);
        _ = WatchAsync(instance);
        return instance;
    }

    private async Task WatchAsync(PostgresInstance instance)
    {
        if (await instance.Completion.ConfigureAwait(false) == PostgresInstanceState.Failed && _lifetime is not null)
        {
            LogStoppingApplication(_logger);
            _lifetime.StopApplication();
        }
    }

    [LoggerMessage(1, LogLevel.Critical, "The application is stopped, because its database has ended by itself")]
    private static partial void LogStoppingApplication(ILogger logger);
}
