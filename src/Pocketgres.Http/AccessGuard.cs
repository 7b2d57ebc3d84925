using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Pocketgres.Http;

/// <summary>
/// Who may ask what. There is one secret, the token. A browser shows it once and then has a cookie; what changes something also needs the token that only our own
/// pages have in their forms, so that no other web page can have a browser do it.
/// </summary>
internal sealed class AccessGuard
{
    private const string Scheme = "Bearer ";
    private const int MadeTokenBytes = 24;

    private readonly bool _isLoopback;
    private readonly bool _needsToken;
    private readonly byte[] _token;
    private readonly byte[] _cookie;
    private readonly byte[] _form;

    public AccessGuard(HttpPortOptions options)
    {
        _isLoopback = IPAddress.IsLoopback(options.EndPoint.Address);
        _needsToken = options.Token is not null;
        MadeToken = _needsToken ? null : Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(MadeTokenBytes));
        _token = Hash(options.Token ?? MadeToken!);

        // Of this process: who signed in before a restart does so again.
        Cookie = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(MadeTokenBytes));
        FormToken = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(MadeTokenBytes));
        (_cookie, _form) = (Hash(Cookie), Hash(FormToken));
    }

    /// <summary>The token of the admin page, when none was given.</summary>
    public string? MadeToken { get; }

    /// <summary>What a browser that has shown the token sends from then on.</summary>
    public string Cookie { get; }

    /// <summary>What our own forms contain.</summary>
    public string FormToken { get; }

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

    /// <summary>Whether the request may read metrics.</summary>
    public bool MayReadMetrics(HttpRequest request) => !_needsToken || IsToken(BearerOf(request));

    /// <summary>Whether the request may see the admin page.</summary>
    public bool MaySeePages(HttpRequest request, string cookieName) => Is(_cookie, request.Cookies[cookieName] ?? "") || IsToken(BearerOf(request));

    /// <summary>Whether the text is the token.</summary>
    public bool IsToken(string text) => Is(_token, text);

    /// <summary>Whether the text is what our own forms contain.</summary>
    public bool IsFormToken(string text) => Is(_form, text);

    /// <summary>Whether another web page sent a request that changes something.</summary>
    public static bool IsForeign(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString(), site = request.Headers["Sec-Fetch-Site"].ToString();
        return site is not ("" or "same-origin" or "none")
            || (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase)));
    }

    private static string BearerOf(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : "";
    }

    // Compared by hashes of one length, so that the time says nothing.
    private static bool Is(byte[] secret, string text) => CryptographicOperations.FixedTimeEquals(Hash(text), secret);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
