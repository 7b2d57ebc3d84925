using Microsoft.Extensions.Logging;
using Pocketgres.Server;
using Pocketgres.Server.Hosting;

namespace Pocketgres.Cli.Serve;

/// <summary>What a command line of <c>serve</c> asks for.</summary>
internal sealed record ServeSettings
{
    /// <summary>What to serve and where.</summary>
    public required ServerOptions Server { get; init; }

    /// <summary>Not one cluster but those below the URL, with these limits; null for one.</summary>
    public HostOptions? Hosting { get; init; }

    /// <summary>Stop when this process has ended; null for none.</summary>
    public int? ParentPid { get; init; }

    /// <summary>Least severity shown on stderr; None for nothing but the reason of a failure.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Whether root may serve wherever it is.</summary>
    public bool AllowRoot { get; init; }

    /// <summary>Where to answer HTTP, and to whom; null for nowhere.</summary>
    public HttpSettings? Http { get; init; }

    /// <summary>Whether the log is JSON, an object a line, instead of text.</summary>
    public bool LogIsJson { get; init; }
}
