using System.Globalization;
using System.Net;
using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.ObjectStore.S3;

/// <summary>
/// A bucket of S3, or of what speaks its protocol, by five requests: GET, PUT, PUT with If-None-Match, ListObjectsV2, DELETE. AWSSDK.S3 does the same for 150
/// to 200 ms more processor time before its first answer, in which a cluster wakes; the tests compare the two.
/// </summary>
internal sealed class S3ObjectStore : IObjectStore
{
    private static readonly string[] s_proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    private readonly S3Options _options;
    private readonly Func<string, string?> _environment;
    private readonly IHttpTransport _transport;
    private readonly HttpOrigin _origin;
    private readonly string _path;
    private readonly SemaphoreSlim _asking = new(1);
    private S3Credentials? _credentials;

    /// <summary>Opens a bucket; nothing is asked of it yet.</summary>
    /// <param name="options">Where.</param>
    /// <param name="environment">Where the AWS tools' variables are looked up.</param>
    public S3ObjectStore(S3Options options, Func<string, string?> environment)
    {
        _options = options;
        _environment = environment;
        (_origin, _path) = options.Endpoint is { } endpoint
            ? (endpoint, $"/{options.Bucket}/")
            : (new HttpOrigin(IsEncrypted: true, $"{options.Bucket}.s3.{options.Region}.amazonaws.com", 443), "/");
        _transport = s_proxies.Any(p => environment(p) is { Length: > 0 }) ? new ProxiedTransport(_origin) : new DirectTransport(_origin);
    }

    /// <inheritdoc/>
    public string Name => $"s3://{_options.Bucket}";

    /// <inheritdoc/>
    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        var response = await SendAsync("GET", key, "", default, range, create: false, cancellationToken).ConfigureAwait(false);
        if (response.Status == (int)HttpStatusCode.NotFound)
        {
            ThrowUnlessNoKey(response);
            return null;
        }

        if (response.Status == (int)HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return new StoredObject([]);
        }

        ThrowUnlessDone(response, "GET " + key);
        ThrowUnlessFromStore(response, "GET " + key);
        byte[] content = response.Body;
        if (range is { } part && response.Status != (int)HttpStatusCode.PartialContent)
        {
            int start = (int)Math.Min(part.Start, content.Length); // the store ignores ranges
            content = content[start..(int)Math.Min(part.Start + part.Length, content.Length)];
        }

        return new StoredObject(content);
    }

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        WriteAsync(key, content, create: true, cancellationToken);

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        WriteAsync(key, content, create: false, cancellationToken);

    /// <inheritdoc/>
    public async Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        var response = await SendAsync("DELETE", key, "", default, null, create: false, cancellationToken).ConfigureAwait(false);
        if (response.Status != (int)HttpStatusCode.NotFound)
        {
            ThrowUnlessDone(response, "DELETE " + key);
        }
    }

    /// <inheritdoc/>
    public async Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        var entries = new List<ObjectEntry>();
        string? token = null;
        while (true)
        {
            // Parameters in the order of their names, as they are signed.
            string query = (token is null ? "" : $"continuation-token={SignatureV4.Encode(token, keepSlashes: false)}&")
                + $"list-type=2&prefix={SignatureV4.Encode(prefix, keepSlashes: false)}"
                + (token is null && after is not null ? $"&start-after={SignatureV4.Encode(after, keepSlashes: false)}" : "");
            var response = await SendAsync("GET", "", query, default, null, create: false, cancellationToken).ConfigureAwait(false);
            ThrowUnlessDone(response, "LIST " + prefix);
            token = response.Body.Length > 0 ? ReadPage(response.Body, entries) : throw NotFromStore("LIST " + prefix);
            if (token is null)
            {
                // Who has a cluster, and what may be removed, is decided by one clock.
                return new ObjectList(entries, Date(response) ?? throw new ObjectStoreException(ObjectStoreError.Unsupported,
                    $"{Name}: LIST {prefix}: the answer has no Date: a cluster needs the store's clock; see whether a proxy removes it"));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _transport.Dispose();
        _asking.Dispose();
    }

    private async Task<bool> WriteAsync(string key, ReadOnlyMemory<byte> content, bool create, CancellationToken cancellationToken)
    {
        var response = await SendAsync("PUT", key, "", content, null, create, cancellationToken).ConfigureAwait(false);
        if (create && response.Status == (int)HttpStatusCode.PreconditionFailed)
        {
            return false;
        }

        ThrowUnlessDone(response, "PUT " + key);
        ThrowUnlessFromStore(response, "PUT " + key);
        return true;
    }

    private async Task<StoreResponse> SendAsync(
        string method, string key, string query, ReadOnlyMemory<byte> content, ByteRange? range, bool create, CancellationToken cancellationToken)
    {
        var credentials = _credentials is { AreEnding: false } known ? known : await CredentialsAsync(cancellationToken).ConfigureAwait(false);
        string path = _path + SignatureV4.Encode(key, keepSlashes: true), hash = SignatureV4.Hash(content.Span);
        var time = DateTimeOffset.UtcNow;
        List<(string Name, string Value)> headers = [("host", _origin.Authority)];
        if (create)
        {
            headers.Add(("if-none-match", "*"));
        }

        if (range is { } part)
        {
            headers.Add(("range", string.Create(CultureInfo.InvariantCulture, $"bytes={part.Start}-{part.Start + part.Length - 1}")));
        }

        headers.Add(("x-amz-content-sha256", hash));
        headers.Add(("x-amz-date", SignatureV4.Stamp(time)));
        if (credentials.SessionToken is { } session)
        {
            headers.Add(("x-amz-security-token", session));
        }

        headers.Add(("authorization", SignatureV4.Authorize(method, path, query, headers, hash, credentials, _options.Region, time)));
        if (method == "PUT")
        {
            headers.Add(("content-type", "application/octet-stream"));
        }

        try
        {
            return await _transport.SendAsync(
                new StoreRequest(method, query.Length > 0 ? $"{path}?{query}" : path, headers, content), _options.Timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw Unavailable(e);
        }
    }

    private ObjectStoreException Unavailable(Exception e) =>
        new(ObjectStoreError.Unavailable, $"{_origin} does not answer: {e.Message}", e);

    private async Task<S3Credentials> CredentialsAsync(CancellationToken cancellationToken)
    {
        await _asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return _credentials is { AreEnding: false } found ? found
                : _credentials = await S3Credentials.FindAsync(_environment, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _asking.Release();
        }
    }

    private void ThrowUnlessNoKey(StoreResponse response)
    {
        if (ErrorCode(response) is "NoSuchBucket")
        {
            throw NoBucket();
        }
    }

    private ObjectStoreException NoBucket() =>
        new(ObjectStoreError.NoBucket, $"there is no bucket {_options.Bucket} at {_origin.Host}: create it first, or correct the URL");

    private void ThrowUnlessDone(StoreResponse response, string request)
    {
        if (response.IsSuccess)
        {
            return;
        }

        int status = response.Status;
        string code = ErrorCode(response);
        string text = string.Create(CultureInfo.InvariantCulture, $"{Name}: {request}: {status} {code}");
        throw (status, code) switch
        {
            (_, "NoSuchBucket") => NoBucket(),
            (301 or 307, _) or (_, "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException") =>
                new ObjectStoreException(ObjectStoreError.WrongRegion,
                    $"{text}: the bucket is not in {_options.Region}: give its region{(response.Header("x-amz-bucket-region") is { Length: > 0 } region ? $" (region={region})" : " (region=NAME)")}"),
            (_, "RequestTimeTooSkewed") => new ObjectStoreException(ObjectStoreError.AccessDenied, $"{text}: this machine's clock is wrong: set it"),
            (401 or 403, _) => new ObjectStoreException(ObjectStoreError.AccessDenied,
                $"{text}: the credentials are wrong or do not allow this: they need to get, put, list and delete objects of the bucket"),

            // 409: two conditional requests met; neither says who won.
            (408 or 409 or 425 or 429 or >= 500 and not 501, _) => new ObjectStoreException(ObjectStoreError.Unavailable, text),
            _ => new ObjectStoreException(ObjectStoreError.Unsupported, $"{text}: the store does not do what a cluster needs"),
        };
    }

    // A proxy, or a server that is being shut down, may answer anything with an empty 200, and a commit must not count as stored for it. Stores tell each object's tag.
    private void ThrowUnlessFromStore(StoreResponse response, string request)
    {
        if (response.Header("ETag") is null)
        {
            throw NotFromStore(request);
        }
    }

    private ObjectStoreException NotFromStore(string request) => new(ObjectStoreError.Unavailable,
        $"{Name}: {request}: the answer is not that of an object store (it has no ETag, or nothing in it): see whether a proxy answers in its place, or correct the endpoint");

    private static DateTimeOffset? Date(StoreResponse response) =>
        DateTimeOffset.TryParseExact(response.Header("Date"), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : null;

    // <Error><Code>NoSuchKey</Code>...; some stores leave the body out.
    private static string ErrorCode(StoreResponse response)
    {
        string body = System.Text.Encoding.UTF8.GetString(response.Body);
        int start = body.IndexOf("<Code>", StringComparison.Ordinal), end = body.IndexOf("</Code>", StringComparison.Ordinal);
        return start >= 0 && end > start ? body[(start + 6)..end] : "";
    }

    private string? ReadPage(byte[] xml, List<ObjectEntry> entries)
    {
        try
        {
            return Listing.Read(xml, entries);
        }
        catch (FormatException e)
        {
            throw new ObjectStoreException(ObjectStoreError.Unsupported, $"{Name}: the answer to a listing makes no sense: {e.Message}", e);
        }
    }
}
