using Pocketgres.Server.Observing;
using Pocketgres.Server.Sleeping;

namespace Pocketgres.Server.Hosting;

/// <summary>What a host counts.</summary>
internal static class HostMetrics
{
    private static readonly Metric s_places = new("pocketgres_host_awake", "Clusters that are awake, or about to be", false, []);
    private static readonly Metric s_refused = new("pocketgres_host_refused_total", "Connections that named no cluster", true, []);
    private static readonly Metric s_memory = new("process_resident_memory_bytes", "Resident memory of the process", false, []);
    private static readonly Metric s_awake = Of("awake", "Whether the cluster is awake", false);
    private static readonly Metric s_sessions = Of("sessions", "Clients' sessions of a cluster that is awake", false);
    private static readonly Metric s_wakes = Of("wakes_total", "How often the cluster was woken", true);
    private static readonly Metric s_wake = Of("last_wake_seconds", "How long its last wake took, until it let clients in", false);
    private static readonly Metric s_connections = Of("connections_total", "Connections that came for it", true);
    private static readonly Metric s_unserved = Of("refused_total", "Connections that were told why they got no session", true);
    private static readonly Metric s_requests = new("pocketgres_tenant_requests_total", "Requests to the store for it", true, ["tenant", "kind"]);
    private static readonly Metric s_bytes = new("pocketgres_tenant_store_bytes_total", "Bytes that went to the store and came from it", true, ["tenant", "direction"]);

    /// <summary>The values now.</summary>
    public static IReadOnlyList<MetricReading> Read(IReadOnlyList<Tenant> tenants, int places, long refused) =>
    [
        new(s_places, [new([], places)]),
        new(s_refused, [new([], refused)]),
        new(s_memory, [new([], Environment.WorkingSet)]),
        Each(s_awake, tenants, t => t.Cluster.State == SleepState.Awake ? 1 : 0),
        new(s_sessions, [.. tenants.Where(t => t.Cluster.State == SleepState.Awake).Select(t => new Sample([t.Name], t.Cluster.Sessions))]),
        Each(s_wakes, tenants, t => t.Cluster.Wakes.Count),
        Each(s_wake, tenants, t => t.Cluster.Wakes.Last.TotalSeconds),
        Each(s_connections, tenants, t => t.Cluster.Connections.Accepted),
        Each(s_unserved, tenants, t => t.Cluster.Connections.Refused),
        new(s_requests, [.. tenants.SelectMany(t => (Sample[])
        [
            new([t.Name, "put"], t.Store.Puts), new([t.Name, "get"], t.Store.Gets), new([t.Name, "list"], t.Store.Lists), new([t.Name, "delete"], t.Store.Deletes),
        ])]),
        new(s_bytes, [.. tenants.SelectMany(t => (Sample[])[new([t.Name, "written"], t.Store.BytesWritten), new([t.Name, "read"], t.Store.BytesRead)])]),
    ];

    private static Metric Of(string name, string description, bool isCounter) => new("pocketgres_tenant_" + name, description, isCounter, ["tenant"]);

    private static MetricReading Each(Metric metric, IReadOnlyList<Tenant> tenants, Func<Tenant, double> value) => new(metric, [.. tenants.Select(t => new Sample([t.Name], value(t)))]);
}
