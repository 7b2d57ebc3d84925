using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Pocketgres.Server;

/// <summary>How a client on this machine reaches a server: what drivers and libpq are told.</summary>
internal static class ConnectionAddress
{
    /// <summary>The superuser of every cluster that was made without another name.</summary>
    public const string User = "postgres";

    /// <summary>sizeof(sockaddr_un.sun_path) on Linux, its terminating zero included.</summary>
    public const int UnixPathSize = 108;

    /// <summary>The Unix socket's path, as Postgres and libpq form it.</summary>
    public static string UnixSocketPath(string directory, int port) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $".s.PGSQL.{port}"));

    /// <summary>The address to connect to when a server listens on <paramref name="listen"/>: "any" is no address to connect to.</summary>
    public static IPAddress ConnectTo(IPAddress listen) =>
        listen.Equals(IPAddress.Any) ? IPAddress.Loopback : listen.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : listen;

    /// <summary>A connection URI of libpq's form; with a host it is also what every other driver takes.</summary>
    public static string Url(IPAddress? listen, string? unixSocketDirectory, int port, string database, string user = User)
    {
        string name = Escape(database), role = Escape(user);
        if (listen is null)
        {
            return string.Create(CultureInfo.InvariantCulture, $"postgres://{role}@/{name}?host={Escape(unixSocketDirectory!)}&port={port}");
        }

        var address = ConnectTo(listen);
        string host = address.Equals(IPAddress.Loopback) ? "127.0.0.1" : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"postgres://{role}@{host}:{port}/{name}");
    }

    // The short way for what needs no escape: System.Private.Uri is loaded only for the rest.
    private static string Escape(string text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_' or '~'))
            {
                return EscapeAny(text);
            }
        }

        return text;
    }

    // Of its own, since a method's first call loads the assemblies of all that it may call.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string EscapeAny(string text) => Uri.EscapeDataString(text);
}
