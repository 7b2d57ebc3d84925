using System.Text;
using System.Text.Json;
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
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("port", port);
            json.WriteString("url", url);
            if (socketDirectory is not null)
            {
                json.WriteString("socket", socketDirectory);
            }

            json.WriteNumber("pid", Environment.ProcessId);
            json.WriteString("version", PglitePackage.PostgresVersion);
            json.WriteString("dataDirectory", dataDirectory);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length) + "\n";
    }
}
