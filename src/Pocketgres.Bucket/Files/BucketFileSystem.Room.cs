using Pocketgres.Bucket.Formats;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <content>
/// What is done when the host's disk for pages has no room. Pages that the bucket has as they are are given up: they are fetched again. A file of a table is not
/// lengthened by pages for which there would be no room, as on a disk of its own, so that statements fail and not the checkpoints after them. What
/// the server cannot do without, such as its log, goes to memory, up to a limit. Pages that are only here are given up after the next image, which is wanted then.
/// </content>
internal sealed partial class BucketFileSystem
{
    // What tables leave to the log and to what else is written while statements fail.
    private const long SpareBytes = StatePaths.SegmentSize;
    private const int GivenUpAtOnce = 256;
    private const int WorthAnImage = 64; // pages
    private const int RoomPause = 100; // milliseconds, of a read that waits for it

    private readonly Queue<BucketNode> _round = new(); // whose pages are given up next
    private long _zeros; // of all files
    private int _roundPage;
    private bool _imageWanted, _imageComes;

    /// <summary>Whether an image is wanted, so that pages which are only here can be given up; once.</summary>
    public bool TakeImageWanted()
    {
        lock (_lock)
        {
            bool wanted = _imageWanted;
            if (wanted)
            {
                Log?.Note(new LogPart.Made("/base", 0x1C0)); // nothing: pages may have changed that no log tells of (hint bits), and each image has a number of its own
                _imageWanted = false;
            }

            return wanted;
        }
    }

    // A new slot for a page. For one that nobody waits for, no other is given up. Under the lock.
    private int WriteNew(ReadOnlySpan<byte> page, bool mustFit, bool mayGiveUp = true)
    {
        while (true)
        {
            int slot = _pages.Take();
            try
            {
                _pages.Write(slot, 0, page);
                return slot;
            }
            catch (IOException)
            {
                if (mayGiveUp && GiveUp(GivenUpAtOnce))
                {
                    _pages.GiveHole(slot);
                }
                else if (mustFit && _pages.TryKeep(slot, page))
                {
                    return slot;
                }
                else
                {
                    if (mayGiveUp)
                    {
                        WantImage();
                    }

                    _pages.GiveHole(slot);
                    throw;
                }
            }
        }
    }

    // Whether a file may have a length, and counts the pages that it gets. Under the lock.
    private bool TryLengthen(BucketFile file, long length)
    {
        file.Name.Size(out long size);
        long pages = PagesOf(length) - PagesOf(size);
        if (pages <= 0)
        {
            return true;
        }

        if (Log is not null && StatePaths.IsRelation(file.OpenedPath))
        {
            long lacking = PagesOf(((_zeros + pages) * PageSize) + SpareBytes - _pages.AvailableBytes);
            if (lacking > 0)
            {
                if (Count(IsClean, lacking) < lacking)
                {
                    WantImage();
                    return false;
                }

                GiveUp((int)Math.Max(lacking, GivenUpAtOnce));
            }
        }

        file.Node.Zeros += pages;
        _zeros += pages;
        return true;
    }

    // A page that may have been zero gets a slot.
    private void Written(BucketNode node, PagePlace place)
    {
        if (place.Slot == 0 && place.Frame is null && node.Zeros > 0)
        {
            node.Zeros--;
            _zeros--;
        }
    }

    // Before the pages behind a new, lesser length are cut.
    private void CutZeros(BucketNode node, long size, long length)
    {
        long cut = PagesOf(size) - PagesOf(length);
        if (cut > 0)
        {
            for (long page = PagesOf(length); page < node.Count; page++)
            {
                ref var place = ref node[(int)page];
                cut -= place.Slot != 0 || place.Frame is not null ? 1 : 0;
            }

            cut = Math.Clamp(cut, 0, node.Zeros);
            node.Zeros -= cut;
            _zeros -= cut;
        }
    }

    // Not for every statement that fails: an image with nothing in it makes no room.
    private void WantImage()
    {
        if (Log is not null && !_imageComes && Count(static place => place.IsDirty, WorthAnImage) >= WorthAnImage)
        {
            _imageWanted = _imageComes = true;
        }
    }

    // Whether who finds no room may wait for an image; while it is made, too.
    private bool IsRoomComing()
    {
        lock (_lock)
        {
            return _imageComes;
        }
    }

    // How many pages are so, as far as it matters. Under the lock.
    private long Count(Predicate<PagePlace> isSo, long enough)
    {
        long count = 0;
        foreach (var node in IsStandby ? [] : _byId.Values.Where(n => n.UntouchedRuns is null))
        {
            for (int page = node.NextTouched(0); page < node.Count && count < enough; page = node.NextTouched(page + 1))
            {
                count += isSo(node[page]) ? 1 : 0;
            }
        }

        return count;
    }

    private bool IsClean(PagePlace place) => place.Slot != 0 && place.Frame is not null && !_pages.IsFrozen(place.Slot);

    // Gives up pages that the bucket has, file by file. False when there was none. Under the lock.
    private bool GiveUp(int pages)
    {
        int left = IsStandby ? 0 : pages; // a replica's may be gone from the bucket
        for (int passed = 0; left > 0 && passed <= _byId.Count;)
        {
            if (!_round.TryPeek(out var node))
            {
                foreach (var each in _byId.Values)
                {
                    _round.Enqueue(each);
                }

                passed += _round.Count == 0 ? 1 : 0;
                continue;
            }

            for (_roundPage = node.NextTouched(_roundPage); _roundPage < node.Count && left > 0; _roundPage = node.NextTouched(_roundPage + 1))
            {
                ref var place = ref node[_roundPage];
                if (IsClean(place))
                {
                    _pages.Give(place.Slot);
                    place.Slot = 0;
                    left--;
                }
            }

            if (_roundPage >= node.Count)
            {
                _round.Dequeue();
                _roundPage = 0;
                passed++;
            }
        }

        return !IsStandby && left < pages;
    }

    private static long PagesOf(long bytes) => (bytes + PageSize - 1) / PageSize;
}
