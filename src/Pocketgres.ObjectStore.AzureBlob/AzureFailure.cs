using System.Globalization;
using Azure;
using Azure.Identity;

namespace Pocketgres.ObjectStore.AzureBlob;

/// <summary>From what Azure's client throws to <see cref="ObjectStoreException"/>.</summary>
/// <param name="container">The container's name.</param>
/// <param name="endpoint">The account's address.</param>
internal sealed class AzureFailure(string container, Uri endpoint)
{
    /// <summary>Whether a create failed because the name is taken.</summary>
    public static bool IsTaken(RequestFailedException e) =>
        (e.Status, e.ErrorCode) is (409, "BlobAlreadyExists") or (412, "ConditionNotMet" or "LeaseIdMissing" or "TargetConditionNotMet");

    /// <summary>Whether there is no such object, in a container that is there.</summary>
    public static bool IsMissing(RequestFailedException e) => e.Status == 404 && e.ErrorCode is null or "" or "BlobNotFound";

    /// <summary>What to throw instead; null for what is no failure of the store.</summary>
    public ObjectStoreException? Translate(Exception e, string request, CancellationToken cancellationToken) => e switch
    {
        RequestFailedException failed when failed.Status != 0 => Refused(failed, request),
        AuthenticationFailedException => new(ObjectStoreError.AccessDenied,
            $"no credentials for Azure: set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING, or log in with az login ({FirstLine(e.Message)})", e),
        RequestFailedException or HttpRequestException or IOException or AggregateException => Unavailable(e),
        OperationCanceledException when !cancellationToken.IsCancellationRequested => Unavailable(e),
        _ => null,
    };

    private ObjectStoreException Unavailable(Exception e)
    {
        bool isUnknown = Causes(e).OfType<HttpRequestException>().Any(h => h.HttpRequestError == HttpRequestError.NameResolutionError);
        return new(ObjectStoreError.Unavailable,
            $"{endpoint.GetLeftPart(UriPartial.Authority)} does not answer: {FirstLine(Causes(e).Last().Message)}{(isUnknown ? "; is there a storage account of that name?" : "")}", e);
    }

    private ObjectStoreException Refused(RequestFailedException e, string request)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"az://{container}: {request}: {e.Status} {e.ErrorCode}");
        return (e.Status, e.ErrorCode) switch
        {
            (_, "ContainerNotFound" or "ContainerDisabled" or "ContainerBeingDeleted") or (404, "ResourceNotFound") =>
                new(ObjectStoreError.NoBucket, $"there is no container {container} at {endpoint.Authority}{endpoint.AbsolutePath.TrimEnd('/')}: create it first, or correct the URL", e),
            (401 or 403, _) => new(ObjectStoreError.AccessDenied,
                $"{text}: the credentials are wrong or do not allow this (they need to read, create, write, list and delete blobs of the container), or this machine's clock is wrong", e),
            (400, "InvalidHeaderValue") when e.Message.Contains("API version", StringComparison.OrdinalIgnoreCase) =>
                new(ObjectStoreError.Unsupported, $"{text}: the emulator knows only older clients: start it with --skipApiVersionCheck", e),
            (409, "BlobImmutableDueToPolicy" or "SnapshotsPresent" or "InvalidBlobType") =>
                new(ObjectStoreError.AccessDenied, $"{text}: a policy or another program keeps what must be replaced or removed: give the cluster a container without it", e),
            (408 or 409 or 412 or 429 or >= 500 and not 501, _) => new(ObjectStoreError.Unavailable, text, e),
            _ => new(ObjectStoreError.Unsupported, $"{text}: the store does not do what a cluster needs", e),
        };
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    private static IEnumerable<Exception> Causes(Exception e)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            yield return cause;
        }
    }
}
