using System.Net;
using System.Text;
using Pocketgres.Server;

namespace Pocketgres;

/// <summary>What is wrong with options, said before anything starts.</summary>
internal static class OptionsCheck
{
    private const int MaximumNameBytes = 63; // NAMEDATALEN - 1

    /// <summary>Checks options.</summary>
    /// <exception cref="PocketgresException">One of them makes no sense.</exception>
    public static void Run(PostgresInstanceOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Url))
        {
            throw Invalid("Url is empty: write memory:, file:DIRECTORY or postgres://user@host/database");
        }

        if (options.PreviousUrl is { } previous && !(PostgresUrl.TryParse(previous, out var url, out _) && url.DataDirectory is not null))
        {
            throw Invalid($"PreviousUrl \"{ConnectionUri.WithoutPassword(previous)}\" is no directory: write file:DIRECTORY, or leave it null");
        }

        if (options.Port is < 0 or > 65535)
        {
            throw Invalid($"Port {options.Port} is no port number: 1 to 65535, 0 for a free one, null for none");
        }

        if (!IPAddress.TryParse(options.ListenAddress, out _))
        {
            throw Invalid($"ListenAddress \"{options.ListenAddress}\" is no IP address: write 127.0.0.1, ::1, 0.0.0.0 or the like");
        }

        if (options.Database is { } database && string.IsNullOrWhiteSpace(database))
        {
            throw Invalid("Database is empty: leave it null for the default");
        }

        if (options.Database is { } name && (Encoding.UTF8.GetByteCount(name) > MaximumNameBytes || name.Contains('\0', StringComparison.Ordinal)))
        {
            throw Invalid($"Database \"{name}\" is no name of a database: at most {MaximumNameBytes} bytes of UTF-8, without zero characters (PostgreSQL would cut it)");
        }

        if (options.StopTimeout <= TimeSpan.Zero && options.StopTimeout != Timeout.InfiniteTimeSpan)
        {
            throw Invalid("StopTimeout must be positive, or Timeout.InfiniteTimeSpan");
        }

        foreach (string setting in options.Settings.Keys)
        {
            if (setting.ToLowerInvariant() is "port" or "listen_addresses" or "unix_socket_directories" or "data_directory")
            {
                throw Invalid($"the setting {setting} is this library's: use Port, ListenAddress and Url");
            }
        }
    }

    private static PocketgresException Invalid(string message) => new(PocketgresError.InvalidOption, message);
}
