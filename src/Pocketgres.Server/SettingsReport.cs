using Npgsql;
using Pocketgres.Engine;
using Pocketgres.Engine.Checking;
using Pocketgres.Engine.Data;

namespace Pocketgres.Server;

/// <summary>One setting as a server would have it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Value">Value with its unit, as SHOW prints it.</param>
/// <param name="Source">Who says so: a file and line, an option, the machine, or PostgreSQL's default.</param>
/// <param name="IsDefault">Whether nobody said anything.</param>
public sealed record SettingValue(string Name, string Value, string Source, bool IsDefault);

/// <summary>
/// Asks PostgreSQL itself what its settings would be: a server that only this process can reach starts on the data directory without changing it, or in memory
/// where there is no cluster yet.
/// </summary>
public static class SettingsReport
{
    private const int Port = 5432;

    /// <summary>The settings, by name.</summary>
    /// <param name="options">What would be served.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ClusterException">The directory is in use or unreadable, or a setting is wrong.</exception>
    /// <exception cref="ServerException">The server's settings cannot be asked for.</exception>
    public static async Task<IReadOnlyList<SettingValue>> ReadAsync(ServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Url.DataDirectory is not { } path || DataDirectory.IsNew(path))
        {
            return await ReadAsync(options, overlay: null, cancellationToken).ConfigureAwait(false);
        }

        using var directory = StoppedDirectory.Open(path);
        var overlay = new ClusterOverlay(directory.Path);
        try
        {
            return await ReadAsync(options, overlay, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            overlay.Free();
        }
    }

    private static async Task<IReadOnlyList<SettingValue>> ReadAsync(ServerOptions options, ClusterOverlay? overlay, CancellationToken cancellationToken)
    {
        using var socket = PrivateDirectory.Create();
        string rules = Path.Combine(socket.Path, Creation.HostBasedAuthentication.FileName);
        await File.WriteAllTextAsync(rules, Creation.HostBasedAuthentication.Text(new Creation.ClusterSetup()), cancellationToken).ConfigureAwait(false);
        var cluster = await PostgresCluster.StartAsync(
            new ClusterOptions
            {
                Overlay = overlay,
                ListenAddress = null,
                Port = Port,
                UnixSocketDirectory = socket.Path,
                Memory = options.Memory,
                FitInMemory = options.Url.IsMemory,
                Settings = new Dictionary<string, string>(options.Settings, StringComparer.OrdinalIgnoreCase) { [Creation.HostBasedAuthentication.Setting] = rules },
            },
            cancellationToken).ConfigureAwait(false);
        await using (cluster.ConfigureAwait(false))
        {
            try
            {
                return await AskAsync(socket.Path, options, cancellationToken).ConfigureAwait(false);
            }
            catch (NpgsqlException e)
            {
                throw new ServerException($"the settings cannot be read: {(e as PostgresException)?.MessageText ?? e.Message}; POSTGRES_USER names the superuser if it is not postgres", e);
            }
        }
    }

    private static async Task<IReadOnlyList<SettingValue>> AskAsync(string socketDirectory, ServerOptions options, CancellationToken cancellationToken)
    {
        // What this report itself set is not reported; settings of the session neither.
        const string Sql = """
            SELECT name, current_setting(name), source, coalesce(sourcefile, ''), coalesce(sourceline, 0)
            FROM pg_catalog.pg_settings
            WHERE name NOT IN ('hba_file', 'port', 'unix_socket_directories', 'listen_addresses', 'data_directory') AND source NOT IN ('session', 'client')
            ORDER BY name
            """;
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = socketDirectory,
            Port = Port,
            Username = options.User,
            Database = ServerOptions.DefaultDatabase,
            Pooling = false,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await using (connection.ConfigureAwait(false))
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            var command = new NpgsqlCommand(Sql, connection);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    string machine = MachineLimits.Current.With(options.Memory).Describe();
                    var values = new List<SettingValue>();
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        string name = reader.GetString(0), source = reader.GetString(2);
                        values.Add(new SettingValue(name, reader.GetString(1), Describe(name), IsDefault: source == "default"));

                        string Describe(string of) => Path.GetFileName(reader.GetString(3)) switch
                        {
                            MachineSettings.Name => machine,
                            { Length: > 0 } file => $"{file} line {reader.GetInt32(4)}",
                            _ when source == "command line" => options.Settings.Keys.Contains(of, StringComparer.OrdinalIgnoreCase) ? "-c" : "the engine",
                            _ => source,
                        };
                    }

                    return values;
                }
            }
        }
    }
}
