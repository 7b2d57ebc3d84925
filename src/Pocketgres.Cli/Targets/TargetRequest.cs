namespace Pocketgres.Cli.Targets;

/// <summary>Which database a command works on, as it was written.</summary>
internal sealed record TargetRequest
{
    /// <summary><c>memory:</c>, <c>file:DIR</c> or <c>postgres://...</c>.</summary>
    public required string Url { get; init; }

    /// <summary>The database, created if missing; null for <c>postgres</c>, or the one that a <c>postgres:</c> URL names.</summary>
    public string? Database { get; init; }

    /// <summary>Whether directory and database must be there already, and are not made.</summary>
    public bool MustExist { get; init; }

    /// <summary>TCP port on loopback, 0 for a free one; null for none, which leaves a Unix socket that only this user can reach.</summary>
    public string? Port { get; init; }

    /// <summary>Settings of a server that is started, <c>name=value</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>What of the started server's log goes to stderr; null for nothing but why it crashed.</summary>
    public string? LogLevel { get; init; }
}
