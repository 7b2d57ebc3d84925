using Microsoft.Extensions.Logging;
using Pocketgres.Engine;

namespace Pocketgres.Server.Sleeping;

/// <summary>
/// A served cluster whose home is a bucket, which sleeps when nobody has used it for the time that its URL gives (<c>idle=60s</c>) and is woken by the next
/// connection. The process keeps its listening sockets meanwhile and asks nothing of the store. Thread-safe.
/// </summary>
public sealed class SleepingServer : IAsyncDisposable
{
    private readonly SleepingCluster _cluster;
    private readonly Front _front;
    private readonly ServerOptions _options;
    private readonly TaskCompletionSource<int> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _stopRequested;

    private SleepingServer(ServerOptions options, Front front, TimeSpan idle)
    {
        _front = front;
        _options = options with { Port = front.Port };
        _cluster = new SleepingCluster(_options, idle) { Failed = End };
        ConnectionUrl = ConnectionAddress.Url(options.ListenAddress, options.UnixSocketDirectory, front.Port, options.Database, options.User);
    }

    /// <summary>TCP port, also when the system chose it; the number in the Unix socket's name.</summary>
    public int Port => _front.Port;

    /// <summary>Directory of the Unix socket, or null.</summary>
    public string? UnixSocketDirectory => _options.UnixSocketDirectory;

    /// <summary>The data directory as the server sees it.</summary>
    public string DataDirectory { get; private set; } = "";

    /// <summary>How clients on this machine connect.</summary>
    public string ConnectionUrl { get; }

    /// <summary>Where the cluster is.</summary>
    public SleepState State => _cluster.State;

    /// <summary>What pg_hba.conf said when the server started.</summary>
    public string Authentication { get; private set; } = "";

    /// <summary>Completes when it has ended: 0 when it was stopped, the postmaster's exit code or 1 otherwise.</summary>
    public Task<int> Completion => _completion.Task;

    /// <summary>Why it had to stop; null otherwise.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Whether a URL asks for this kind of server.</summary>
    public static bool IsMeant(PostgresUrl url) => url.IsBucket && IdleOf(url) is not null;

    /// <summary>Opens the cluster, to see that it can be opened, and serves it.</summary>
    /// <exception cref="ClusterException">The address is taken, or the cluster cannot start.</exception>
    /// <exception cref="Bucket.BucketException">It cannot be opened.</exception>
    /// <exception cref="ServerException">The database cannot be created.</exception>
    public static async Task<SleepingServer> StartAsync(ServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        AddressCheck.Run(options);
        var front = Front.Open(options.ListenAddress, options.Port, options.UnixSocketDirectory);
        var server = new SleepingServer(options, front, IdleOf(options.Url) ?? throw new ArgumentException("the URL has no idle=", nameof(options)));
        try
        {
            await server._cluster.WakeAsync(cancellationToken).ConfigureAwait(false);
            front.Start(socket => server._cluster.Accept(new IncomingConnection(socket)));
            if (server._cluster.Server is { } first)
            {
                server.DataDirectory = first.DataDirectory;
                server.Authentication = first.ReadAuthentication();
            }

            if (options.Database != ServerOptions.DefaultDatabase && !options.DatabaseExists)
            {
                await DatabaseCreator.EnsureExistsAsync(
                    options.ListenAddress, options.UnixSocketDirectory, front.Port, options, cancellationToken).ConfigureAwait(false);
            }

            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks the server to stop and waits until it has.</summary>
    public async Task StopAsync(ShutdownMode mode = ShutdownMode.Fast)
    {
        Volatile.Write(ref _stopRequested, 1);
        _front.Dispose();
        await _cluster.StopAsync(mode).ConfigureAwait(false);
        _completion.TrySetResult(0);
    }

    /// <summary>Asks the server to read its configuration files again (SIGHUP); one that sleeps reads them when it wakes.</summary>
    public void Reload() => _cluster.Server?.Reload();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await _cluster.DisposeAsync().ConfigureAwait(false);
    }

    private static TimeSpan? IdleOf(PostgresUrl url) => Bucket.BucketUrl.TryParse(url.BucketUrl!, out var parsed, out _) ? parsed.Options.Idle : null;

    // A wake that fails refuses those who wait, and the next connection tries again. What was taken away from a running server ends this one too.
    private void End(Exception error)
    {
        if (error is Bucket.BucketException { Error: Bucket.BucketError.Fenced })
        {
            Error = error;
            _front.Dispose();
            _completion.TrySetResult(1);
        }

        Report(_options.Logger, error.Message);
    }

#pragma warning disable CA1848, CA2254 // seldom, and the message is whole
    private static void Report(ILogger? logger, string message) => logger?.LogError(message);
#pragma warning restore CA1848, CA2254
}
