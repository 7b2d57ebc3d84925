using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>The arguments of <c>serve</c> as they were given: null for what was not.</summary>
internal sealed class ServeArguments
{
    private const string LoopbackAddress = "127.0.0.1";

    private const int MaximumNameBytes = 63; // NAMEDATALEN - 1: Postgres would cut a longer one silently

    public string? Url { get; set; }

    public string? Host { get; set; }

    public string? Port { get; set; }

    public bool NoTcp { get; set; }

    public bool AllowRoot { get; set; }

    public bool IsTls { get; set; }

    public string? SocketDirectory { get; set; }

    public string? Database { get; set; }

    public string? ParentPid { get; set; }

    public string? Log { get; set; }

    public string? Http { get; set; }

    public string? HttpTokenFile { get; set; }

    public bool IsAdmin { get; set; }

    public string? LogFormat { get; set; }

    public string? PasswordFile { get; set; }

    public string? Authentication { get; set; }

    public string? InitDirectory { get; set; }

    public string? Memory { get; set; }

    /// <summary>Whether they are those of <c>host</c>.</summary>
    public bool IsHost { get; set; }

    /// <summary><c>name=value</c>.</summary>
    public IReadOnlyList<string> Settings { get; set; } = [];

    /// <summary>
    /// Reads a command line that is plainly written: <c>serve</c>, then options and their values as words of their own, each at most once but for settings.
    /// Null for everything else, errors and requests for help included, which is the command line parser's business: a start that does not need it is
    /// 8 ms shorter.
    /// </summary>
    public static ServeArguments? ReadPlain(IReadOnlyList<string> args)
    {
        if (args.Count == 0 || args[0] != ServeCommand.Name)
        {
            return null;
        }

        var read = new ServeArguments();
        var settings = new List<string>();
        for (int i = 1; i < args.Count; i++)
        {
            string word = args[i];
            if (word == "--no-tcp" && !read.NoTcp)
            {
                read.NoTcp = true;
                continue;
            }

            if (word == "--allow-root" && !read.AllowRoot)
            {
                read.AllowRoot = true;
                continue;
            }

            if (word == "--tls" && !read.IsTls)
            {
                read.IsTls = true;
                continue;
            }

            if (word == "--admin" && !read.IsAdmin)
            {
                read.IsAdmin = true;
                continue;
            }

            bool isOption = word.StartsWith('-');
            string value = word;
            if (isOption)
            {
                if (++i == args.Count)
                {
                    return null;
                }

                value = args[i];
            }

            if (value.Length == 0 || value[0] is '-' or '@' || !read.Take(isOption ? word : "", value, settings))
            {
                return null;
            }
        }

        read.Settings = settings;
        return read;
    }

    private bool Take(string option, string value, List<string> settings)
    {
        switch (option)
        {
            case "" when Url is null:
                Url = value;
                return true;
            case "--host" when Host is null:
                Host = value;
                return true;
            case "--port" when Port is null:
                Port = value;
                return true;
            case "--unix-socket-dir" when SocketDirectory is null:
                SocketDirectory = value;
                return true;
            case "--database" when Database is null:
                Database = value;
                return true;
            case "--parent-pid" when ParentPid is null:
                ParentPid = value;
                return true;
            case "--log-level" when Log is null:
                Log = value;
                return true;
            case "--http" when Http is null:
                Http = value;
                return true;
            case "--http-token-file" when HttpTokenFile is null:
                HttpTokenFile = value;
                return true;
            case "--log-format" when LogFormat is null:
                LogFormat = value;
                return true;
            case "--password-file" when PasswordFile is null:
                PasswordFile = value;
                return true;
            case "--auth" when Authentication is null:
                Authentication = value;
                return true;
            case "--memory" when Memory is null:
                Memory = value;
                return true;
            case "--init" when InitDirectory is null:
                InitDirectory = value;
                return true;
            case "-c" or "--set":
                settings.Add(value);
                return true;
            default:
                return false;
        }
    }

    /// <summary>What they mean.</summary>
    /// <exception cref="UsageException">A value does not make sense.</exception>
    public ServeSettings ToSettings() => ToSettings(Environment.GetEnvironmentVariable);

    /// <inheritdoc cref="ToSettings()"/>
    /// <param name="environment">Looks up an environment variable.</param>
    internal ServeSettings ToSettings(Func<string, string?> environment)
    {
        var access = new AccessArguments(environment) { PasswordFile = PasswordFile, Method = Authentication, InitDirectory = InitDirectory };
        if (!PostgresUrl.TryParse(Url ?? access.Url ?? "file:", out var url, out string? error))
        {
            throw new UsageException(error);
        }

        if (NoTcp && Host is not null)
        {
            throw new UsageException("--no-tcp and --host contradict each other: give one of them");
        }

        if (NoTcp && SocketDirectory is null)
        {
            throw new UsageException("with --no-tcp nobody could connect: give --unix-socket-dir too");
        }

        if (Http is not null && !IsHost && url.IsBucket && Server.Sleeping.SleepingServer.IsMeant(url))
        {
            throw new UsageException("--http asks the server, which would never sleep: leave out --http, or idle= in the URL; \"host\" has both");
        }

        using var inherited = new InheritedListener(environment);
        if ((inherited.Problem ?? (inherited.Listener is null ? null : ContradictionTo(url))) is { } problem)
        {
            throw new UsageException($"the service manager's socket (LISTEN_FDS) {problem}");
        }

        int port = inherited.Listener?.Port ?? Number("--port", Port ?? "5432", 0, IPEndPoint.MaxPort);
        if (NoTcp && port == 0)
        {
            throw new UsageException("--port 0 picks a free TCP port, which --no-tcp forbids: give the Unix socket a port number");
        }

        var address = NoTcp ? null : inherited.Listener?.Address ?? Address(Host ?? LoopbackAddress);
        return new ServeSettings
        {
            Server = access.AddTo(new ServerOptions
            {
                Url = url,
                ListenAddress = address,
                Port = port,
                Listener = inherited.Take(),
                UnixSocketDirectory = SocketDirectory is null ? null : Path.GetFullPath(SocketDirectory),
                Database = Name("--database", Database ?? access.Database ?? ServerOptions.DefaultDatabase),
                Settings = ReadSettings(Settings),
                SelfSignedTls = IsTls,
                Memory = MemoryArgument.Read(Memory, environment),
                TrimMemory = true,
            }),
            AllowRoot = AllowRoot,
            ParentPid = ReadParentPid(ParentPid),
            LogLevel = Level(Log ?? "info"),
            Http = new HttpArguments { Address = Http, TokenFile = HttpTokenFile, IsAdmin = IsAdmin }.Read(),
            LogIsJson = LogFormat switch
            {
                null or "text" => false,
                "json" => true,
                _ => throw new UsageException($"--log-format takes one of text, json, not \"{LogFormat}\""),
            },
        };
    }

    private string? ContradictionTo(PostgresUrl url) =>
        Host is not null || Port is not null || NoTcp ? "says where to listen: leave out --host, --port and --no-tcp"
        : IsHost || (url.IsBucket && Server.Sleeping.SleepingServer.IsMeant(url)) ? "is for a server that does not sleep: clusters that do open their ports themselves"
        : null;

    /// <summary>The value of <c>--parent-pid</c>.</summary>
    /// <exception cref="UsageException">It is no process number.</exception>
    public static int? ReadParentPid(string? text) => text is null ? null : Number("--parent-pid", text, 1, int.MaxValue);

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

    /// <summary>A name of a database or role.</summary>
    /// <exception cref="UsageException">It is too long, or empty.</exception>
    internal static string Name(string option, string name)
    {
        int bytes = System.Text.Encoding.UTF8.GetByteCount(name);
        return bytes is 0 or > MaximumNameBytes || name.Contains('\0', StringComparison.Ordinal)
            ? throw new UsageException($"{option} takes a name of 1 to {MaximumNameBytes} bytes, not {bytes}")
            : name;
    }

    private static Dictionary<string, string> ReadSettings(IReadOnlyList<string> pairs)
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
