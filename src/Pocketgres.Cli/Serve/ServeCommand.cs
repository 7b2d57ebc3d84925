using System.CommandLine;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The options of <c>serve</c>. All values are read as strings and checked here: one wording for all errors, and no generic parser for each type to
/// be compiled at start.
/// </summary>
internal sealed class ServeCommand
{
    public const string Name = "serve";

    private const string LoopbackAddress = "127.0.0.1";

    private const int MaximumNameBytes = 63; // NAMEDATALEN - 1: Postgres would cut a longer one silently

    private readonly Argument<string?> _url = new("URL")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "memory: (gone when stopped), file:DIR (made if missing), or file: for the user's data folder (the default).",
    };

    private readonly Option<string?> _host = Text("--host", "ADDR", "Address to listen on for TCP (default 127.0.0.1).");
    private readonly Option<string?> _port = Text("--port", "N", "TCP port, also in the Unix socket's name (default 5432); 0 picks a free one.");
    private readonly Option<bool> _noTcp = new("--no-tcp") { Description = "Serve the Unix socket only." };
    private readonly Option<string?> _socketDirectory = Text("--unix-socket-dir", "DIR", "Also serve a Unix socket in this directory.");
    private readonly Option<string?> _database = Text("--database", "NAME", "Database in the printed URL, created if missing (default postgres).");
    private readonly Option<string?> _parentPid = Text("--parent-pid", "PID", "Stop when this process ends.");
    private readonly Option<string?> _logLevel = Text("--log-level", "LEVEL", "Log on stderr: quiet, error, warning, info (default), debug.");

    private readonly Option<string[]> _settings = new("-c", "--set")
    {
        HelpName = "name=value",
        Description = "A setting of PostgreSQL; repeatable.",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    public ServeCommand()
    {
        Command = new Command(Name,
            "Serve a PostgreSQL cluster until stopped. When it is ready, one line of JSON on stdout gives port and URL; the log goes to stderr.\n" +
            "SIGINT or SIGTERM stops (fast), a second one stops at once; SIGHUP reads the configuration again.")
        {
            _url, _host, _port, _noTcp, _socketDirectory, _database, _settings, _parentPid, _logLevel,
        };
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>Reads what was parsed.</summary>
    /// <exception cref="UsageException">A value does not make sense.</exception>
    public ServeSettings Read(ParseResult result)
    {
        if (!PostgresUrl.TryParse(result.GetValue(_url) ?? "file:", out var url, out string? error))
        {
            throw new UsageException(error);
        }

        bool noTcp = result.GetValue(_noTcp);
        string? host = result.GetValue(_host);
        string? socketDirectory = result.GetValue(_socketDirectory);
        if (noTcp && host is not null)
        {
            throw new UsageException("--no-tcp and --host contradict each other: give one of them");
        }

        if (noTcp && socketDirectory is null)
        {
            throw new UsageException("with --no-tcp nobody could connect: give --unix-socket-dir too");
        }

        int port = Number("--port", result.GetValue(_port) ?? "5432", 0, IPEndPoint.MaxPort);
        if (noTcp && port == 0)
        {
            throw new UsageException("--port 0 picks a free TCP port, which --no-tcp forbids: give the Unix socket a port number");
        }

        var address = noTcp ? null : Address(host ?? LoopbackAddress);
        return new ServeSettings
        {
            Server = new ServerOptions
            {
                Url = url,
                ListenAddress = address,
                Port = port,
                UnixSocketDirectory = socketDirectory is null ? null : Path.GetFullPath(socketDirectory),
                Database = DatabaseName(result.GetValue(_database) ?? ServerOptions.DefaultDatabase),
                Settings = Settings(result.GetValue(_settings) ?? []),
                TrimMemory = true,
            },
            ListensBeyondLoopback = address is not null && !IPAddress.IsLoopback(address),
            ParentPid = result.GetValue(_parentPid) is { } pid ? Number("--parent-pid", pid, 1, int.MaxValue) : null,
            LogLevel = Level(result.GetValue(_logLevel) ?? "info"),
        };
    }

    private static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };

    // The usual one without IPAddress.Parse, which .NET compiles at first use.
    private static IPAddress Address(string text) => text is LoopbackAddress or "localhost" ? IPAddress.Loopback
        : IPAddress.TryParse(text, out var address) ? address
        : throw new UsageException($"--host {text} is not an IP address: give one, for example 127.0.0.1, ::1, or 0.0.0.0 for all");

    private static int Number(string option, string text, int minimum, int maximum) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum
            ? value
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option} takes a number from {minimum} to {maximum}, not \"{text}\""));

    private static LogLevel Level(string text) => text switch
    {
        "quiet" => LogLevel.None,
        "error" => LogLevel.Error,
        "warning" => LogLevel.Warning,
        "info" => LogLevel.Information,
        "debug" => LogLevel.Trace,
        _ => throw new UsageException($"--log-level takes one of quiet, error, warning, info, debug, not \"{text}\""),
    };

    private static string DatabaseName(string name)
    {
        int bytes = System.Text.Encoding.UTF8.GetByteCount(name);
        return bytes is 0 or > MaximumNameBytes || name.Contains('\0', StringComparison.Ordinal)
            ? throw new UsageException($"--database takes a name of 1 to {MaximumNameBytes} bytes, not {bytes}")
            : name;
    }

    private static Dictionary<string, string> Settings(string[] pairs)
    {
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? "" : pair[..equals].Trim();
            if (name.Length == 0)
            {
                throw new UsageException($"-c takes name=value, not \"{pair}\"");
            }

            if (OptionFor(name) is { } instead)
            {
                throw new UsageException($"-c {name}: use {instead} instead");
            }

            settings[name] = pair[(equals + 1)..]; // as in Postgres, the last one wins
        }

        return settings;
    }

    // Settings that this program decides on, because it must know them.
    private static string? OptionFor(string setting) => setting.ToLowerInvariant() switch
    {
        "port" => "--port",
        "listen_addresses" => "--host",
        "unix_socket_directories" => "--unix-socket-dir",
        "data_directory" => "the URL file:DIR",
        _ => null,
    };
}
