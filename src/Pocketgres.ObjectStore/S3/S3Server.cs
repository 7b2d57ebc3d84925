using System.Globalization;
using System.Net;
using System.Security;
using System.Text;

namespace Pocketgres.ObjectStore.S3;

/// <summary>
/// An S3 server for development and tests: what <see cref="S3ObjectStore"/> asks for, and what the AWS tools need to do the same, in path style over HTTP on
/// loopback. Buckets exist when somebody names them. Signatures are not checked, bodies' hashes are.
/// </summary>
internal sealed partial class S3Server : IDisposable
{
    private const int MaximumKeys = 1000, LongestBody = 1 << 30;

    private const int KeptListings = 16;

    // No bucket has so short a name.
    private const string CountsPath = "-/requests";

    private readonly HttpListener _listener = new();
    private readonly IObjectStore _store;
    private readonly Action<string>? _report;
    private readonly RequestCounts _counts = new();
    private readonly Lock _lock = new();
    private readonly Queue<(string Token, ObjectList List)> _listings = new(); // of which the next page was not asked for yet
    private int _failures;

    private S3Server(IObjectStore store, int port, Action<string>? report)
    {
        _store = store;
        _report = report;
        Port = port;
        _listener.Prefixes.Add(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));
    }

    /// <summary>TCP port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>What to write into a URL's endpoint.</summary>
    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}");

    /// <summary>Starts a server.</summary>
    /// <param name="store">Where objects are kept, under bucket/key. Stays the caller's. Its failures become 503, 500 and 429.</param>
    /// <param name="port">TCP port; 0 for a free one.</param>
    /// <param name="report">Told of each request that failed here with 500: the disk is full, the directory is gone.</param>
    /// <exception cref="HttpListenerException">The port is taken.</exception>
    public static S3Server Start(IObjectStore store, int port, Action<string>? report = null)
    {
        while (true)
        {
            var server = new S3Server(store, port == 0 ? FreePort() : port, report);
            try
            {
                server._listener.Start();
                _ = server.AcceptAsync();
                return server;
            }
            catch (HttpListenerException) when (port == 0)
            {
                server.Dispose(); // somebody was quicker
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Close();

    private static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task AcceptAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            // What is not answered when the listener is closed, it answers with the status that stands here: never with a success that was none.
            context.Response.StatusCode = (int)HttpStatusCode.ServiceUnavailable;
            _ = Task.Run(() => AnswerAsync(context));
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            var (status, code) = await TryAnswerAsync(context).ConfigureAwait(false);
            if (code is not null)
            {
                byte[] body = Encoding.UTF8.GetBytes($"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
                context.Response.StatusCode = (int)status;
                context.Response.ContentType = "application/xml";
                context.Response.ContentLength64 = context.Request.HttpMethod == "HEAD" ? 0 : body.Length;
                if (context.Request.HttpMethod != "HEAD")
                {
                    await context.Response.OutputStream.WriteAsync(body).ConfigureAwait(false);
                }
            }
            else
            {
                context.Response.StatusCode = (int)status;
            }

            if (context.Request.RawUrl != "/" + CountsPath)
            {
                _counts.Add(context.Request, context.Response, isListing: context.Request.QueryString["list-type"] is not null);
            }

            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // The client has gone.
        }
    }

    // A store that fails on purpose does so before anything was sent, in each of the ways in which stores do. Whether the request was executed, the client does
    // not learn. (HttpListener cannot cut a connection: what it aborts may arrive as an empty 200; CuttingProxy can.)
    private async Task<(HttpStatusCode Status, string? Code)> TryAnswerAsync(HttpListenerContext context)
    {
        try
        {
            return await AnswerAsync(context.Request, context.Response).ConfigureAwait(false);
        }
        catch (ObjectStoreException)
        {
            return (Interlocked.Increment(ref _failures) % 3) switch
            {
                0 => (HttpStatusCode.TooManyRequests, "TooManyRequests"),
                1 => (HttpStatusCode.ServiceUnavailable, "SlowDown"),
                _ => (HttpStatusCode.InternalServerError, "InternalError"),
            };
        }
        catch (StoreFailedException e)
        {
            _report?.Invoke($"{context.Request.HttpMethod} {context.Request.RawUrl}: {e.Message}");
            return (HttpStatusCode.InternalServerError, "InternalError");
        }
    }

    // What fails in the store is told apart from what fails because the client has gone.
    private static async Task<T> AskAsync<T>(Func<Task<T>> request)
    {
        try
        {
            return await request().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreFailedException(e);
        }
    }

    private async Task<(HttpStatusCode Status, string? Code)> AnswerAsync(HttpListenerRequest request, HttpListenerResponse response)
    {
        string path = Uri.UnescapeDataString(request.RawUrl!.Split('?')[0]).TrimStart('/');
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        string bucket = slash < 0 ? path : path[..slash], key = slash < 0 ? "" : path[(slash + 1)..];
        if (bucket.Length == 0 || key.Split('/').Any(p => p is "." or ".."))
        {
            return (HttpStatusCode.BadRequest, "InvalidRequest");
        }

        if (path == CountsPath)
        {
            return await AnswerAsync(response, "application/json", _counts.ToJson()).ConfigureAwait(false);
        }

        response.Headers["x-amz-request-id"] = Guid.NewGuid().ToString("N");
        return (request.HttpMethod, key) switch
        {
            ("GET", "") => await ListAsync(request, response, bucket).ConfigureAwait(false),
            ("PUT" or "HEAD", "") => (HttpStatusCode.OK, null),
            ("GET" or "HEAD", _) => await GetAsync(request, response, path).ConfigureAwait(false),
            ("PUT", _) => await PutAsync(request, response, path).ConfigureAwait(false),
            ("DELETE", _) => await DeleteAsync(path).ConfigureAwait(false),
            _ => (HttpStatusCode.NotImplemented, "NotImplemented"),
        };
    }

    private async Task<(HttpStatusCode, string?)> ListAsync(HttpListenerRequest request, HttpListenerResponse response, string bucket)
    {
        if (request.QueryString["list-type"] != "2" || request.QueryString["delimiter"] is not null)
        {
            return (HttpStatusCode.NotImplemented, "NotImplemented");
        }

        string prefix = $"{bucket}/{request.QueryString["prefix"]}";
        string? token = request.QueryString["continuation-token"], after = request.QueryString["start-after"];
        int limit = int.TryParse(request.QueryString["max-keys"], CultureInfo.InvariantCulture, out int asked) ? Math.Clamp(asked, 0, MaximumKeys) : MaximumKeys;
        if ((token is null
                ? await AskAsync(() => _store.ListAsync(prefix, after is null ? null : $"{bucket}/{after}")).ConfigureAwait(false)
                : TakeListing(token)) is not { } list)
        {
            return (HttpStatusCode.BadRequest, "InvalidArgument");
        }

        response.Headers["Date"] = list.Time.ToString("r", CultureInfo.InvariantCulture); // the clock that the objects' times are from
        var shown = list.Entries.Take(limit).ToList();
        bool isCut = shown.Count < list.Entries.Count;
        var xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">")
            .Append(CultureInfo.InvariantCulture, $"<Name>{SecurityElement.Escape(bucket)}</Name><KeyCount>{shown.Count}</KeyCount><MaxKeys>{limit}</MaxKeys>")
            .Append(CultureInfo.InvariantCulture, $"<IsTruncated>{(isCut ? "true" : "false")}</IsTruncated>");
        foreach (var entry in shown)
        {
            xml.Append(CultureInfo.InvariantCulture,
                $"<Contents><Key>{SecurityElement.Escape(entry.Key[(bucket.Length + 1)..])}</Key><LastModified>{entry.LastModified.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}</LastModified><Size>{entry.Size}</Size></Contents>");
        }

        if (isCut && shown.Count > 0)
        {
            string next = Guid.NewGuid().ToString("N");
            KeepListing(next, list with { Entries = [.. list.Entries.Skip(limit)] });
            xml.Append(CultureInfo.InvariantCulture, $"<NextContinuationToken>{next}</NextContinuationToken>");
        }

        return await AnswerAsync(response, "application/xml", xml.Append("</ListBucketResult>").ToString()).ConfigureAwait(false);
    }

    private static async Task<(HttpStatusCode, string?)> AnswerAsync(HttpListenerResponse response, string type, string text)
    {
        byte[] body = Encoding.UTF8.GetBytes(text);
        response.StatusCode = (int)HttpStatusCode.OK;
        response.ContentType = type;
        response.ContentLength64 = body.Length;
        await response.OutputStream.WriteAsync(body).ConfigureAwait(false);
        return (HttpStatusCode.OK, null);
    }

    // The pages of a listing are of one moment: listing anew for each would cost the square of the number of objects.
    private void KeepListing(string token, ObjectList rest)
    {
        lock (_lock)
        {
            _listings.Enqueue((token, rest));
            if (_listings.Count > KeptListings)
            {
                _listings.Dequeue();
            }
        }
    }

    private ObjectList? TakeListing(string token)
    {
        lock (_lock)
        {
            return _listings.FirstOrDefault(l => l.Token == token).List;
        }
    }

    private sealed class StoreFailedException(Exception inner) : Exception(inner.Message, inner);
}
