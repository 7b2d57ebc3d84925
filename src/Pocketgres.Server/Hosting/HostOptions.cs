using Pocketgres.Engine;

namespace Pocketgres.Server.Hosting;

/// <summary>How to serve the clusters below a prefix of a bucket.</summary>
public sealed record HostOptions
{
    /// <summary>
    /// What holds for each cluster, and where to listen. The URL is of the prefix that they are below; its parameters are those of each cluster, and
    /// <c>idle</c> is a minute unless it says otherwise.
    /// </summary>
    public required ServerOptions Server { get; init; }

    /// <summary>
    /// With TLS: a client that asks for the host <c>NAME.</c>domain (server name indication) means the cluster of that name, and the database in its startup packet is one of that
    /// cluster. Null: the database alone says which cluster.
    /// </summary>
    public string? TlsDomain { get; init; }

    /// <summary>Clusters that are awake at once, at most.</summary>
    public int MaximumAwake { get; init; } = 50;

    /// <summary>Resident memory of this process above which nothing is woken before something sleeps; null for no limit.</summary>
    public MemoryLimit? Memory { get; init; }

    /// <summary>Whether a tenant that there is not yet is made.</summary>
    public bool MayCreate { get; init; }

    /// <summary>How long a connection waits for a place when as many are awake as may be, and all of them are used.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the sessions of a cluster must have done nothing before it may be put to sleep for another one. Without sessions it may at once.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(10);
}
