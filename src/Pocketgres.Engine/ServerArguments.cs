using System.Globalization;
using System.Net;
using Pocketgres.Engine.Logging;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Engine;

/// <summary>The postmaster's command line.</summary>
internal static class ServerArguments
{
    // What this engine cannot do otherwise; everything that is a matter of taste is in the template's postgresql.conf.
    private static readonly (string Name, string Value)[] s_required =
    [
        ("huge_pages", "off"),
        ("dynamic_shared_memory_type", "mmap"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("log_line_prefix", ServerLog.Prefix),
    ];

    /// <summary>The setting that says who may connect to a Unix socket.</summary>
    public const string SocketPermissions = "unix_socket_permissions";

    /// <summary>Builds argv; later settings win, so the user's come after ours, except for those the engine needs.</summary>
    /// <param name="options">The user's wishes.</param>
    /// <param name="dataDirectory">The data directory as the server sees it.</param>
    /// <param name="port">The port.</param>
    /// <param name="privateSockets">Whether only this user gets at the Unix socket, unless the user says otherwise.</param>
    /// <param name="preload">Libraries to preload unless the user says otherwise (<see cref="Data.PreloadList"/>), or null.</param>
    public static IReadOnlyList<string> Build(ClusterOptions options, string dataDirectory, int port, bool privateSockets, string? preload)
    {
        var arguments = new List<string> { EnginePrograms.PostgresPath, "-D", dataDirectory };
        if (StartSettings.IsOn(options.Settings, StartSettings.BinaryUpgrade, byDefault: false))
        {
            arguments.Add("-b");
        }

        if (preload is not null)
        {
            Add(Data.PreloadList.Parameter, preload);
        }

        if (privateSockets)
        {
            Add(SocketPermissions, "0700"); // a new cluster asks nobody for a password
        }

        foreach (var (name, value) in options.Settings)
        {
            Add(name, value);
        }

        // IPAddress.ToString is compiled at its first use.
        Add("listen_addresses", options.ListenAddress is not { } address ? "" : address.Equals(IPAddress.Loopback) ? "127.0.0.1" : address.ToString());
        Add("port", port.ToString(CultureInfo.InvariantCulture));
        Add("unix_socket_directories", options.UnixSocketDirectory is { } directory ? Path.GetFullPath(directory) : "");
        for (int i = 0; i < s_required.Length; i++)
        {
            Add(s_required[i].Name, s_required[i].Value);
        }

        return arguments;

        void Add(string name, string value)
        {
            arguments.Add("-c");
            arguments.Add($"{name}={value}");
        }
    }
}
