using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Xml;

namespace Pocketgres.ObjectStore.S3;

/// <summary>
/// A bucket of S3, or of what speaks its protocol, by five requests: GET, PUT, PUT with If-None-Match, ListObjectsV2, DELETE. AWSSDK.S3 does the same for 150
/// to 200 ms more processor time before its first answer, in which a cluster wakes; the tests compare the two.
/// </summary>
internal sealed class S3ObjectStore : IObjectStore
{
    private readonly S3Options _options;
    private readonly Func<string, string?> _environment;
    private readonly HttpMessageInvoker _http;
    private readonly Uri _base;
    private readonly SemaphoreSlim _asking = new(1);
    private S3Credentials? _credentials;

    /// <summary>Opens a bucket; nothing is asked of it yet.</summary>
    /// <param name="options">Where.</param>
    /// <param name="environment">Where the AWS tools' variables are looked up.</param>
    public S3ObjectStore(S3Options options, Func<string, string?> environment)
    {
        _options = options;
        _environment = environment;
        _base = options.Endpoint is { } endpoint
            ? new Uri(endpoint, $"/{options.Bucket}/")
            : new Uri($"https://{options.Bucket}.s3.{options.Region}.amazonaws.com/");
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = environment("HTTPS_PROXY") is not null || environment("HTTP_PROXY") is not null,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            ActivityHeadersPropagator = null,
        });
    }

    /// <inheritdoc/>
    public string Name => $"s3://{_options.Bucket}";

    /// <inheritdoc/>
    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        using var response = await SendAsync(HttpMethod.Get, key, "", default, range, create: false, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            await ThrowUnlessNoKeyAsync(response, cancellationToken).ConfigureAwait(false);
            return null;
        }

        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return new StoredObject([]);
        }

        await ThrowUnlessDoneAsync(response, "GET " + key, cancellationToken).ConfigureAwait(false);
        ThrowUnlessFromStore(response, "GET " + key);
        byte[] content = await ReadAsync(response, cancellationToken).ConfigureAwait(false);
        if (range is { } part && response.StatusCode != HttpStatusCode.PartialContent)
        {
            int start = (int)Math.Min(part.Start, content.Length); // the store ignores ranges
            content = content[start..(int)Math.Min(part.Start + part.Length, content.Length)];
        }

        return new StoredObject(content);
    }

    /// <inheritdoc/>
    public async Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        using var response = await SendAsync(HttpMethod.Put, key, "", content, null, create: true, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            return false;
        }

        await ThrowUnlessDoneAsync(response, "PUT " + key, cancellationToken).ConfigureAwait(false);
        ThrowUnlessFromStore(response, "PUT " + key);
        return true;
    }

    /// <inheritdoc/>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        using var response = await SendAsync(HttpMethod.Put, key, "", content, null, create: false, cancellationToken).ConfigureAwait(false);
        await ThrowUnlessDoneAsync(response, "PUT " + key, cancellationToken).ConfigureAwait(false);
        ThrowUnlessFromStore(response, "PUT " + key);
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        using var response = await SendAsync(HttpMethod.Delete, key, "", default, null, create: false, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await ThrowUnlessDoneAsync(response, "DELETE " + key, cancellationToken).ConfigureAwait(false);
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
            using var response = await SendAsync(HttpMethod.Get, "", query, default, null, create: false, cancellationToken).ConfigureAwait(false);
            await ThrowUnlessDoneAsync(response, "LIST " + prefix, cancellationToken).ConfigureAwait(false);
            byte[] page = await ReadAsync(response, cancellationToken).ConfigureAwait(false);
            token = page.Length > 0 ? Read(page, entries) : throw NotFromStore("LIST " + prefix);
            if (token is null)
            {
                // Who has a cluster, and what may be removed, is decided by one clock.
                return new ObjectList(entries, response.Headers.Date ?? throw new ObjectStoreException(ObjectStoreError.Unsupported,
                    $"{Name}: LIST {prefix}: the answer has no Date: a cluster needs the store's clock; see whether a proxy removes it"));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _asking.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string key, string query, ReadOnlyMemory<byte> content, ByteRange? range, bool create, CancellationToken cancellationToken)
    {
        var credentials = await CredentialsAsync(cancellationToken).ConfigureAwait(false);
        string path = _base.AbsolutePath + SignatureV4.Encode(key, keepSlashes: true), hash = SignatureV4.Hash(content.Span);
        var time = DateTimeOffset.UtcNow;
        List<(string Name, string Value)> headers = [("host", _base.Authority)];
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

        using var request = new HttpRequestMessage(method, new Uri($"{_base.Scheme}://{_base.Authority}{path}{(query.Length > 0 ? "?" + query : "")}",
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Headers.TryAddWithoutValidation("Authorization",
            SignatureV4.Authorize(method.Method, path, query, headers, hash, credentials, _options.Region, time));
        if (method == HttpMethod.Put)
        {
            request.Content = new ReadOnlyMemoryContent(content);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Timeout);
        try
        {
            return await _http.SendAsync(request, patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsLost(e, cancellationToken))
        {
            throw Unavailable(e);
        }
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Timeout);
        try
        {
            return await response.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsLost(e, cancellationToken))
        {
            throw Unavailable(e);
        }
    }

    private static bool IsLost(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested;

    private ObjectStoreException Unavailable(Exception e) =>
        new(ObjectStoreError.Unavailable, $"{_base.Scheme}://{_base.Authority} does not answer: {e.Message}", e);

    private async ValueTask<S3Credentials> CredentialsAsync(CancellationToken cancellationToken)
    {
        if (_credentials is { AreEnding: false } known)
        {
            return known;
        }

        await _asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return _credentials is { AreEnding: false } found ? found
                : _credentials = await S3Credentials.FindAsync(_environment, _http, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _asking.Release();
        }
    }

    private async Task ThrowUnlessNoKeyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (await ErrorCodeAsync(response, cancellationToken).ConfigureAwait(false) is "NoSuchBucket")
        {
            throw NoBucket();
        }
    }

    private ObjectStoreException NoBucket() =>
        new(ObjectStoreError.NoBucket, $"there is no bucket {_options.Bucket} at {_base.Host}: create it first, or correct the URL");

    private async Task ThrowUnlessDoneAsync(HttpResponseMessage response, string request, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        int status = (int)response.StatusCode;
        string code = await ErrorCodeAsync(response, cancellationToken).ConfigureAwait(false);
        string text = string.Create(CultureInfo.InvariantCulture, $"{Name}: {request}: {status} {code}");
        throw (status, code) switch
        {
            (_, "NoSuchBucket") => NoBucket(),
            (301 or 307, _) or (_, "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException") =>
                new ObjectStoreException(ObjectStoreError.WrongRegion,
                    $"{text}: the bucket is not in {_options.Region}: give its region{(Region(response) is { Length: > 0 } region ? $" (region={region})" : " (region=NAME)")}"),
            (_, "RequestTimeTooSkewed") => new ObjectStoreException(ObjectStoreError.AccessDenied, $"{text}: this machine's clock is wrong: set it"),
            (401 or 403, _) => new ObjectStoreException(ObjectStoreError.AccessDenied,
                $"{text}: the credentials are wrong or do not allow this: they need to get, put, list and delete objects of the bucket"),

            // 409: two conditional requests met; neither says who won.
            (408 or 409 or 425 or 429 or >= 500 and not 501, _) => new ObjectStoreException(ObjectStoreError.Unavailable, text),
            _ => new ObjectStoreException(ObjectStoreError.Unsupported, $"{text}: the store does not do what a cluster needs"),
        };
    }

    // A proxy, or a server that is being shut down, may answer anything with an empty 200, and a commit must not count as stored for it. Stores tell each object's tag.
    private void ThrowUnlessFromStore(HttpResponseMessage response, string request)
    {
        if (!response.Headers.NonValidated.Contains("ETag"))
        {
            throw NotFromStore(request);
        }
    }

    private ObjectStoreException NotFromStore(string request) => new(ObjectStoreError.Unavailable,
        $"{Name}: {request}: the answer is not that of an object store (it has no ETag, or nothing in it): see whether a proxy answers in its place, or correct the endpoint");

    private static string? Region(HttpResponseMessage response) =>
        response.Headers.TryGetValues("x-amz-bucket-region", out var values) ? values.FirstOrDefault() : null;

    // <Error><Code>NoSuchKey</Code>...; some stores leave the body out.
    private async Task<string> ErrorCodeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        string body = System.Text.Encoding.UTF8.GetString(await ReadAsync(response, cancellationToken).ConfigureAwait(false));
        int start = body.IndexOf("<Code>", StringComparison.Ordinal), end = body.IndexOf("</Code>", StringComparison.Ordinal);
        return start >= 0 && end > start ? body[(start + 6)..end] : "";
    }

    // ListObjectsV2's answer; returns the token of the next page, null for none.
    private string? Read(byte[] xml, List<ObjectEntry> entries)
    {
        string? token = null, key = null;
        long size = 0;
        DateTimeOffset modified = default;
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(xml), new XmlReaderSettings { IgnoreWhitespace = true });
            for (bool more = reader.Read(); more;)
            {
                if (reader.NodeType == XmlNodeType.EndElement && reader.LocalName == "Contents")
                {
                    entries.Add(new ObjectEntry(key!, size, modified));
                }

                string name = reader.NodeType == XmlNodeType.Element ? reader.LocalName : "";
                if (name is not ("Key" or "Size" or "LastModified" or "NextContinuationToken"))
                {
                    more = reader.Read();
                    continue;
                }

                string text = reader.ReadElementContentAsString(); // and stands behind the end of the element
                switch (name)
                {
                    case "Key":
                        key = text;
                        break;
                    case "Size":
                        size = long.Parse(text, CultureInfo.InvariantCulture);
                        break;
                    case "LastModified":
                        modified = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
                        break;
                    default:
                        token = text;
                        break;
                }
            }

            return token;
        }
        catch (Exception e) when (e is XmlException or FormatException)
        {
            throw new ObjectStoreException(ObjectStoreError.Unsupported, $"{Name}: the answer to a listing makes no sense: {e.Message}", e);
        }
    }
}
