using Pocketgres.Bucket;
using Pocketgres.Engine.Data;

namespace Pocketgres.Backends;

/// <summary>A branch that nobody opens. Clones are further branches of the same cluster at the same moment.</summary>
/// <param name="branch">It.</param>
/// <param name="origin">Of what temporary cluster it is a branch; null when that one stays.</param>
/// <param name="url">The URL of the instance that it was taken from, as its options have it.</param>
internal sealed class BucketSnapshot(BucketStorage branch, TemporaryPrefix? origin, string url) : SnapshotBackend
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _users = 1;

    public override async Task<InstanceBackend> StartAsync(PostgresInstanceOptions options, CancellationToken cancellationToken)
    {
        Enter();
        BucketStorage clone;
        bool stays = options.Url != url;
        try
        {
            clone = await branch.BranchAsync(stays ? options.Url : null, origin, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Leave();
        }

        return await clone.StartAsync(options, stays, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>From the files of a clone that was started for it.</summary>
    public override async Task SaveAsync(string directory, CancellationToken cancellationToken)
    {
        var clone = (EmbeddedBackend)await StartAsync(new PostgresInstanceOptions { Url = url }, cancellationToken).ConfigureAwait(false);
        await using (clone.ConfigureAwait(false))
        {
            await clone.Server.FetchAllAsync(cancellationToken).ConfigureAwait(false);
            clone.Server.Cluster.WithFiles((files, path) =>
            {
                ClusterFiles.Save(files, path, directory);
                return true;
            });
        }
    }

    /// <summary>Removes the branch, when those who make one of it are done.</summary>
    public override async ValueTask DisposeAsync()
    {
        Leave();
        await _unused.Task.ConfigureAwait(false);
        await branch.DisposeAsync().ConfigureAwait(false);
    }

    private void Enter()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_users == 0, typeof(PostgresSnapshot));
            _users++;
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            if (--_users == 0)
            {
                _unused.SetResult();
            }
        }
    }
}
