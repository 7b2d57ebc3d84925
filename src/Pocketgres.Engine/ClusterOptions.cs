using System.Net;
using Microsoft.Extensions.Logging;

namespace Pocketgres.Engine;

/// <summary>How to run one cluster.</summary>
public sealed record ClusterOptions
{
    /// <summary>Host path of the data directory, made if missing or empty; null for a cluster in memory.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Address to listen on for TCP; null for none. Loopback by default: the default authentication trusts local clients.</summary>
    public IPAddress? ListenAddress { get; init; } = IPAddress.Loopback;

    /// <summary>
    /// A file system to use as the data directory instead of <see cref="DataDirectory"/> or plain memory: for layers that inject faults or
    /// simulate power cuts. Filled with a new cluster when empty. It outlives the cluster unless it is <see cref="IDisposable"/>.
    /// </summary>
    internal Kernel.Files.IFileSystem? DataFileSystem { get; init; }

    /// <summary>Holds commits back until their log is durable where <see cref="DataFileSystem"/> keeps it; null for none.</summary>
    internal ICommitGate? CommitGate { get; init; }

    /// <summary>
    /// Where connections come from instead of from sockets of the cluster's own: the queue's address is <see cref="ListenAddress"/> and <see cref="Port"/>. The
    /// cluster disposes it.
    /// </summary>
    internal Kernel.Net.ConnectionQueue? Connections { get; init; }

    /// <summary>A socket that listens already, at <see cref="ListenAddress"/> and <see cref="Port"/>; null to open one. The cluster disposes it.</summary>
    internal Kernel.Net.HostListener? Listener { get; init; }

    /// <summary>A data directory to run on without changing it, instead of the others; whoever gives it keeps the directory locked. Outlives the cluster.</summary>
    internal Checking.ClusterOverlay? Overlay { get; init; }

    /// <summary>TCP port; 0 lets the system choose one. Also names the Unix socket.</summary>
    public int Port { get; init; } = 5432;

    /// <summary>Host directory for the Unix socket <c>.s.PGSQL.PORT</c>; null for none.</summary>
    public string? UnixSocketDirectory { get; init; }

    /// <summary>Settings that override the data directory's configuration files, as <c>postgres -c name=value</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Sets <c>ssl</c>, with a certificate that is made if the configuration names none: for development.</summary>
    public bool SelfSignedTls { get; init; }

    /// <summary>Who does the handshakes of TLS of the connections that <see cref="Connections"/> gives; null for the cluster itself.</summary>
    internal Tls.TlsFront? TlsFront { get; init; }

    /// <summary>Memory to fit the settings to; null for what this process may use of the machine.</summary>
    public MemoryLimit? Memory { get; init; }

    /// <summary>Whether the settings are to fit a cluster whose files are in memory; null: as this one's are.</summary>
    internal bool? FitInMemory { get; init; }

    /// <summary>Receives the server's log; null drops it.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>The engine's files; by default those of the running application.</summary>
    public EngineFiles? EngineFiles { get; init; }

    /// <summary>How long a start may take, recovery included, before it counts as failed; infinite by default, because recovery takes what it takes.</summary>
    public TimeSpan StartTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Told of each server process (session or background) that has ended and given its memory back. Called on a server thread: be quick.</summary>
    public Action? ProcessGone { get; init; }
}
