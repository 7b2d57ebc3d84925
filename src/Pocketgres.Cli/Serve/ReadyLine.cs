using System.Globalization;
using System.Text;
using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>The line of JSON on stdout that says a server is ready: for the programs that start one.</summary>
internal static class ReadyLine
{
    /// <summary>The line of a running server.</summary>
    public static string Of(PostgresServer server, WebFramework? http) =>
        Format(server.Port, server.ConnectionUrl, server.UnixSocketDirectory, server.DataDirectory, http?.Port, http?.AdminUrl);

    /// <summary>The line, its end included. Fields that do not apply are left out; readers must ignore fields they do not know.</summary>
    internal static string Format(int port, string url, string? socketDirectory, string dataDirectory, int? httpPort = null, string? adminUrl = null)
    {
        var json = new StringBuilder();
        json.Append(CultureInfo.InvariantCulture, $"{{\"port\": {port}, \"url\": ");
        json.AppendJson(url);
        if (socketDirectory is not null)
        {
            json.Append(", \"socket\": ").AppendJson(socketDirectory);
        }

        json.Append(CultureInfo.InvariantCulture, $", \"pid\": {Environment.ProcessId}");
        json.Append(", \"version\": ").AppendJson(EngineFiles.Default.PostgresVersion);
        json.Append(", \"dataDirectory\": ").AppendJson(dataDirectory);
        if (httpPort is { } http)
        {
            json.Append(CultureInfo.InvariantCulture, $", \"httpPort\": {http}, \"adminUrl\": ").AppendJson(adminUrl!);
        }

        return json.Append("}\n").ToString();
    }
}
