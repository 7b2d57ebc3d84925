using System.Globalization;
using System.Net;

namespace Pocketgres.ObjectStore.S3;

/// <summary>What an S3 server was asked: requests by what stores charge for, and bytes of bodies. Thread-safe.</summary>
internal sealed class RequestCounts
{
    private long _puts, _gets, _lists, _deletes, _failed, _bytesIn, _bytesOut;

    /// <summary>Counts a request that was answered.</summary>
    /// <param name="request">It.</param>
    /// <param name="response">Its answer, with the length of its body.</param>
    /// <param name="isListing">Whether it asked for names.</param>
    public void Add(HttpListenerRequest request, HttpListenerResponse response, bool isListing)
    {
        if (response.StatusCode >= (int)HttpStatusCode.InternalServerError || response.StatusCode == (int)HttpStatusCode.TooManyRequests)
        {
            Interlocked.Increment(ref _failed); // which nobody charges for
            return;
        }

        Interlocked.Increment(ref isListing ? ref _lists : ref request.HttpMethod == "PUT" ? ref _puts : ref request.HttpMethod == "DELETE" ? ref _deletes : ref _gets);
        Interlocked.Add(ref _bytesIn, Math.Max(0, request.ContentLength64));
        Interlocked.Add(ref _bytesOut, request.HttpMethod == "HEAD" ? 0 : Math.Max(0, response.ContentLength64));
    }

    /// <summary>All of it, as an object of JSON.</summary>
    public string ToJson() => string.Create(CultureInfo.InvariantCulture,
        $"{{\"put\": {Volatile.Read(ref _puts)}, \"list\": {Volatile.Read(ref _lists)}, \"get\": {Volatile.Read(ref _gets)}, \"delete\": {Volatile.Read(ref _deletes)}, \"failed\": {Volatile.Read(ref _failed)}, \"bytesIn\": {Volatile.Read(ref _bytesIn)}, \"bytesOut\": {Volatile.Read(ref _bytesOut)}}}\n");
}
