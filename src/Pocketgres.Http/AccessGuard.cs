using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Pocketgres.Http;

/// <summary>Who may ask what: the token, and that it is not another web page that leads a browser here.</summary>
internal sealed class AccessGuard(HttpPortOptions options)
{
    private const string Scheme = "Bearer ";

    // Compared by hashes of one length, so that the time says nothing.
    private readonly byte[]? _token = options.Token is null ? null : Hash(options.Token);
    private readonly bool _isLoopback = IPAddress.IsLoopback(options.EndPoint.Address);

    /// <summary>
    /// Why the name by which a request came is refused, or null. A page that leads a browser here by a name of its own (DNS rebinding) is not to read anything.
    /// Beyond loopback the names are the user's, and the token keeps such pages out.
    /// </summary>
    public string? WrongHost(HttpRequest request)
    {
        string host = request.Host.Host.Trim('[', ']');
        bool isKnown = !_isLoopback || host is "" or "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
        return isKnown ? null : "this server is called 127.0.0.1 or localhost";
    }

    /// <summary>Whether the request has the token, or needs none.</summary>
    public bool MayRead(HttpRequest request) => _token is null || IsToken(BearerOf(request));

    private static string BearerOf(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : "";
    }

    private bool IsToken(string text) => CryptographicOperations.FixedTimeEquals(Hash(text), _token);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
