using System.Globalization;
using System.Text;
using Pocketgres.Pglite;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>The line of JSON on stdout that says a server is ready: for the programs that start one.</summary>
internal static class ReadyLine
{
    /// <summary>The line of a running server.</summary>
    public static string Of(PostgresServer server) => Format(server.Port, server.ConnectionUrl, server.UnixSocketDirectory, server.DataDirectory);

    /// <summary>The line, its end included. Fields that do not apply are left out; readers must ignore fields they do not know.</summary>
    internal static string Format(int port, string url, string? socketDirectory, string dataDirectory)
    {
        var json = new StringBuilder();
        json.Append(CultureInfo.InvariantCulture, $"{{\"port\": {port}, \"url\": ");
        AppendString(json, url);
        if (socketDirectory is not null)
        {
            AppendString(json.Append(", \"socket\": "), socketDirectory);
        }

        json.Append(CultureInfo.InvariantCulture, $", \"pid\": {Environment.ProcessId}");
        AppendString(json.Append(", \"version\": "), PglitePackage.PostgresVersion);
        AppendString(json.Append(", \"dataDirectory\": "), dataDirectory);
        return json.Append("}\n").ToString();
    }

    // RFC 8259, section 7. Written out: System.Text.Json would be loaded and partly compiled at every start for this one line.
    private static void AppendString(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (char c in text)
        {
            if (c is '"' or '\\' || c < ' ' || char.IsSurrogate(c))
            {
                json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                json.Append(c);
            }
        }

        json.Append('"');
    }
}
