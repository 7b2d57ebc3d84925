using System.CommandLine;
using Pocketgres.Bucket;
using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Cli.Clusters;

/// <summary>The URL of a cluster in a bucket, of the commands that look at one without serving it.</summary>
internal static class BucketArgument
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>The argument.</summary>
    public static Argument<string> Create() => new("URL") { Description = "s3://BUCKET/PREFIX?endpoint=... or az://CONTAINER/PREFIX?account=... (docs/object-store.md)." };

    /// <summary>Reads it.</summary>
    /// <exception cref="UsageException">It is not the URL of a cluster in a bucket.</exception>
    public static BucketUrl Read(string text) => BucketUrl.TryParse(text, out var url, out string? error) ? url : throw new UsageException(error);

    /// <summary>Opens its prefix and does something with it; what the store says no to is an error of this bucket.</summary>
    public static int Run(string text, Func<IObjectStore, BucketUrl, CancellationToken, Task<int>> action)
    {
        var url = Read(text);
        return CommandFailure.Guard(async cancellationToken =>
        {
            using var store = url.Open(Environment.GetEnvironmentVariable);
            try
            {
                return await action(new RetryingObjectStore(store, s_patience), url, cancellationToken).ConfigureAwait(false);
            }
            catch (ObjectStoreException e)
            {
                throw new BucketException(BucketError.Store, e.Message, e);
            }
            catch (DamagedObjectException e)
            {
                throw new BucketException(BucketError.Damaged, $"{store.Name}: {e.Message}", e);
            }
        });
    }
}
