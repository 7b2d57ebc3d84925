using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Logging;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Server;

/// <summary>A served cluster: started from a URL, with its database, reachable at <see cref="ConnectionUrl"/>. Thread-safe.</summary>
/// <example>
/// <code>
/// await using var server = await PostgresServer.StartAsync(new ServerOptions { Url = PostgresUrl.Parse("memory:"), Port = 0 });
/// Console.WriteLine(server.ConnectionUrl);
/// </code>
/// </example>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly PostgresCluster _cluster;
    private readonly MemoryTrimmer? _trimmer;
    private readonly BucketHome? _bucket;
    private readonly string? _password;
    private int _stopRequested;

    private PostgresServer(PostgresCluster cluster, BucketHome? bucket, MemoryTrimmer? trimmer, ServerOptions options)
    {
        _bucket = bucket;
        Completion = bucket is null ? cluster.Completion : bucket.FollowAsync(cluster);
        _trimmer = trimmer;
        _cluster = cluster;
        Database = options.Database;
        User = options.User;
        _password = options.Password;
        HostDirectory = options.Url.IsBucket ? null : options.Url.DataDirectory;
        ConnectionUrl = ConnectionAddress.Url(cluster.ListenAddress, cluster.UnixSocketDirectory, cluster.Port, options.Database, options.User);
    }

    /// <summary>TCP port, also when the system chose it; the number in the Unix socket's name.</summary>
    public int Port => _cluster.Port;

    /// <summary>Directory of the Unix socket, or null.</summary>
    public string? UnixSocketDirectory => _cluster.UnixSocketDirectory;

    /// <summary>The data directory as the server sees it (SHOW data_directory).</summary>
    public string DataDirectory => _cluster.DataDirectory;

    /// <summary>The database of <see cref="ConnectionUrl"/>.</summary>
    public string Database { get; }

    /// <summary>The superuser.</summary>
    public string User { get; }

    /// <summary>What the cluster's kernel counts, and what became of its snapshots.</summary>
    public ClusterStatistics ReadStatistics() => _cluster.ReadStatistics();

    /// <summary>What a cluster whose home is a bucket asks of it; null for others.</summary>
    internal Observing.BucketStatistics? ReadBucketStatistics() => _bucket?.ReadStatistics();

    /// <summary>How clients on this machine connect: <c>postgres://postgres@127.0.0.1:PORT/DATABASE</c>, or libpq's form for a Unix socket when there is no TCP.</summary>
    public string ConnectionUrl { get; }

    /// <summary>What pg_hba.conf in the data directory says; empty when it cannot be read.</summary>
    public string ReadAuthentication()
    {
        try
        {
            return _cluster.WithFiles(static (files, path) => Encoding.UTF8.GetString(FileTree.ReadAll(files, FileTree.Combine(path, "pg_hba.conf"))));
        }
        catch (FileSystemException)
        {
            return "";
        }
    }

    /// <summary>Completes with the postmaster's exit code when the server has ended, whoever ended it, and everything it held is freed
    /// and, if its home is a bucket, brought there.</summary>
    public Task<int> Completion { get; }

    /// <summary>Why a server whose home is a bucket had to stop, or could not bring everything there; null otherwise.</summary>
    public Bucket.BucketException? BucketError => _bucket?.Error;

    /// <summary>Whether a stop has been asked for: else an end of the server is a failure.</summary>
    public bool StopRequested => Volatile.Read(ref _stopRequested) != 0;

    /// <summary>Whether somebody has asked for the sleep of a cluster in a bucket (<c>pocketgres sleep</c>), for which the server stops.</summary>
    public bool SleepRequested => _bucket?.SleepRequested ?? false;

    /// <summary>Raised for each log message, on a server thread: be quick and do not call back into the server.</summary>
    public event Action<ServerLogEntry>? LogWritten
    {
        add => _cluster.LogWritten += value;
        remove => _cluster.LogWritten -= value;
    }

    /// <summary>Starts the cluster, waits until it accepts connections, and creates the database if it is missing.</summary>
    /// <exception cref="ClusterException">The cluster cannot start.</exception>
    /// <exception cref="Bucket.BucketException">The cluster's home is a bucket, where it cannot be opened.</exception>
    /// <exception cref="ServerException">The database cannot be created; the cluster is stopped again.</exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; everything is stopped and freed.</exception>
    public static async Task<PostgresServer> StartAsync(ServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        AddressCheck.Run(options);
        if (options.Url.IsBucket)
        {
            return await StartInBucketAsync(options, cancellationToken).ConfigureAwait(false);
        }

        Creation.OutsideCheck.Run(options);

        // What needs a running server to be made is made by one of its own.
        var made = await Creation.ClusterCreator.RunAsync(options, cancellationToken).ConfigureAwait(false);
        var trimmer = options.TrimMemory ? new MemoryTrimmer() : null;
        var clusterOptions = ClusterOptionsOf(options, trimmer) with { DataFileSystem = made };
        var cluster = options.Origin is null
            ? await PostgresCluster.StartAsync(clusterOptions, cancellationToken).ConfigureAwait(false)
            : await PostgresCluster.StartCloneAsync(options.Origin, clusterOptions, cancellationToken).ConfigureAwait(false);
        foreach (string note in options.Url.DataDirectory is { } directory ? CopyNote.Read(directory) : [])
        {
            Report(options.Logger, note);
        }

        return await FinishStartAsync(cluster, null, options with { DatabaseExists = options.DatabaseExists || made is not null }, trimmer, cancellationToken).ConfigureAwait(false);
    }

#pragma warning disable CA1848, CA2254 // Said once, at the start.
    private static void Report(ILogger? logger, string message) => logger?.LogWarning(message);
#pragma warning restore CA1848, CA2254

    private static ClusterOptions ClusterOptionsOf(ServerOptions options, MemoryTrimmer? trimmer) => new()
    {
        DataDirectory = options.Url.DataDirectory,
        ListenAddress = options.ListenAddress,
        Port = options.Port,
        Connections = options.Connections,
        Listener = options.Listener,
        UnixSocketDirectory = options.UnixSocketDirectory,
        Settings = options.Settings,
        SelfSignedTls = options.SelfSignedTls,
        TlsFront = options.TlsFront,
        Memory = options.Memory,
        Logger = options.Logger,
        ProcessGone = trimmer is null ? null : trimmer.ProcessGone,
    };

    // Who is let in from other machines is in the bucket's pg_hba.conf, which Postgres itself obeys.
    private static async Task<PostgresServer> StartInBucketAsync(ServerOptions options, CancellationToken cancellationToken) =>
        // What was handed over can be taken once.
        await TryStartInBucketAsync(options, mayPredict: options is { Connections: null, Listener: null }, cancellationToken).ConfigureAwait(false)
        ?? (await TryStartInBucketAsync(options, mayPredict: false, cancellationToken).ConfigureAwait(false))!;

    // Null when the cluster was not what the start was based on, so that it is to be started again.
    private static async Task<PostgresServer?> TryStartInBucketAsync(ServerOptions options, bool mayPredict, CancellationToken cancellationToken)
    {
        var bucket = await BucketHome.OpenAsync(options, mayPredict, cancellationToken).ConfigureAwait(false);
        using var hurry = cancellationToken.Register(bucket.Hurry); // a process that waits for the store, as the one that recovers, would do so for ever
        var trimmer = options.TrimMemory ? new MemoryTrimmer() : null;
        PostgresCluster cluster;
        try
        {
            cluster = await PostgresCluster.StartAsync(bucket.Apply(ClusterOptionsOf(options, trimmer)), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            trimmer?.Dispose();
            try
            {
                // Who else has it says more than the server that had to end for it.
                if (!await bucket.Taken.ConfigureAwait(false))
                {
                    return null;
                }
            }
            finally
            {
                await bucket.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }

        var server = await FinishStartAsync(cluster, bucket, options, trimmer, cancellationToken).ConfigureAwait(false);
        await hurry.DisposeAsync().ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested)
        {
            // It was just ready. But its bucket will be given up, so nobody may have it.
            await server.DisposeAsync().ConfigureAwait(false);
            throw new OperationCanceledException(cancellationToken);
        }

        return server;
    }

    private static async Task<PostgresServer> FinishStartAsync(
        PostgresCluster cluster, BucketHome? bucket, ServerOptions options, MemoryTrimmer? trimmer, CancellationToken cancellationToken)
    {
        try
        {
            if (options.Database != ServerOptions.DefaultDatabase && !options.DatabaseExists)
            {
                await DatabaseCreator.EnsureExistsAsync(
                    cluster.ListenAddress, cluster.UnixSocketDirectory, cluster.Port, options, cancellationToken).ConfigureAwait(false);
            }

            return new PostgresServer(cluster, bucket, trimmer, options);
        }
        catch
        {
            await cluster.DisposeAsync().ConfigureAwait(false);
            if (bucket is not null)
            {
                await bucket.DisposeAsync().ConfigureAwait(false);
            }

            trimmer?.Dispose();
            throw;
        }
    }

    /// <summary>Asks the server to stop and waits until it has.</summary>
    /// <param name="mode">How. A later call with a harder mode takes over from an earlier one.</param>
    /// <param name="cancellationToken">Ends the wait, not the shutdown.</param>
    public Task StopAsync(ShutdownMode mode = ShutdownMode.Fast, CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _stopRequested, 1);
        if (mode == ShutdownMode.Immediate)
        {
            _bucket?.Hurry();
        }

        _ = _cluster.StopAsync(mode, CancellationToken.None);
        return Completion.WaitAsync(cancellationToken);
    }

    /// <summary>A fast shutdown that becomes an immediate one when it takes longer than <paramref name="patience"/>: for when nobody is there to decide.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        try
        {
            await StopAsync().WaitAsync(patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await StopAsync(ShutdownMode.Immediate).ConfigureAwait(false);
        }
    }

    /// <summary>Brings everything that was written so far to the bucket that the cluster lives in, so that a branch of it has that.</summary>
    internal Task BringToBucketAsync(CancellationToken cancellationToken) => _bucket?.BringAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>Brings all pages here that are only in the bucket that the cluster lives in.</summary>
    internal Task FetchAllAsync(CancellationToken cancellationToken) => _bucket?.FetchAllAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>Ends a server whose prefix in a bucket is about to be removed: nothing more is brought there.</summary>
    internal Task DiscardAsync()
    {
        if (_bucket is not null)
        {
            _bucket.IsDiscarded = true;
        }

        return StopAsync(ShutdownMode.Immediate);
    }

    /// <summary>How the superuser connects, as far as the server was told.</summary>
    internal Npgsql.NpgsqlConnectionStringBuilder ConnectionSettings(string database) =>
        DatabaseCreator.Connection(_cluster.ListenAddress, _cluster.UnixSocketDirectory, Port, User, _password, database);

    /// <summary>The host's directory that the cluster is in; null when it is in memory or in a bucket.</summary>
    internal string? HostDirectory { get; }

    /// <summary>The cluster, for what is done with its files.</summary>
    internal PostgresCluster Cluster => _cluster;

    /// <summary>Asks the server to read its configuration files again (SIGHUP).</summary>
    public void Reload() => _cluster.Reload();

    /// <summary>Asks the server to look for the file "promote" in its data directory (SIGUSR1), by which pg_ctl makes a standby a primary.</summary>
    public void LookForPromotion() => _cluster.LookForPromotion();

    /// <summary>Makes a server process end as if it had crashed: for tests of crash recovery.</summary>
    /// <param name="processId">What pg_backend_pid() returns in that process.</param>
    /// <returns>False when there is no such process.</returns>
    public bool CrashProcess(int processId) => _cluster.CrashProcess(processId);

    /// <summary>Stops the server (fast shutdown) and frees everything.</summary>
    public async ValueTask DisposeAsync()
    {
        Volatile.Write(ref _stopRequested, 1);
        await _cluster.DisposeAsync().ConfigureAwait(false);
        await Completion.ConfigureAwait(false);
        _trimmer?.Dispose();
    }
}
