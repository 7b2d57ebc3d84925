using Pocketgres.Server;
using Pocketgres.Backends;

namespace Pocketgres;

/// <content>Clones, snapshots, and saving.</content>
public sealed partial class PostgresInstance
{
    /// <summary>
    /// Starts an independent copy of this instance's present state: own identity, own server, own connections; either may be written and disposed
    /// without effect on the other. A clone of <c>memory:</c> is in memory; of <c>file:</c>, a directory beside the original that goes when the
    /// clone is disposed (<see cref="SaveAsync"/> keeps one); of <c>s3:</c> and <c>az:</c>, a branch in the bucket, made in a few requests whatever the size, at a
    /// prefix beside the original that goes when the clone is disposed (the other overload makes one that stays); of <c>postgres:</c>, a database on the same server, made with CREATE DATABASE ...
    /// TEMPLATE, which needs that nobody else is connected to the original, and dropped with the clone.
    /// </summary>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    /// <exception cref="PocketgresException">It cannot be copied.</exception>
    /// <exception cref="ObjectDisposedException">The instance was disposed. A stopped one can be cloned.</exception>
    public Task<PostgresInstance> CloneAsync(CancellationToken cancellationToken = default) => CloneAsync(static o => o, cancellationToken);

    /// <summary>The same with other options.</summary>
    /// <param name="configure">
    /// Gets this instance's options, without its port and state callback, and returns the clone's: <c>o => o with { Port = 0 }</c>. The URL stays, but for a
    /// cluster in a bucket: with the URL of another prefix there, at which nothing may be, the clone is a branch that stays when it is disposed.
    /// </param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    public async Task<PostgresInstance> CloneAsync(
        Func<PostgresInstanceOptions, PostgresInstanceOptions> configure, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(configure);
        ThrowIfDisposed();
        var options = CloneOptions(_options, configure);
        var backend = await PocketgresTelemetry.TraceAsync("pocketgres.clone", Url, () => Translated(
            async () =>
            {
                if (await _backend.TryCloneAsync(_dataSource, options, cancellationToken).ConfigureAwait(false) is { } clone)
                {
                    return clone;
                }

                var snapshot = await TakeAsync(cancellationToken).ConfigureAwait(false);
                await using (snapshot.ConfigureAwait(false))
                {
                    return await snapshot.StartAsync(options, cancellationToken).ConfigureAwait(false);
                }
            },
            cancellationToken)).ConfigureAwait(false);
        return await CreateAsync(backend, options).ConfigureAwait(false);
    }

    /// <summary>
    /// Keeps the present state, to start any number of instances from it later. It lives until it is disposed, also when this instance is gone.
    /// </summary>
    /// <param name="name">
    /// A name to find it by (<see cref="FindSnapshot"/>) as long as this instance lives; null for a snapshot without a name.
    /// </param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    /// <exception cref="ArgumentException">Another snapshot of this instance has the name.</exception>
    /// <exception cref="PocketgresException">It cannot be copied.</exception>
    public async Task<PostgresSnapshot> SnapshotAsync(string? name = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        using var reservation = _snapshots.Reserve(name);
        var backend = await PocketgresTelemetry.TraceAsync("pocketgres.snapshot", Url, () => Translated(() => TakeAsync(cancellationToken), cancellationToken)).ConfigureAwait(false);
        var snapshot = new PostgresSnapshot(backend, _options, name, s => _snapshots.Remove(s));
        reservation.Fill(snapshot);
        return snapshot;
    }

    /// <summary>The snapshot of this name, or null.</summary>
    public PostgresSnapshot? FindSnapshot(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _snapshots.Find(name);
    }

    /// <summary>
    /// Writes the present state to a new or empty directory, durably and whole or not at all, as a database of its own: start it with
    /// <c>file:DIRECTORY</c>. Works for running and stopped instances; of a cluster in a bucket it reads everything. Not for <c>postgres:</c>: use pg_dump.
    /// </summary>
    /// <param name="directory">Made if missing.</param>
    /// <param name="cancellationToken">Cancels before the writing starts.</param>
    /// <exception cref="PocketgresException">The directory is not empty or cannot be written.</exception>
    public async Task SaveAsync(string directory, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        ThrowIfDisposed();
        if (_backend is ExternalBackend)
        {
            throw new PocketgresException(PocketgresError.NotSupported,
                $"{Url} is a server elsewhere, whose files cannot be saved: use pg_dump, or pg_basebackup on the server");
        }

        var snapshot = await SnapshotAsync(null, cancellationToken).ConfigureAwait(false);
        await using (snapshot.ConfigureAwait(false))
        {
            await snapshot.SaveAsync(directory, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Starts an instance from a snapshot.</summary>
    internal static async Task<PostgresInstance> StartAsync(
        SnapshotBackend snapshot, PostgresInstanceOptions original, Func<PostgresInstanceOptions, PostgresInstanceOptions> configure,
        CancellationToken cancellationToken)
    {
        var options = CloneOptions(original, configure);
        var backend = await PocketgresTelemetry.TraceAsync(
            "pocketgres.clone", ConnectionUri.WithoutPassword(original.Url), () => Translated(() => snapshot.StartAsync(options, cancellationToken), cancellationToken)).ConfigureAwait(false);
        return await CreateAsync(backend, options).ConfigureAwait(false);
    }

    // The data source's idle connections are no reason to refuse; the owner of the instance may be stopping it meanwhile, which copies survive.
    private async Task<SnapshotBackend> TakeAsync(CancellationToken cancellationToken)
    {
        var snapshot = await _backend.SnapshotAsync(_dataSource, cancellationToken).ConfigureAwait(false);
        if (snapshot.Limitation is { } limitation)
        {
            LogLimitation(_logger, Url, limitation);
        }

        return snapshot;
    }

    private static PostgresInstanceOptions CloneOptions(PostgresInstanceOptions original, Func<PostgresInstanceOptions, PostgresInstanceOptions> configure)
    {
        // A port can be open once only; a callback that counts instances would count the original again.
        var options = configure(original.Copy() with { Port = null, OnStateChanged = null })?.Copy()
            ?? throw new ArgumentException("must return options", nameof(configure));
        if (options.Url != original.Url && !(PostgresUrl.TryParse(original.Url, out var url, out _) && url.IsBucket))
        {
            throw new ArgumentException("a clone is of the same kind as its original: leave the Url as it is, and use SaveAsync to get a file: database", nameof(configure));
        }

        if (options.Url != original.Url && !BucketStorage.MayBranch(original.Url, options.Url))
        {
            throw new ArgumentException("a clone of a cluster in a bucket is a branch there: leave the Url as it is, or write that of another prefix in the same bucket, with the same endpoint and "
                + "without replica", nameof(configure));
        }

        OptionsCheck.Run(options);
        return options;
    }
}
