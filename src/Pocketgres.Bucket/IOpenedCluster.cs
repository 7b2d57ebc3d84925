using Pocketgres.Bucket.Files;
using Pocketgres.Engine;

namespace Pocketgres.Bucket;

/// <summary>A cluster in a bucket that this process has open, to write it or to follow it: what a server on its files needs.</summary>
internal interface IOpenedCluster : IAsyncDisposable
{
    /// <summary>The data directory.</summary>
    BucketFileSystem Files { get; }

    /// <summary>What holds commits back; null where there are none.</summary>
    ICommitGate? Gate { get; }

    /// <summary>Settings that the server must have, beyond <see cref="BucketCluster.RequiredSettings"/>.</summary>
    IReadOnlyDictionary<string, string> RecoverySettings { get; }

    /// <summary>Settings that a server on it has unless somebody wants others.</summary>
    IReadOnlyDictionary<string, string> DefaultSettings { get; }

    /// <summary>
    /// Completes when the cluster is this process's; with false when it was opened on a prediction that proved wrong, so that the server on it ends by itself and is to be
    /// started again; with an exception when it cannot be had.
    /// </summary>
    Task<bool> Taken { get; }

    /// <summary>Completes when the server is to be stopped at once.</summary>
    Task<BucketException> Lost { get; }

    /// <summary>Completes when somebody has asked, through the bucket, that the cluster be closed.</summary>
    Task SleepAsked { get; }

    /// <summary>What was noted and is not stored yet, and how far log and images are.</summary>
    (long NotedBytes, long PendingBytes, long LastRecord, long ImageRecord) Progress { get; }

    /// <summary>How old what it shows is at most; null for the writer, who has the newest.</summary>
    TimeSpan? Lag { get; }

    /// <summary>Brings everything that was written so far to the bucket, so that a branch can be made of it.</summary>
    /// <exception cref="BucketException">It cannot be brought: another process has taken the cluster over, or it is closed.</exception>
    Task BringAsync(CancellationToken cancellationToken);

    /// <summary>The server is to end at once: its processes wait no more for what the store does not take.</summary>
    void GiveUp();

    /// <summary>After the server has ended: brings everything to the bucket and gives the cluster up.</summary>
    /// <exception cref="BucketException">Another process has taken it over.</exception>
    Task CloseAsync();
}
