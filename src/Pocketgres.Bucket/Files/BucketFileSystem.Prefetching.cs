using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <summary>How far somebody has read a file, and what was asked for beyond. Under the file system's lock.</summary>
internal struct ReadAhead
{
    /// <summary>The page behind the last one that was read; 0 when none was.</summary>
    public int Next;

    /// <summary>How many pages were read, one after the other.</summary>
    public int Run;

    /// <summary>The first page of what was asked for last: who comes there wants more.</summary>
    public int Marker;

    /// <summary>The page behind what was asked for.</summary>
    public int End;

    /// <summary>How many frames were asked for last.</summary>
    public int Frames;
}

/// <content>
/// Bringing pages here before somebody waits for them: as Linux does it, which Postgres counts on where it reads one page after the other, and where it says so
/// (posix_fadvise). What does not come this way is fetched when it is read, and fails there.
/// </content>
internal sealed partial class BucketFileSystem
{
    private const int MostPrefetched = 128; // frames on their way
    private const int FirstAhead = 4, MostAhead = 32; // frames
    private const int Near = PageFrame.MaximumPages; // pages that a reader leaves out
    private const int ShortestRun = PageFrame.MaximumPages; // who starts, or looks something up in an index, reads fewer that are near each other

    private int _prefetching;

    /// <summary>
    /// posix_fadvise with POSIX_FADV_WILLNEED: begins to bring the pages of a range here, and waits for nothing. Recovery asks so for the pages of the log
    /// that it has still to replay (recovery_prefetch); each would cost a round trip.
    /// </summary>
    internal void Prefetch(BucketFile file, long offset, long length)
    {
        lock (_lock)
        {
            long end = Math.Min((offset + Clip(file, offset, length) + PageSize - 1) / PageSize, file.Node.Count);
            if (offset / PageSize < end)
            {
                Prefetch(file.Node, (int)(offset / PageSize), (int)end, int.MaxValue); // not of what is behind the file's end
            }
        }
    }

    // Notes what is read. To who reads one page after the other, leaving out a few, begins to bring what follows: as soon as he comes to what was asked for last, twice as much.
    private void Follow(BucketFile file, int first, int last)
    {
        ref var ahead = ref file.Ahead;
        if (ahead.Next == 0 || first < ahead.Next - Near || first > ahead.Next + Near)
        {
            ahead = new ReadAhead { Next = last + 1, Run = last + 1 - first };
        }
        else if (last >= ahead.Next)
        {
            ahead.Run += last + 1 - Math.Max(first, ahead.Next);
            ahead.Next = last + 1;
            var node = file.Node;
            int next = Math.Max(ahead.End, ahead.Next);
            if (ahead.Run >= ShortestRun && ahead.Next > ahead.Marker && next < node.Count)
            {
                int frames = Math.Clamp(ahead.Frames * 2, FirstAhead, MostAhead), end = Math.Min(node.Count, next + (frames * PageFrame.MaximumPages));
                for (var asked = node[next - 1].Frame; next < end && node[next].Frame == asked; next++)
                {
                    // It is here, or on its way.
                }

                (ahead.Marker, ahead.End, ahead.Frames) = (next, Prefetch(node, next, end, frames), frames);
            }
        }
    }

    // So many of a range's frames. The page behind them.
    private int Prefetch(BucketNode node, int page, int end, int frames)
    {
        PageFrame? asked = null;
        for (; page < end && _prefetching < MostPrefetched; page++)
        {
            if (node[page].IsAbsent && node[page].Frame is { } frame && frame != asked && FindBooted(node, page) is null)
            {
                if (frames-- == 0)
                {
                    break;
                }

                asked = frame;
                int wanted = page;
                Interlocked.Increment(ref _prefetching);
                _ = Task.Run(() => PrefetchAsync(node, frame, wanted));
            }
        }

        return page;
    }

    private async Task PrefetchAsync(BucketNode node, PageFrame frame, int page)
    {
        try
        {
            await BringAsync(node, frame, page, mayGiveUp: false).ConfigureAwait(false);
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
