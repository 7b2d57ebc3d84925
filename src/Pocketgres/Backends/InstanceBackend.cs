using Npgsql;
using Pocketgres.Connections;

namespace Pocketgres.Backends;

/// <summary>
/// What an instance is made of: an embedded server or an external one. The seam below the public API: a faster way to copy a cluster is another
/// <see cref="SnapshotBackend"/>, and nothing above changes.
/// </summary>
internal abstract class InstanceBackend : IAsyncDisposable
{
    /// <summary>How this process connects.</summary>
    public abstract NpgsqlConnectionStringBuilder Connection { get; }

    /// <summary>The data directory on this machine; null when there is none.</summary>
    public virtual string? DataDirectory => null;

    /// <summary>Type mappings that a data source with Npgsql's defaults may share; null when none are known.</summary>
    public virtual SharedMappings? Mappings => null;

    /// <summary>How this process's connections go once they are open; null for their sockets.</summary>
    public virtual MemoryTransport? Transport => null;

    /// <summary>How other programs connect: a libpq URI.</summary>
    public abstract string ConnectionUrl { get; }

    /// <summary>TCP port, or null when there is none.</summary>
    public abstract int? Port { get; }

    /// <summary>Completes when the server has ended, with true when it ended well; never for an external server.</summary>
    public abstract Task<bool> Completion { get; }

    /// <summary>Ends the server cleanly; nothing for an external one. May be called again and on a server that ended by itself.</summary>
    public abstract Task StopAsync(TimeSpan patience, CancellationToken cancellationToken);

    /// <summary>Copies the present state of a running or stopped instance.</summary>
    /// <param name="connections">The instance's pool; idle connections may be in the way and are closed then.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public abstract Task<SnapshotBackend> SnapshotAsync(NpgsqlDataSource connections, CancellationToken cancellationToken);

    /// <summary>Starts a clone without a snapshot in between, where that takes less; null where clones are made from snapshots.</summary>
    /// <param name="connections">As above.</param>
    /// <param name="options">The clone's.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public virtual Task<InstanceBackend?> TryCloneAsync(NpgsqlDataSource connections, PostgresInstanceOptions options, CancellationToken cancellationToken) =>
        Task.FromResult<InstanceBackend?>(null);

    /// <summary>Stops what runs and frees everything.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>A state of a database from which instances are started. It does not change, and does not need the instance it was taken from.</summary>
internal abstract class SnapshotBackend : IAsyncDisposable
{
    /// <summary>Why instances start slower from it than they could; null when there is nothing to say.</summary>
    public virtual string? Limitation => null;

    /// <summary>Starts an independent instance with this state. May run several times at once.</summary>
    public abstract Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken);

    /// <summary>Writes this state as a data directory that can be started with <c>file:</c>.</summary>
    public abstract Task SaveAsync(string directory, CancellationToken cancellationToken);

    /// <summary>Frees what the snapshot holds; instances started from it live on.</summary>
    public abstract ValueTask DisposeAsync();
}
