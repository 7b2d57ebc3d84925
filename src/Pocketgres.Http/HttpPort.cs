using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;
using Pocketgres.Http.Admin;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http;

/// <summary>
/// The HTTP port: <c>/healthz</c> (the process), <c>/readyz</c> (a client is answered now), <c>/metrics</c> and <c>/admin</c>. Opened before the server starts, so that
/// whoever asks meanwhile gets an answer.
/// </summary>
public sealed class HttpPort : IAsyncDisposable
{
    // Clients that send or read slowly, or many at once, hold up each other at most, and not for long.
    private const int MaximumConnections = 256;
    private const int MaximumBody = 1 << 20; // a statement for the admin page
    private const int MaximumUnread = 64 << 20; // of a body that is too large; who sends still more finds the connection closed
    private static readonly TimeSpan s_headerPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_idlePatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromSeconds(1);

    private readonly WebApplication _application;
    private readonly AccessGuard _guard;
    private ServerStatistics _statistics = new(null);
    private readonly AdminSite _site;
    private readonly LogTail _log;
    private readonly string _host;
    private ReadinessProbe? _probe;
    private PostgresServer? _server;
    private Func<IReadOnlyList<MetricReading>>? _hostMetrics; // of a host of many clusters, instead of the others

    private HttpPort(HttpPortOptions options, ILogger logger)
    {
        _log = new LogTail(logger);
        var address = options.EndPoint.Address;
        _host = address.Equals(IPAddress.Any) ? IPAddress.Loopback.ToString() : address.Equals(IPAddress.IPv6Any) ? "[::1]" : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
        _guard = new AccessGuard(options);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseShutdownTimeout(s_stopPatience).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
            kestrel.Limits.MaxRequestBodySize = MaximumBody;
            kestrel.Limits.RequestHeadersTimeout = s_headerPatience;
            kestrel.Limits.KeepAliveTimeout = s_idlePatience;
            kestrel.Listen(options.EndPoint, listener => listener.Protocols = HttpProtocols.Http1);
        });
        _application = builder.Build();
        _site = new AdminSite(options, _guard, _log, _application.Services);
        _application.Run(AnswerAsync);
    }

    /// <summary>The port, also when the system chose it.</summary>
    public int Port { get; private set; }

    /// <summary>Where a browser on this machine finds the admin page; with the token, if none was given that its user knows.</summary>
    public string AdminUrl => string.Create(CultureInfo.InvariantCulture, $"http://{_host}:{Port}/admin{(_guard.MadeToken is { } token ? "?token=" + token : "")}");

    /// <summary>Hands the server's log on to where it is written, and remembers the end of it for the admin page.</summary>
    public ILogger Log => _log;

    /// <summary>Opens the port.</summary>
    /// <param name="options">Where and for whom.</param>
    /// <param name="logger">Where the server's log is written.</param>
    /// <exception cref="ClusterException">It is taken, or the address is not of this machine.</exception>
    public static async Task<HttpPort> OpenAsync(HttpPortOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        var port = new HttpPort(options, logger);
        try
        {
            await port._application.StartAsync().ConfigureAwait(false);
            port.Port = new Uri(port._application.Urls.Single()).Port;
            return port;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await port.DisposeAsync().ConfigureAwait(false);
            throw new ClusterException(
                ClusterError.AddressUnavailable, $"cannot listen for HTTP on {options.EndPoint}: {e.GetBaseException().Message.TrimEnd('.')}; choose another --http address or port (0 picks a free one)", e);
        }
    }

    /// <summary>Tells of the server, once it has started.</summary>
    public void Attach(PostgresServer server)
    {
        Volatile.Write(ref _server, server);
        Volatile.Write(ref _statistics, new ServerStatistics(server));
        Volatile.Write(ref _probe, new ReadinessProbe(server));
    }

    /// <summary>Tells of a host of many clusters, once it has started: its metrics ask none of them, and it is ready. There is no admin page.</summary>
    /// <param name="metrics">Reads them; quick.</param>
    public void AttachHost(Func<IReadOnlyList<MetricReading>> metrics) => Volatile.Write(ref _hostMetrics, metrics);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync().ConfigureAwait(false);
        _site.Dispose();
    }

    // Reads what is too large to its end and forgets it: browsers, and most other clients, show a broken connection, not the answer, when it is closed while they send.
    private static async Task RefuseBodyAsync(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaximumUnread;
        await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted).ConfigureAwait(false);
        await Answer.SayAsync(context, StatusCodes.Status413PayloadTooLarge, "a request may be 1 MB long").ConfigureAwait(false);
    }

    private Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (_guard.WrongHost(request) is { } wrong)
        {
            return Answer.SayAsync(context, StatusCodes.Status403Forbidden, wrong);
        }

        if (request.ContentLength is > MaximumBody and <= MaximumUnread)
        {
            return RefuseBodyAsync(context);
        }

        bool isPage = AdminSite.Owns(request) && Volatile.Read(ref _hostMetrics) is null;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !(isPage && HttpMethods.IsPost(request.Method)))
        {
            context.Response.Headers.Allow = isPage ? "GET, HEAD, POST" : "GET, HEAD";
            return Answer.SayAsync(context, StatusCodes.Status405MethodNotAllowed, "use GET");
        }

        if (isPage)
        {
            return _site.AnswerAsync(context, Volatile.Read(ref _server));
        }

        switch (request.Path.Value)
        {
            case "/healthz":
                return Answer.SayAsync(context, StatusCodes.Status200OK, "ok");
            case "/readyz":
                return SayReadyAsync(context);
            case "/metrics" when _guard.MayReadMetrics(request):
                return WriteMetricsAsync(context);
            case "/metrics":
                context.Response.Headers.WWWAuthenticate = "Bearer";
                return Answer.SayAsync(context, StatusCodes.Status401Unauthorized, "send the token of --http-token-file: Authorization: Bearer TOKEN");
            default:
                return Answer.SayAsync(context, StatusCodes.Status404NotFound, "there are /healthz, /readyz, /metrics and /admin");
        }
    }

    private async Task SayReadyAsync(HttpContext context)
    {
        string? why = Volatile.Read(ref _hostMetrics) is not null ? null : Volatile.Read(ref _probe) is { } probe ? await probe.WhyNotAsync(context.RequestAborted).ConfigureAwait(false) : "starting";
        await Answer.SayAsync(context, why is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, why ?? "ready").ConfigureAwait(false);
    }

    private async Task WriteMetricsAsync(HttpContext context)
    {
        var readings = Volatile.Read(ref _hostMetrics) is { } host ? host() : await Volatile.Read(ref _statistics).ReadAsync(context.RequestAborted).ConfigureAwait(false);
        await Answer.WriteAsync(context, StatusCodes.Status200OK, PrometheusText.ContentType, PrometheusText.Of(readings)).ConfigureAwait(false);
    }
}
