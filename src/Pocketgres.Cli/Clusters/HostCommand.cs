using System.CommandLine;
using System.Globalization;
using Pocketgres.Cli.Serve;
using Pocketgres.Server.Hosting;

namespace Pocketgres.Cli.Clusters;

/// <summary><c>host</c>: many clusters in a bucket behind one port.</summary>
internal sealed class HostCommand : ISubcommand
{
    private readonly Argument<string> _url = new("URL") { Description = "s3://BUCKET/PREFIX or az://CONTAINER/PREFIX of the clusters, with the parameters that each has; idle is 60s by default (docs/object-store.md)." };
    private readonly Option<string?> _host = Text("--host", "ADDR", "Address to listen on for TCP (default 127.0.0.1).");
    private readonly Option<string?> _port = Text("--port", "N", "TCP port, also in the Unix socket's name (default 5432); 0 picks a free one.");
    private readonly Option<string?> _socketDirectory = Text("--unix-socket-dir", "DIR", "Also serve a Unix socket in this directory.");
    private readonly Option<string?> _awake = Text("--max-awake", "N", "Clusters that are awake at once, at most (default 50).");
    private readonly Option<string?> _memory = Text("--memory", "SIZE", "Resident memory (4GB) above which one must sleep before another wakes; each cluster is fitted to its share.");
    private readonly Option<string?> _wait = Text("--wait", "SECONDS", "How long a connection waits when all that are awake are in use (default 10); then it gets 53300.");
    private readonly Option<bool> _create = new("--create") { Description = "Make the cluster of a tenant that there is not yet." };
    private readonly Option<bool> _tls = new("--tls") { Description = "Offer TLS, with a certificate made for development unless -c ssl_cert_file=... and -c ssl_key_file=... name one." };
    private readonly Option<string?> _domain = Text("--tls-domain", "DOMAIN", "A client that connects over TLS to NAME.DOMAIN means the cluster NAME, and names a database of it.");
    private readonly Option<string?> _parentPid = Text("--parent-pid", "PID", "Stop when this process ends.");
    private readonly Option<bool> _allowRoot = new("--allow-root") { Description = "Serve although this is root, and no container." };
    private readonly Option<string?> _http = Text("--http", "PORT", "Also answer /healthz, /readyz and /metrics on this port of loopback, or on ADDR:PORT.");
    private readonly Option<string?> _httpToken = Text("--http-token-file", "FILE", "Tell metrics only to who has the token in this file; needed for an address beyond loopback.");
    private readonly Option<string?> _logFormat = Text("--log-format", "FORMAT", "How the log on stderr is written: text (default) or json.");
    private readonly Option<string?> _logLevel = Text("--log-level", "LEVEL", "Log on stderr: quiet, error, warning (default), info, debug.");

    private readonly Option<string[]> _settings = new("-c", "--set")
    {
        HelpName = "name=value",
        Description = "A setting of PostgreSQL for each cluster; repeatable.",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    public HostCommand()
    {
        Command = new Command("host",
            "Serve the clusters below a prefix of a bucket behind one port until stopped. The database that a client asks for names the cluster: TENANT, whose database is then postgres,\n" +
            "or TENANT/DATABASE; with --tls-domain, the host that it connects to may. A connection wakes it, and it sleeps when nobody uses it. Exit codes as serve's.")
        {
            _url, _host, _port, _socketDirectory, _tls, _domain, _awake, _memory, _wait, _create, _settings, _parentPid, _allowRoot, _logLevel, _logFormat, _http, _httpToken,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        _ = BucketArgument.Read(result.GetValue(_url)!);
        int awake = Number("--max-awake", result.GetValue(_awake) ?? "50", 1, 10_000);
        var settings = new ServeArguments
        {
            IsHost = true,
            Url = result.GetValue(_url),
            IsTls = result.GetValue(_tls),
            Host = result.GetValue(_host),
            Port = result.GetValue(_port),
            SocketDirectory = result.GetValue(_socketDirectory),
            AllowRoot = result.GetValue(_allowRoot),
            ParentPid = result.GetValue(_parentPid),
            Log = result.GetValue(_logLevel) ?? "warning",
            LogFormat = result.GetValue(_logFormat),
            Http = result.GetValue(_http),
            HttpTokenFile = result.GetValue(_httpToken),
            Memory = result.GetValue(_memory),
            Settings = result.GetValue(_settings) ?? [],
        }.ToSettings();
        var memory = settings.Server.Memory;
        var share = memory is null ? null : memory with { Bytes = Math.Max(MemoryArgument.Minimum, memory.Bytes / awake) };
        var server = settings.Server with { Memory = share };
        return ServeRunner.Run(settings with
        {
            Server = server,
            Hosting = new HostOptions
            {
                Server = server,
                TlsDomain = Domain(result.GetValue(_domain)),
                MaximumAwake = awake,
                Memory = memory,
                MayCreate = result.GetValue(_create),
                Patience = TimeSpan.FromSeconds(Number("--wait", result.GetValue(_wait) ?? "10", 0, 3600)),
            },
        });
    }

    private static string? Domain(string? text) => text is null || Uri.CheckHostName(text) == UriHostNameType.Dns
        ? text?.TrimEnd('.')
        : throw new UsageException($"--tls-domain takes a domain, for example db.example.com, not \"{text}\": a client then connects to NAME.db.example.com");

    private static int Number(string option, string text, int minimum, int maximum) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum
            ? value
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option} takes a number from {minimum} to {maximum}, not \"{text}\""));

    private static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };
}
