using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Pocketgres.Bucket;
using Pocketgres.Engine;
using Pocketgres.Engine.Tls;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Observing;
using Pocketgres.Server.Sleeping;

namespace Pocketgres.Server.Hosting;

/// <summary>
/// Many clusters behind one port: the database in a client's startup packet names the one it means (<see cref="TenantName"/>), which is in the bucket below the
/// host's prefix. A connection wakes it, and it sleeps when nobody uses it. Thread-safe.
/// </summary>
public sealed class ClusterHost : IAsyncDisposable
{
    private static readonly TimeSpan s_defaultIdle = TimeSpan.FromMinutes(1), s_cancelPatience = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Tenant> _tenants = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<int> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HostOptions _options;
    private readonly BucketUrl _url;
    private readonly IObjectStore _bucket;
    private readonly Front _front;
    private readonly TlsFront? _tls;
    private readonly MemoryTrimmer? _trimmer;
    private readonly Doorway _doorway;
    private readonly Places _places;
    private Task? _stopping;
    private long _refused;

    private ClusterHost(HostOptions options, BucketUrl url, TlsFront? tls, TimeSpan patience, Front front)
    {
        _options = options with { Server = options.Server with { Port = front.Port, TlsFront = tls, SelfSignedTls = false, TrimMemory = false } };
        _tls = tls;
        _trimmer = options.Server.TrimMemory ? new MemoryTrimmer(collects: false) : null;
        _doorway = new Doorway(tls, patience, options.Server.Logger, _trimmer is null ? null : _trimmer.ProcessGone); // a handshake that is given up leaves some 50 kB free in the C library
        _url = url;
        _bucket = url.Store.Open(Environment.GetEnvironmentVariable);
        _front = front;
        _places = new Places(options, static () => Environment.WorkingSet);
        ConnectionUrl = ConnectionAddress.Url(options.Server.ListenAddress, options.Server.UnixSocketDirectory, front.Port, "TENANT", options.Server.User);
    }

    /// <summary>TCP port, also when the system chose it; the number in the Unix socket's name.</summary>
    public int Port => _front.Port;

    /// <summary>How clients on this machine connect, with TENANT for the name.</summary>
    public string ConnectionUrl { get; }

    /// <summary>Clusters that are awake, or about to be.</summary>
    public int Awake => _places.Taken;

    /// <summary>Completes with 0 when it was stopped.</summary>
    public Task<int> Completion => _completion.Task;

    /// <summary>Begins to listen. Nothing is asked of the store before the first connection.</summary>
    /// <exception cref="ClusterException">The address is taken or cannot be used, or the certificate cannot.</exception>
    /// <exception cref="ArgumentException">The URL is not that of a prefix in a bucket.</exception>
    public static ClusterHost Start(HostOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Server.Url.BucketUrl is not { } text || !BucketUrl.TryParse(text, out var url, out _))
        {
            throw new ArgumentException("a host serves the clusters below s3://BUCKET/PREFIX or az://CONTAINER/PREFIX", nameof(options));
        }

        if (url.Options.Replica)
        {
            throw new ClusterException(ClusterError.StartFailed, "a host has no replicas: leave out replica=true, and serve a replica by itself");
        }

        AddressCheck.Run(options.Server);
        var tls = TlsFront.Load(options.Server.Settings, options.Server.SelfSignedTls, options.TlsDomain);
        if (tls is null && options.TlsDomain is not null)
        {
            throw new ClusterException(ClusterError.StartFailed, "a domain for the clusters' names needs TLS, in which clients say the host's name: set ssl=on with ssl_cert_file and ssl_key_file, or use --tls");
        }

        var patience = AuthenticationTimeout.Of(options.Server.Settings);
        var host = new ClusterHost(options, url, tls, patience, Front.Open(options.Server.ListenAddress, options.Server.Port, options.Server.UnixSocketDirectory));
        host._front.Start(socket => _ = host.ReceiveAsync(socket));
        return host;
    }

    /// <summary>Stops to listen and closes all clusters that are awake.</summary>
    public Task StopAsync(ShutdownMode mode = ShutdownMode.Fast)
    {
        lock (_lock)
        {
            if (_stopping is null || mode == ShutdownMode.Immediate)
            {
                _stopping = StopAllAsync(mode, [.. _tenants.Values]);
            }

            return _stopping;
        }
    }

    /// <summary>Reads the certificate's files again, and asks the clusters that are awake to read their configuration. If something is wrong with the files, it is logged, and what was loaded before stays.</summary>
    public void Reload()
    {
        try
        {
            _tls?.Reload();
        }
        catch (ClusterException e)
        {
            Report(_options.Server.Logger, $"SSL configuration was not reloaded: {e.Message}");
        }

        foreach (var tenant in Tenants())
        {
            tenant.Cluster.Server?.Reload();
        }
    }

    /// <summary>What the host counts, by tenant: only of those that were asked for since its start.</summary>
    public IReadOnlyList<MetricReading> ReadMetrics() => HostMetrics.Read(Tenants(), _places.Taken, Volatile.Read(ref _refused));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _bucket.Dispose();
        _trimmer?.Dispose();
        _stop.Dispose();
    }

    private List<Tenant> Tenants()
    {
        lock (_lock)
        {
            return [.. _tenants.Values];
        }
    }

    private async Task StopAllAsync(ShutdownMode mode, List<Tenant> tenants)
    {
        _front.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(tenants.Select(t => t.Cluster.StopAsync(mode))).ConfigureAwait(false);
        _completion.TrySetResult(0);
    }

    // Whatever a client sends, it is its own connection that ends.
    private async Task ReceiveAsync(Socket socket)
    {
        if (await _doorway.ReceiveAsync(socket, _stop.Token).ConfigureAwait(false) is not { Request: { } request } connection)
        {
            return;
        }

        if (request.Kind == RequestKind.Cancel)
        {
            await CancelAsync(connection).ConfigureAwait(false);
            return;
        }

        if (Find(connection, request, out string tenant, out string? problem) is { } startup)
        {
            Accept(tenant, connection.With(startup));
            return;
        }

        Interlocked.Increment(ref _refused);
        await connection.RefuseAsync("3D000", problem!, // invalid_catalog_name
            (_options.TlsDomain is { } domain ? $"Connect to NAME.{domain}, or write TENANT or TENANT/DATABASE" : "Write TENANT or TENANT/DATABASE")
            + ": up to 63 lower-case letters, digits, - and _ name the tenant.").ConfigureAwait(false);
    }

    // It names a process and a secret, which only the cluster that has both answers to.
    private async Task CancelAsync(IncomingConnection connection)
    {
        using (connection)
        {
            var receipts = new CancelReceipts();
            foreach (var tenant in Tenants())
            {
                receipts.Ask(receipt => tenant.Cluster.Cancel(connection, receipt));
            }

            if (connection.Tls is null)
            {
                return; // it is closed for the client when the last one that has it closes it
            }

            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                patience.CancelAfter(s_cancelPatience);
                await receipts.WaitAsync(patience.Token).ConfigureAwait(false);
                await connection.EndAsync(patience.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The client is gone, or a cluster does not answer.
            }
        }
    }

    // The startup packet for the tenant's server, or null and what is wrong.
    private StartupRequest? Find(IncomingConnection connection, StartupRequest request, out string tenant, out string? problem)
    {
        if (_options.TlsDomain is { } domain && connection.Tls is { HostName: var hostName } && TenantName.OfHost(hostName, domain) is { } label)
        {
            tenant = label;
            problem = $"the host name \"{hostName}\" names no cluster of this host";
            return TenantName.IsValid(label) ? request : null;
        }

        var named = TenantName.Parse(request["database"] is { Length: > 0 } database ? database : request["user"] ?? "");
        tenant = named?.Tenant ?? "";
        problem = "the database names no cluster of this host";
        return named is null ? null : request.WithDatabase(named.Value.Database);
    }

    private void Accept(string name, IncomingConnection connection)
    {
        lock (_lock)
        {
            if (_stopping is not null)
            {
                connection.Dispose();
                return;
            }

            if (!_tenants.TryGetValue(name, out var tenant))
            {
                _tenants.Add(name, tenant = Open(name));
            }

            tenant.Cluster.Accept(connection);
        }
    }

    private Tenant Open(string name)
    {
        var store = new MeteredObjectStore(_bucket);
        SleepingCluster? cluster = null;
        cluster = new SleepingCluster(_options.Server with { Url = UrlOf(name), Bucket = store }, _url.Options.Idle ?? s_defaultIdle)
        {
            Admission = cancellationToken => _places.TakeAsync(cluster!, cancellationToken),
            Slept = () => _places.Leave(cluster!),
            Failed = e => Failed(name, e),
        };
        return new Tenant(name, store) { Cluster = cluster };
    }

    // The host's own URL, with the name behind its prefix.
    private PostgresUrl UrlOf(string name)
    {
        string text = _options.Server.Url.BucketUrl!;
        int question = text.IndexOf('?', StringComparison.Ordinal);
        var parameters = (question < 0 ? "" : text[(question + 1)..]).Split('&', StringSplitOptions.RemoveEmptyEntries).Where(p => !p.StartsWith("create", StringComparison.Ordinal));
        return PostgresUrl.Parse($"{(question < 0 ? text : text[..question]).TrimEnd('/')}/{name}?{string.Join('&', parameters.Append(_options.MayCreate ? "create=true" : "create=false"))}");
    }

    // Names that nobody has are not remembered: anybody may ask for any number of them.
    private void Failed(string name, Exception error)
    {
        if (error is BucketException { Error: BucketError.Missing })
        {
            lock (_lock)
            {
                if (_tenants.TryGetValue(name, out var tenant) && tenant.Cluster.State == SleepState.Asleep)
                {
                    _tenants.Remove(name);
                    _refused += tenant.Cluster.Connections.Refused;
                }
            }

            return;
        }

        Report(_options.Server.Logger, $"{name}: {error.Message}");
    }

#pragma warning disable CA1848, CA2254 // seldom, and the message is whole
    private static void Report(ILogger? logger, string message) => logger?.LogError(message);
#pragma warning restore CA1848, CA2254
}
