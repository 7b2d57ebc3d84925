using Azure;
using Azure.Identity;
using Azure.Storage;
using Azure.Storage.Blobs;

namespace Pocketgres.ObjectStore.AzureBlob;

/// <summary>Which storage account, where it is and who asks. The variables are those of Azure's command line, then what Azure.Identity finds.</summary>
internal sealed class AzureAccount
{
    // Of the emulators, in every one of them; published by Azure.
    private const string DevelopmentAccount = "devstoreaccount1";
    private const string DevelopmentKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly string? _account, _key, _signature;

    private AzureAccount(Uri endpoint, string? account, string? key, string? signature)
    {
        Endpoint = endpoint;
        _account = account;
        _key = key;
        _signature = signature;
    }

    /// <summary>Where its blobs are.</summary>
    public Uri Endpoint { get; }

    /// <summary>Finds it.</summary>
    /// <param name="account">Of the URL; null when it has none.</param>
    /// <param name="endpoint">Of the URL; null when it has none.</param>
    /// <param name="environment">The variables.</param>
    /// <exception cref="ObjectStoreException">Nothing says which, or what says so makes no sense.</exception>
    public static AzureAccount Find(string? account, Uri? endpoint, Func<string, string?> environment)
    {
        var connection = Connection(Variable("AZURE_STORAGE_CONNECTION_STRING"));
        bool isElsewhere = account is not null || endpoint is not null;
        string? name = account ?? (endpoint is null ? Variable("AZURE_STORAGE_ACCOUNT") ?? connection.GetValueOrDefault("AccountName") : NameIn(endpoint));
        string? place = isElsewhere ? null : connection.GetValueOrDefault("BlobEndpoint") ?? Variable("AZURE_STORAGE_SERVICE_ENDPOINT");
        if (place is not null && !Uri.TryCreate(place, UriKind.Absolute, out endpoint))
        {
            throw Refuse($"the blob endpoint \"{place}\" of the environment is no URL: correct AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SERVICE_ENDPOINT");
        }

        endpoint ??= name is null
            ? throw Refuse("which storage account is not said: write account=NAME into the URL, or set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT")
            : new Uri($"https://{name}.blob.{connection.GetValueOrDefault("EndpointSuffix") ?? "core.windows.net"}");
        return new AzureAccount(endpoint, name ?? NameIn(endpoint),
            Variable("AZURE_STORAGE_KEY") ?? connection.GetValueOrDefault("AccountKey"),
            Variable("AZURE_STORAGE_SAS_TOKEN") ?? connection.GetValueOrDefault("SharedAccessSignature"));

        string? Variable(string variable) => environment(variable) is { Length: > 0 } value ? value : null;
    }

    /// <summary>A container of it; nothing is asked yet.</summary>
    /// <exception cref="ObjectStoreException">There are no credentials that can be used.</exception>
    public BlobContainerClient Open(string container, BlobClientOptions options)
    {
        var place = new BlobUriBuilder(Endpoint) { BlobContainerName = container }.ToUri();
        if (_key is not null)
        {
            return new BlobContainerClient(place, new StorageSharedKeyCredential(_account, Key()), options);
        }

        if (_signature is not null)
        {
            return new BlobContainerClient(place, new AzureSasCredential(_signature.TrimStart('?')), options);
        }

        return Endpoint.Scheme == Uri.UriSchemeHttps
            ? new BlobContainerClient(place, Identity(), options)
            : throw Refuse("no credentials for Azure: set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING; others are not sent over http");
    }

    // A type of its own package, in a method of its own: not loaded for who has a key.
    private static DefaultAzureCredential Identity() => new DefaultAzureCredential();

    private string Key()
    {
        try
        {
            _ = Convert.FromBase64String(_key!);
            return _key!;
        }
        catch (FormatException e)
        {
            throw new ObjectStoreException(ObjectStoreError.AccessDenied, "the account key is not in base64: copy it once more from the storage account's access keys", e);
        }
    }

    // https://ACCOUNT.blob.core.windows.net, or http://127.0.0.1:10000/ACCOUNT as emulators have it.
    private static string NameIn(Uri endpoint) => endpoint.Segments is [_, var first, ..] ? first.Trim('/') : endpoint.Host.Split('.')[0];

    private static Dictionary<string, string> Connection(string? text)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string pair in (text ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            values[equals < 0 ? throw Refuse("AZURE_STORAGE_CONNECTION_STRING is no connection string: write NAME=VALUE;NAME=VALUE") : pair[..equals]] = pair[(equals + 1)..];
        }

        if (values.GetValueOrDefault("UseDevelopmentStorage") == "true")
        {
            values["AccountName"] = DevelopmentAccount;
            values["AccountKey"] = DevelopmentKey;
            values["BlobEndpoint"] = $"http://127.0.0.1:10000/{DevelopmentAccount}";
        }

        return values;
    }

    private static ObjectStoreException Refuse(string message) => new(ObjectStoreError.AccessDenied, message);
}
