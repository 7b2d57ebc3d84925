namespace Pocketgres.ObjectStore.Transport;

/// <summary>Sends requests of HTTP/1.1 to one origin. Any thread.</summary>
internal interface IHttpTransport : IDisposable
{
    /// <summary>Sends a request and reads its whole answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="timeout">How long it may take until the answer begins, and then until it ends.</param>
    /// <param name="cancellationToken">Cancels; whether the request was executed is not known then.</param>
    /// <exception cref="IOException">There is no connection, it is lost, the time is over, or the answer makes no sense. Whether the request was executed is not known.</exception>
    Task<StoreResponse> SendAsync(StoreRequest request, TimeSpan timeout, CancellationToken cancellationToken);
}

/// <summary>A request.</summary>
/// <param name="Method">GET, PUT or DELETE.</param>
/// <param name="Target">Path and query, encoded.</param>
/// <param name="Headers">Names and values, host among them; not content-length, which goes with the body.</param>
/// <param name="Body">What a PUT sends; other methods have none.</param>
internal sealed record StoreRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, ReadOnlyMemory<byte> Body);

/// <summary>An answer.</summary>
/// <param name="Status">Status code.</param>
/// <param name="Headers">Names, as they were sent, and values.</param>
/// <param name="Body">All of it.</param>
internal sealed record StoreResponse(int Status, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    /// <summary>Whether it says that the request was executed.</summary>
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>The first header of a name, in any case; null for none.</summary>
    public string? Header(string name)
    {
        foreach (var header in Headers)
        {
            if (header.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return header.Value;
            }
        }

        return null;
    }
}
