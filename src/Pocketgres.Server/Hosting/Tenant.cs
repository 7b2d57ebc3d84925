using Pocketgres.ObjectStore;
using Pocketgres.Server.Sleeping;

namespace Pocketgres.Server.Hosting;

/// <summary>One cluster of a host.</summary>
/// <param name="name">Its name.</param>
/// <param name="store">The bucket, and what this cluster asks of it.</param>
internal sealed class Tenant(string name, MeteredObjectStore store)
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>What it asks of the store.</summary>
    public MeteredObjectStore Store => store;

    /// <summary>The cluster.</summary>
    public required SleepingCluster Cluster { get; init; }
}
