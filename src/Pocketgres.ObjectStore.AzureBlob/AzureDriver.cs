namespace Pocketgres.ObjectStore.AzureBlob;

/// <summary>What <see cref="StoreDriver"/> finds here.</summary>
internal sealed class AzureDriver : StoreDriver
{
    /// <inheritdoc/>
    public override IObjectStore Open(string bucket, IReadOnlyDictionary<string, string> parameters, Func<string, string?> environment) =>
        new AzureObjectStore(bucket, parameters.GetValueOrDefault("account"), parameters.TryGetValue("endpoint", out string? endpoint) ? new Uri(endpoint) : null, environment);
}
