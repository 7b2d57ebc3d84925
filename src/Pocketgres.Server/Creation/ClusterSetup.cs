namespace Pocketgres.Server.Creation;

/// <summary>What a cluster is made with that has none yet; without effect on one that is there. The superuser and the password are in <see cref="ServerOptions"/>.</summary>
public sealed record ClusterSetup
{
    /// <summary>Method of pg_hba.conf for this machine's clients, on the Unix socket: trust, scram-sha-256 or peer. TCP on loopback gets the same, but scram for peer.</summary>
    public string LocalMethod { get; init; } = HostBasedAuthentication.Trust;

    /// <summary>Method of pg_hba.conf for clients of other machines; null lets none of them in.</summary>
    public string? HostMethod { get; init; }

    /// <summary>Directory with <c>*.sql</c>, <c>*.sql.gz</c> and <c>*.sh</c>, run in the order of their names when the cluster is made; null for none.</summary>
    public string? InitDirectory { get; init; }

    /// <summary>Arguments for initdb, for other encodings, locales, or page checksums; with none the cluster is made from a template, which is quicker.</summary>
    public IReadOnlyList<string> InitdbArguments { get; init; } = [];
}
