using System.Globalization;
using System.Net;

namespace Pocketgres.Cli.Serve;

/// <summary>Where to answer HTTP, and to whom.</summary>
/// <param name="EndPoint">Address and port.</param>
/// <param name="Token">What a client must know to read more than health and readiness; null for nothing.</param>
/// <param name="IsAdmin">Whether the admin page may change something.</param>
internal sealed record HttpSettings(IPEndPoint EndPoint, string? Token, bool IsAdmin);

/// <summary>The options of <c>serve</c> about HTTP.</summary>
internal sealed class HttpArguments
{
    // Whoever can reach the port can guess as fast as it answers.
    private const int MinimumToken = 16;
    private const int MaximumToken = 1024;

    public string? Address { get; init; }

    public string? TokenFile { get; init; }

    public bool IsAdmin { get; init; }

    /// <summary>What they mean; null for no HTTP.</summary>
    /// <exception cref="UsageException">A value does not make sense.</exception>
    public HttpSettings? Read()
    {
        if (Address is null)
        {
            string? other = TokenFile is not null ? "--http-token-file" : IsAdmin ? "--admin" : null;
            return other is null ? null : throw new UsageException($"{other} is for --http: give that too");
        }

        return new HttpSettings(EndPoint(Address), TokenFile is null ? null : ReadToken(TokenFile), IsAdmin);
    }

    // Not IPEndPoint.TryParse, which takes ::1 for an address with port 0.
    private static IPEndPoint EndPoint(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "localhost" : text[..colon];
        bool isBracketed = host.StartsWith('[') && host.EndsWith(']');
        bool isPort = int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= IPEndPoint.MaxPort;
        var address = host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out var parsed) && isBracketed == host.Contains(':', StringComparison.Ordinal) ? parsed : null;
        return isPort && address is not null ? new IPEndPoint(address, port)
            : throw new UsageException($"--http takes a port, or an IP address and a port (127.0.0.1:9187, [::1]:9187), not \"{text}\"");
    }

    private static string ReadToken(string path)
    {
        try
        {
            string token = File.ReadAllText(path).TrimEnd('\r', '\n');
            return token.Length is >= MinimumToken and <= MaximumToken && token.All(c => c is > ' ' and <= '~') ? token
                : throw new UsageException($"--http-token-file {path}: a token has one line of {MinimumToken} to {MaximumToken} letters, digits and signs; make one with: head -c 24 /dev/urandom | base64");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--http-token-file: {e.Message.TrimEnd('.')}; name a file with the token that readers must send");
        }
    }
}
