using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Pocketgres.ObjectStore.Transport;

/// <summary>
/// Where an HTTP server is (RFC 6454). Not a <see cref="Uri"/>: what that can do besides, .NET compiles at its first use, some 15 ms of a wake.
/// </summary>
/// <param name="IsEncrypted">Whether the scheme is https.</param>
/// <param name="Host">A name or an address, without brackets.</param>
/// <param name="Port">TCP port.</param>
internal sealed record HttpOrigin(bool IsEncrypted, string Host, int Port)
{
    private const string Http = "http://", Https = "https://";

    /// <summary>Host and, unless it is the scheme's own, port: what the Host header says.</summary>
    public string Authority
    {
        get
        {
            string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
            return Port == DefaultPort(IsEncrypted) ? host : string.Create(CultureInfo.InvariantCulture, $"{host}:{Port}");
        }
    }

    /// <summary>The host, if it is an address.</summary>
    public IPAddress? Address => (Host.Contains(':', StringComparison.Ordinal) || char.IsAsciiDigit(Host[^1])) && IPAddress.TryParse(Host, out var address) ? address : null;

    /// <summary>Reads <c>http://HOST:PORT</c> or <c>https://HOST:PORT</c>; the port may be left out, a slash may follow.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out HttpOrigin? origin)
    {
        origin = null;
        bool isEncrypted = text.StartsWith(Https, StringComparison.OrdinalIgnoreCase);
        if (!isEncrypted && !text.StartsWith(Http, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        string authority = text[(isEncrypted ? Https : Http).Length..];
        authority = authority.EndsWith('/') ? authority[..^1] : authority;
        int end = authority.StartsWith('[') ? authority.IndexOf(']', StringComparison.Ordinal) + 1 : authority.IndexOf(':', StringComparison.Ordinal);
        string host = end < 0 ? authority : authority[..end], rest = end < 0 ? "" : authority[end..];
        int port = DefaultPort(isEncrypted);
        if (rest.Length > 0 && !(rest[0] == ':' && int.TryParse(rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= IPEndPoint.MaxPort))
        {
            return false;
        }

        if (host.StartsWith('['))
        {
            host = host[1..^1];
            origin = IPAddress.TryParse(host, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? new HttpOrigin(isEncrypted, host, port) : null;
        }
        else if (host.Length > 0 && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_'))
        {
            origin = new HttpOrigin(isEncrypted, host, port);
        }

        return origin is not null;
    }

    /// <summary>The same, of what is known to be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static HttpOrigin Parse(string text) => TryParse(text, out var origin) ? origin : throw new FormatException($"\"{text}\": write http://HOST:PORT or https://HOST");

    /// <inheritdoc/>
    public override string ToString() => (IsEncrypted ? Https : Http) + Authority;

    private static int DefaultPort(bool isEncrypted) => isEncrypted ? 443 : 80;
}
