using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <content>Bringing pages here before somebody waits for them.</content>
internal sealed partial class BucketFileSystem
{
    private const int MostPrefetched = 128; // frames on their way

    private int _prefetching;

    /// <summary>
    /// posix_fadvise with POSIX_FADV_WILLNEED: begins to bring the pages of a range here, and waits for nothing. Recovery asks so for the pages of the log
    /// that it has still to replay (recovery_prefetch); each would cost a round trip. What does not come this way is fetched when it is read, and fails there.
    /// </summary>
    internal void Prefetch(BucketFile file, long offset, long length)
    {
        lock (_lock)
        {
            var node = file.Node;
            long end = Math.Min((offset + Clip(file, offset, length) + PageSize - 1) / PageSize, node.Count);
            PageFrame? last = null;
            for (long next = offset / PageSize; next < end && _prefetching < MostPrefetched; next++)
            {
                int page = (int)next; // of the file, of which the range may be far behind
                if (node[page].IsAbsent && node[page].Frame is { } frame && frame != last && FindBooted(node, page) is null)
                {
                    last = frame;
                    Interlocked.Increment(ref _prefetching);
                    _ = Task.Run(() => PrefetchAsync(node, frame, page));
                }
            }
        }
    }

    private async Task PrefetchAsync(BucketNode node, PageFrame frame, int page)
    {
        try
        {
            await BringAsync(node, frame, page).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DamagedObjectException or ObjectStoreException or IOException or ObjectDisposedException)
        {
            // Whoever reads the page is told; nobody does when the cluster has ended meanwhile.
        }
        finally
        {
            Interlocked.Decrement(ref _prefetching);
        }
    }
}
