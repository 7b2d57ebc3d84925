namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>How to start a server under test.</summary>
sealed record ServerOptions
{
    /// <summary>The data directory (`file:`); null for a cluster that is gone with the server (`memory:`).</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Postgres settings given at start.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The directory for the Unix socket; null for none.</summary>
    public string? UnixSocketDirectory { get; init; }

    /// <summary>Whether the test will call <see cref="TestServer.CrashBackendAsync"/>.</summary>
    public bool CrashesBackends { get; init; }
}
