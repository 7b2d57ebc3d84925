using System.Net;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;

namespace Pocketgres.Server;

/// <summary>How to serve one cluster.</summary>
public sealed record ServerOptions
{
    /// <summary>Name of the database that every cluster has from the start.</summary>
    public const string DefaultDatabase = "postgres";

    /// <summary>Where the cluster lives.</summary>
    public PostgresUrl Url { get; init; } = PostgresUrl.Memory;

    /// <summary>Address to listen on for TCP; null for none. Loopback by default: the default authentication trusts local clients.</summary>
    public IPAddress? ListenAddress { get; init; } = IPAddress.Loopback;

    /// <summary>TCP port; 0 lets the system choose one. Also names the Unix socket.</summary>
    public int Port { get; init; } = 5432;

    /// <summary>Existing directory for the Unix socket <c>.s.PGSQL.PORT</c>; null for none.</summary>
    public string? UnixSocketDirectory { get; init; }

    /// <summary>The database of <see cref="PostgresServer.ConnectionUrl"/>, created if missing.</summary>
    public string Database { get; init; } = DefaultDatabase;

    /// <summary>Settings that override the data directory's configuration files, as <c>postgres -c name=value</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The superuser: whom a new cluster gets, and who creates <see cref="Database"/>.</summary>
    public string User { get; init; } = ConnectionAddress.User;

    /// <summary>The superuser's password: what a new cluster is made with (it needs <see cref="Setup"/>), and what is used to connect. Null for none.</summary>
    public string? Password { get; init; }

    /// <summary>How a new cluster is made; null makes the usual one: superuser postgres, who needs no password on this machine and comes from no other.</summary>
    public Creation.ClusterSetup? Setup { get; init; }

    /// <summary>Sets <c>ssl</c>, with a certificate that is made if the configuration names none: for development.</summary>
    public bool SelfSignedTls { get; init; }

    /// <summary>Memory to fit the settings to; null for what this process may use of the machine.</summary>
    public MemoryLimit? Memory { get; init; }

    /// <summary>Receives the server's log; null drops it.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>
    /// Whether to give memory back to the system after many sessions have left, by collecting garbage in the whole .NET process: for a process
    /// that is nothing but a server.
    /// </summary>
    public bool TrimMemory { get; init; }

    /// <summary>Called before each step that brings something to a bucket, with its name: for tests.</summary>
    internal Action<string>? BucketStep { get; init; }

    /// <summary>Where connections come from, instead of from sockets of the server's own at <see cref="ListenAddress"/> and <see cref="Port"/>.</summary>
    internal Kernel.Net.ConnectionQueue? Connections { get; init; }

    /// <summary>Who does the handshakes of TLS of the connections that <see cref="Connections"/> gives; null for the server itself.</summary>
    internal Engine.Tls.TlsFront? TlsFront { get; init; }

    /// <summary>A socket that listens already, at <see cref="ListenAddress"/> and <see cref="Port"/>; null to open one. The server disposes it.</summary>
    internal Kernel.Net.HostListener? Listener { get; init; }

    /// <summary>The bucket of <see cref="Url"/>, already open, which stays the caller's; null to open it.</summary>
    internal ObjectStore.IObjectStore? Bucket { get; init; }

    /// <summary>What a cluster in memory starts from; null for a new one. With <see cref="PostgresUrl.Memory"/> only.</summary>
    internal ClusterSnapshot? Origin { get; init; }

    /// <summary>Whether <see cref="Database"/> is known to be in <see cref="Origin"/>, so that nobody needs to look.</summary>
    internal bool DatabaseExists { get; init; }
}
