using Azure;
using Azure.Core.Pipeline;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Pocketgres.ObjectStore.AzureBlob;

/// <summary>A container of Azure Blob Storage: block blobs, created with If-None-Match.</summary>
internal sealed class AzureObjectStore : IObjectStore
{
    // The oldest that lists from a name on.
    private const BlobClientOptions.ServiceVersion Version = BlobClientOptions.ServiceVersion.V2026_02_06;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    // Whole objects in one request: what appears appears at once.
    private static readonly StorageTransferOptions s_whole = new() { InitialTransferSize = 256 << 20, MaximumTransferSize = 256 << 20, MaximumConcurrency = 1 };

    private readonly string _name;
    private readonly HttpClientTransport _http;
    private readonly Lazy<(BlobContainerClient Container, AzureFailure Failure)> _container;

    /// <summary>Opens a container; nothing is asked of it yet.</summary>
    /// <param name="container">Its name.</param>
    /// <param name="account">The storage account; null for what the environment says.</param>
    /// <param name="endpoint">Where the account is; null for Azure.</param>
    /// <param name="environment">Where the variables of Azure's tools are looked up.</param>
    public AzureObjectStore(string container, string? account, Uri? endpoint, Func<string, string?> environment)
    {
        _name = container;
        _http = new HttpClientTransport(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = environment("HTTPS_PROXY") is not null || environment("HTTP_PROXY") is not null,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            ActivityHeadersPropagator = null,
        });
        _container = new(() =>
        {
            var found = AzureAccount.Find(account, endpoint, environment);
            return (found.Open(container, Options()), new AzureFailure(container, found.Endpoint));
        });
    }

    /// <summary>Names that one answer to a listing has at most.</summary>
    public int PageEntries { get; init; } = 5000;

    /// <inheritdoc/>
    public string Name => $"az://{_name}";

    /// <inheritdoc/>
    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default) => RunAsync("GET " + key, async container =>
    {
        try
        {
            var options = new BlobDownloadOptions { Range = range is { } part ? new HttpRange(part.Start, part.Length) : default };
            var answer = await container.GetBlobClient(key).DownloadContentAsync(options, cancellationToken).ConfigureAwait(false);
            return new StoredObject(answer.Value.Content.ToArray());
        }
        catch (RequestFailedException e) when (AzureFailure.IsMissing(e))
        {
            return null;
        }
        catch (RequestFailedException e) when (e.Status == 416)
        {
            return new StoredObject([]);
        }
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) => RunAsync("PUT " + key, async container =>
    {
        try
        {
            await UploadAsync(container, key, content, new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RequestFailedException e) when (AzureFailure.IsTaken(e))
        {
            return false;
        }
    }, cancellationToken);

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) => RunAsync("PUT " + key, async container =>
    {
        await UploadAsync(container, key, content, null, cancellationToken).ConfigureAwait(false);
        return true;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default) => RunAsync("DELETE " + key, async container =>
    {
        try
        {
            await container.GetBlobClient(key).DeleteAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException e) when (AzureFailure.IsMissing(e))
        {
            return false;
        }

        return true;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default) => RunAsync("LIST " + prefix, async container =>
    {
        var entries = new List<ObjectEntry>();
        DateTimeOffset? time = null;
        var options = new GetBlobsOptions { Prefix = prefix, StartFrom = after };
        await foreach (var page in container.GetBlobsAsync(options, cancellationToken).AsPages(pageSizeHint: PageEntries).ConfigureAwait(false))
        {
            time = page.GetRawResponse().Headers.Date ?? time;

            // Listed from that name on, itself too, and by emulators from the beginning.
            entries.AddRange(page.Values.Where(b => after is null || string.CompareOrdinal(b.Name, after) > 0)
                .Select(b => new ObjectEntry(b.Name, b.Properties.ContentLength ?? 0, b.Properties.LastModified ?? DateTimeOffset.UnixEpoch)));
        }

        entries.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        return new ObjectList(entries, time ?? throw new ObjectStoreException(ObjectStoreError.Unsupported,
            $"{Name}: LIST {prefix}: the answer has no Date: a cluster needs the store's clock; see whether a proxy removes it"));
    }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static Task<Response<BlobContentInfo>> UploadAsync(BlobContainerClient container, string key, ReadOnlyMemory<byte> content, BlobRequestConditions? conditions, CancellationToken cancellationToken) =>
        container.GetBlobClient(key).UploadAsync(BinaryData.FromBytes(content), new BlobUploadOptions { Conditions = conditions, TransferOptions = s_whole }, cancellationToken);

    private async Task<T> RunAsync<T>(string request, Func<BlobContainerClient, Task<T>> ask, CancellationToken cancellationToken)
    {
        var (container, failure) = _container.Value;
        try
        {
            return await ask(container).ConfigureAwait(false);
        }
        catch (Exception e) when (failure.Translate(e, request, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    // Who asks again is RetryingObjectStore.
    private BlobClientOptions Options()
    {
        var options = new BlobClientOptions(Version) { Transport = _http };
        options.Retry.MaxRetries = 0;
        options.Retry.NetworkTimeout = s_timeout;
        options.Diagnostics.IsDistributedTracingEnabled = false;
        options.Diagnostics.IsLoggingEnabled = false;
        return options;
    }
}
