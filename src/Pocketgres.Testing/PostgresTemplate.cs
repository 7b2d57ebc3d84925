namespace Pocketgres.Testing;

/// <summary>A database that was filled once and from which each test gets a copy. Thread-safe.</summary>
/// <example>
/// <code>
/// await using var template = await PostgresTemplate.CreateAsync((pg, ct) => MigrateAsync(pg.ConnectionString, ct));
/// await using var pg = await template.CloneAsync();
/// </code>
/// </example>
public sealed class PostgresTemplate : IAsyncDisposable
{
    private readonly PostgresSnapshot _snapshot;
    private readonly Task _originalEnd;

    private PostgresTemplate(PostgresSnapshot snapshot, Task originalEnd) => (_snapshot, _originalEnd) = (snapshot, originalEnd);

    /// <summary>Starts an empty database, has it filled, and keeps the result.</summary>
    /// <param name="build">Fills the database. Connections it leaves open are closed.</param>
    /// <param name="options">How to run the database; null: where <see cref="TestDatabase.Url"/> says.</param>
    /// <param name="cancellationToken">Cancels; nothing is left behind.</param>
    /// <exception cref="PocketgresException">It cannot start, or cannot be copied.</exception>
    public static async Task<PostgresTemplate> CreateAsync(
        Func<PostgresInstance, CancellationToken, Task> build, PostgresInstanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(build);
        TestHostThreads.Ensure();
        var instance = await PostgresInstance.StartTemporaryAsync(options ?? TestDatabase.Options, cancellationToken).ConfigureAwait(false);
        bool isInMemory = instance.Url.StartsWith("memory:", StringComparison.Ordinal);
        PostgresSnapshot snapshot;
        try
        {
            await build(instance, cancellationToken).ConfigureAwait(false);
            if (isInMemory)
            {
                // Sessions that are still there would have to be ended in the snapshot, which takes longer.
                instance.DataSource.Clear();
            }
            else
            {
                // Files of a stopped server: copies start without recovery, and unlogged tables keep their rows. In memory, copies go on from
                // where the server is.
                await instance.StopAsync(cancellationToken).ConfigureAwait(false);
            }

            snapshot = await instance.SnapshotAsync(null, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await instance.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        // The first test need not wait for it.
        var end = instance.DisposeAsync().AsTask();
        if (!isInMemory)
        {
            await end.ConfigureAwait(false);
        }

        return new PostgresTemplate(snapshot, end);
    }

    /// <summary>A copy for one test, to be disposed by it.</summary>
    public Task<PostgresInstance> CloneAsync(CancellationToken cancellationToken = default) => _snapshot.CloneAsync(cancellationToken);

    /// <summary>The same with other options; see <see cref="PostgresInstance.CloneAsync(Func{PostgresInstanceOptions, PostgresInstanceOptions}, CancellationToken)"/>.</summary>
    public Task<PostgresInstance> CloneAsync(
        Func<PostgresInstanceOptions, PostgresInstanceOptions> configure, CancellationToken cancellationToken = default) =>
        _snapshot.CloneAsync(configure, cancellationToken);

    /// <summary>Frees the template; copies live on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _snapshot.DisposeAsync().ConfigureAwait(false);
        await _originalEnd.ConfigureAwait(false);
    }
}
