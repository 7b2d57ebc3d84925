using System.Globalization;
using Npgsql;

namespace Pocketgres.Server;

/// <summary>Connection URIs as libpq defines them (PostgreSQL 18, 32.1.1.2), turned into what Npgsql takes.</summary>
internal static class ConnectionUri
{
    private const int DefaultPort = 5432;

    // libpq's names; a null value is accepted and has no meaning for Npgsql.
    private static readonly Dictionary<string, string?> s_parameters = new(StringComparer.Ordinal)
    {
        ["user"] = "Username",
        ["password"] = "Password",
        ["dbname"] = "Database",
        ["passfile"] = "Passfile",
        ["application_name"] = "Application Name",
        ["fallback_application_name"] = null,
        ["connect_timeout"] = "Timeout",
        ["client_encoding"] = "Client Encoding",
        ["options"] = "Options",
        ["sslmode"] = "SSL Mode",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["sslrootcert"] = "Root Certificate",
        ["sslnegotiation"] = "SSL Negotiation",
        ["gssencmode"] = "GSS Encryption Mode",
        ["channel_binding"] = "Channel Binding",
        ["target_session_attrs"] = "Target Session Attributes",
        ["keepalives"] = "TCP Keepalive",
        ["keepalives_idle"] = "TCP Keepalive Time",
        ["keepalives_interval"] = "TCP Keepalive Interval",
    };

    /// <summary>Whether a text claims to be such a URI.</summary>
    public static bool Matches(string text) =>
        text.StartsWith("postgres:", StringComparison.OrdinalIgnoreCase) || text.StartsWith("postgresql:", StringComparison.OrdinalIgnoreCase);

    /// <summary>A URL or an Npgsql connection string for logs and messages.</summary>
    public static string WithoutPassword(string url)
    {
        if (Matches(url))
        {
            int end = url.IndexOf('?', StringComparison.Ordinal);
            end = end < 0 ? url.Length : end;
            int at = url.LastIndexOf('@', end - 1), start = url.IndexOf("//", StringComparison.Ordinal) + 2;
            int colon = at < 0 || start > at ? -1 : url.IndexOf(':', start, at - start);
            string shown = colon < 0 ? url : string.Concat(url.AsSpan(0, colon), url.AsSpan(at));
            int query = shown.IndexOf('?', StringComparison.Ordinal);
            return query >= 0 && shown.IndexOf("password=", query, StringComparison.OrdinalIgnoreCase) >= 0 ? shown[..query] : shown;
        }

        if (url.Contains("password", StringComparison.OrdinalIgnoreCase) || url.Contains("pwd", StringComparison.OrdinalIgnoreCase))
        {
            return new NpgsqlConnectionStringBuilder(url) { Password = null }.ConnectionString;
        }

        return url;
    }

    /// <summary>Reads a URI.</summary>
    /// <exception cref="FormatException">It makes no sense; the password is not in the message.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text)
    {
        string rest = text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (!rest.StartsWith("//", StringComparison.Ordinal))
        {
            throw Invalid("after postgres: must follow //, as in postgres://user@host/database");
        }

        rest = rest[2..];
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        string query = question < 0 ? "" : rest[(question + 1)..];
        rest = question < 0 ? rest : rest[..question];
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string database = slash < 0 ? "" : Unescape(rest[(slash + 1)..]);
        string authority = slash < 0 ? rest : rest[..slash];

        var builder = new NpgsqlConnectionStringBuilder();
        int at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            string[] user = authority[..at].Split(':', 2);
            builder.Username = Unescape(user[0]);
            if (user.Length == 2)
            {
                builder.Password = Unescape(user[1]);
            }
        }

        var hosts = authority[(at + 1)..] is { Length: > 0 } list ? list.Split(',').Select(ReadHost).ToList() : [];
        if (database.Length > 0)
        {
            builder.Database = database;
        }

        string? hostList = null, portList = null;
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split('=', 2);
            string name = Unescape(parts[0]), value = parts.Length == 2 ? Unescape(parts[1]) : "";
            switch (name)
            {
                case "host" or "hostaddr":
                    hostList = value;
                    break;
                case "port":
                    portList = value;
                    break;
                default:
                    Set(builder, name, value);
                    break;
            }
        }

        SetHosts(builder, hosts, hostList, portList);
        return builder;
    }

    private static (string Host, int Port) ReadHost(string text)
    {
        // [::1]:5432: the colons of an IPv6 address are not the port's.
        int end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = text.IndexOf(':', end + 1);
        string host = Unescape(colon < 0 ? text : text[..colon]).Trim('[', ']');
        return (host.Length == 0 ? "localhost" : host, colon < 0 ? DefaultPort : ReadPort(text[(colon + 1)..]));
    }

    private static int ReadPort(string text) =>
        text.Length == 0 ? DefaultPort
        : int.TryParse(text, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= 65535 ? port
        : throw Invalid($"\"{text}\" is not a port number");

    private static void SetHosts(NpgsqlConnectionStringBuilder builder, List<(string Host, int Port)> hosts, string? hostList, string? portList)
    {
        if (hostList is not null)
        {
            int port = hosts.Count > 0 ? hosts[0].Port : DefaultPort;
            hosts = [.. hostList.Split(',').Select(h => (h.Length == 0 ? "localhost" : h, port))];
        }

        if (hosts.Count == 0)
        {
            hosts.Add(("localhost", DefaultPort));
        }

        if (portList is not null)
        {
            string[] ports = portList.Split(',');
            if (ports.Length != 1 && ports.Length != hosts.Count)
            {
                throw Invalid($"{hosts.Count} hosts but {ports.Length} ports: give one port, or one a host");
            }

            hosts = [.. hosts.Select((h, i) => (h.Host, ReadPort(ports[ports.Length == 1 ? 0 : i])))];
        }

        if (hosts.Count == 1)
        {
            (builder.Host, builder.Port) = hosts[0];
        }
        else
        {
            builder.Host = string.Join(',', hosts.Select(h =>
                string.Create(CultureInfo.InvariantCulture, $"{(h.Host.Contains(':', StringComparison.Ordinal) ? $"[{h.Host}]" : h.Host)}:{h.Port}")));
        }
    }

    private static void Set(NpgsqlConnectionStringBuilder builder, string name, string value)
    {
        if (!s_parameters.TryGetValue(name, out string? keyword))
        {
            throw Invalid($"the parameter \"{name}\" is not known; known are {string.Join(", ", s_parameters.Keys)}");
        }

        if (keyword is null)
        {
            return;
        }

        // read-write, verify-full: Npgsql has the same words, with or without hyphens.
        value = name is "sslmode" ? value.Replace("-", "", StringComparison.Ordinal) : name == "keepalives" ? (value == "0" ? "false" : "true") : value;
        try
        {
            builder[keyword] = value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or KeyNotFoundException)
        {
            throw Invalid($"\"{value}\" is no value for the parameter \"{name}\"", e);
        }
    }

    private static string Unescape(string text) => Uri.UnescapeDataString(text);

    private static FormatException Invalid(string message, Exception? inner = null) => new("the postgres: URL cannot be used: " + message, inner);
}
