using System.Net.Http.Headers;

namespace Pocketgres.ObjectStore.Transport;

/// <summary>Sends requests by .NET's HTTP client, through the proxy that it finds as usual (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY).</summary>
/// <param name="origin">The server.</param>
internal sealed class ProxiedTransport(HttpOrigin origin) : IHttpTransport
{
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        ConnectTimeout = TimeSpan.FromSeconds(5),
        ActivityHeadersPropagator = null,
    });

    /// <inheritdoc/>
    public async Task<StoreResponse> SendAsync(StoreRequest request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method),
            new Uri($"{origin}{request.Target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (request.Method == "PUT")
        {
            message.Content = new ReadOnlyMemoryContent(request.Body);
        }

        foreach (var (name, value) in request.Headers)
        {
            if (name == "content-type")
            {
                message.Content!.Headers.ContentType = new MediaTypeHeaderValue(value);
            }
            else
            {
                message.Headers.TryAddWithoutValidation(name, value);
            }
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(timeout);
        try
        {
            using var response = await _http.SendAsync(message, patience.Token).ConfigureAwait(false);
            patience.CancelAfter(timeout);
            byte[] body = await response.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false);
            return new StoreResponse((int)response.StatusCode, [.. response.Headers.NonValidated.Select(h => (h.Key, h.Value.ToString()))], body);
        }
        catch (HttpRequestException e)
        {
            throw new IOException(e.Message, e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"no answer within {timeout.TotalSeconds:0} s");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}
