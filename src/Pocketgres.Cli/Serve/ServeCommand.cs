using System.CommandLine;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The options of <c>serve</c>. All values are read as strings and checked by <see cref="ServeArguments"/>: one wording for all errors.
/// </summary>
internal sealed class ServeCommand
{
    public const string Name = "serve";

    private readonly Argument<string?> _url = new("URL")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "memory: (gone when stopped), file:DIR (made if missing), file: for the user's data folder (the default), s3://BUCKET/PREFIX or az://CONTAINER/PREFIX (docs/object-store.md).",
    };

    private readonly Option<string?> _host = Text("--host", "ADDR", "Address to listen on for TCP (default 127.0.0.1).");
    private readonly Option<string?> _port = Text("--port", "N", "TCP port, also in the Unix socket's name (default 5432); 0 picks a free one.");
    private readonly Option<bool> _noTcp = new("--no-tcp") { Description = "Serve the Unix socket only." };
    private readonly Option<string?> _socketDirectory = Text("--unix-socket-dir", "DIR", "Also serve a Unix socket in this directory.");
    private readonly Option<string?> _database = Text("--database", "NAME", "Database in the printed URL, created if missing (default postgres).");
    private readonly Option<string?> _parentPid = Text("--parent-pid", "PID", "Stop when this process ends.");
    private readonly Option<bool> _allowRoot = new("--allow-root") { Description = "Serve although this is root, and no container." };
    private readonly Option<bool> _tls = new("--tls") { Description = "Offer TLS, with a self-signed certificate unless ssl_cert_file is set." };
    private readonly Option<string?> _http = Text("--http", "PORT", "Also answer /healthz, /readyz, /metrics and /admin on this port of loopback, or on ADDR:PORT.");
    private readonly Option<string?> _httpToken = Text("--http-token-file", "FILE", "Tell metrics, and show the admin page, only to who has the token in this file; needed for an address beyond loopback.");
    private readonly Option<bool> _admin = new("--admin") { Description = "Let the admin page end sessions and run SQL." };
    private readonly Option<string?> _logFormat = Text("--log-format", "FORMAT", "How the log on stderr is written: text (default) or json.");
    private readonly Option<string?> _passwordFile = Text("--password-file", "FILE", "Make a new cluster's superuser with this password, and use it to connect.");
    private readonly Option<string?> _authentication = Text("--auth", "METHOD", "How a new cluster lets this machine's clients in: scram, trust (default without a password), peer.");
    private readonly Option<string?> _init = Text("--init", "DIR", "Run the *.sql, *.sql.gz and *.sh in this directory when the cluster is made.");
    private readonly Option<string?> _memory = Text("--memory", "SIZE", "Fit the settings to so much memory (512MB, 4GB), not to what the container or machine has.");
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
            _url, _host, _port, _noTcp, _socketDirectory, _database, _settings, _parentPid, _allowRoot, _logLevel, _logFormat, _http, _httpToken, _admin,
            _passwordFile, _authentication, _init, _memory, _tls,
        };
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>Reads what was parsed.</summary>
    /// <exception cref="UsageException">A value does not make sense.</exception>
    public ServeSettings Read(ParseResult result) => new ServeArguments
    {
        Url = result.GetValue(_url),
        Host = result.GetValue(_host),
        Port = result.GetValue(_port),
        NoTcp = result.GetValue(_noTcp),
        AllowRoot = result.GetValue(_allowRoot),
        IsTls = result.GetValue(_tls),
        SocketDirectory = result.GetValue(_socketDirectory),
        Database = result.GetValue(_database),
        ParentPid = result.GetValue(_parentPid),
        Log = result.GetValue(_logLevel),
        Http = result.GetValue(_http),
        HttpTokenFile = result.GetValue(_httpToken),
        IsAdmin = result.GetValue(_admin),
        LogFormat = result.GetValue(_logFormat),
        PasswordFile = result.GetValue(_passwordFile),
        Authentication = result.GetValue(_authentication),
        InitDirectory = result.GetValue(_init),
        Memory = result.GetValue(_memory),
        Settings = result.GetValue(_settings) ?? [],
    }.ToSettings();

    private static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };
}
