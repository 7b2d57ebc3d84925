using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Pocketgres.Engine;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http;

/// <summary>
/// The HTTP port: <c>/healthz</c> (the process), <c>/readyz</c> (a client is answered now) and <c>/metrics</c>. Opened before the server starts, so that
/// whoever asks meanwhile gets an answer.
/// </summary>
public sealed class HttpPort : IAsyncDisposable
{
    // Clients that send or read slowly, or many at once, hold up each other at most, and not for long.
    private const int MaximumConnections = 256;
    private static readonly TimeSpan s_headerPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_idlePatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromSeconds(1);

    private readonly WebApplication _application;
    private readonly AccessGuard _guard;
    private ServerStatistics _statistics = new(null);
    private ReadinessProbe? _probe;

    private HttpPort(HttpPortOptions options)
    {
        _guard = new AccessGuard(options);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseShutdownTimeout(s_stopPatience).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.RequestHeadersTimeout = s_headerPatience;
            kestrel.Limits.KeepAliveTimeout = s_idlePatience;
            kestrel.Listen(options.EndPoint, listener => listener.Protocols = HttpProtocols.Http1);
        });
        _application = builder.Build();
        _application.Run(AnswerAsync);
    }

    /// <summary>The port, also when the system chose it.</summary>
    public int Port { get; private set; }

    /// <summary>Opens the port.</summary>
    /// <exception cref="ClusterException">It is taken, or the address is not of this machine.</exception>
    public static async Task<HttpPort> OpenAsync(HttpPortOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var port = new HttpPort(options);
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
        Volatile.Write(ref _statistics, new ServerStatistics(server));
        Volatile.Write(ref _probe, new ReadinessProbe(server));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (_guard.WrongHost(request) is { } wrong)
        {
            return SayAsync(context, StatusCodes.Status403Forbidden, wrong);
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            return SayAsync(context, StatusCodes.Status405MethodNotAllowed, "use GET");
        }

        switch (request.Path.Value)
        {
            case "/healthz":
                return SayAsync(context, StatusCodes.Status200OK, "ok");
            case "/readyz":
                return SayReadyAsync(context);
            case "/metrics" when _guard.MayRead(request):
                return WriteMetricsAsync(context);
            case "/metrics":
                context.Response.Headers.WWWAuthenticate = "Bearer";
                return SayAsync(context, StatusCodes.Status401Unauthorized, "send the token of --http-token-file: Authorization: Bearer TOKEN");
            default:
                return SayAsync(context, StatusCodes.Status404NotFound, "there are /healthz, /readyz and /metrics");
        }
    }

    private async Task SayReadyAsync(HttpContext context)
    {
        string? why = Volatile.Read(ref _probe) is { } probe ? await probe.WhyNotAsync(context.RequestAborted).ConfigureAwait(false) : "starting";
        await SayAsync(context, why is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, why ?? "ready").ConfigureAwait(false);
    }

    private async Task WriteMetricsAsync(HttpContext context)
    {
        var readings = await Volatile.Read(ref _statistics).ReadAsync(context.RequestAborted).ConfigureAwait(false);
        await WriteAsync(context, PrometheusText.ContentType, PrometheusText.Of(readings)).ConfigureAwait(false);
    }

    private static Task SayAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, "text/plain; charset=utf-8", text + "\n");
    }

    private static Task WriteAsync(HttpContext context, string contentType, string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }
}
