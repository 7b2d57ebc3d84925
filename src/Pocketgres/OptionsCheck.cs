using System.Net;

namespace Pocketgres;

/// <summary>What is wrong with options, said before anything starts.</summary>
internal static class OptionsCheck
{
    /// <summary>Checks options.</summary>
    /// <exception cref="PocketgresException">One of them makes no sense.</exception>
    public static void Run(PostgresInstanceOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Url))
        {
            throw Invalid("Url is empty: write memory:, file:DIRECTORY or postgres://user@host/database");
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

        if (options.StopTimeout <= TimeSpan.Zero && options.StopTimeout != Timeout.InfiniteTimeSpan)
        {
            throw Invalid("StopTimeout must be positive, or Timeout.InfiniteTimeSpan");
        }

        foreach (string name in options.Settings.Keys)
        {
            if (name.ToLowerInvariant() is "port" or "listen_addresses" or "unix_socket_directories" or "data_directory")
            {
                throw Invalid($"the setting {name} is this library's: use Port, ListenAddress and Url");
            }
        }
    }

    private static PocketgresException Invalid(string message) => new(PocketgresError.InvalidOption, message);
}
