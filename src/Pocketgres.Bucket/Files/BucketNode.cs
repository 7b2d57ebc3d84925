using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <summary>Where a page of a file is.</summary>
internal struct PagePlace
{
    /// <summary>Its frame in the bucket; null when the bucket does not have it as it is.</summary>
    public PageFrame? Frame;

    /// <summary>Its number in the frame.</summary>
    public int Skip;

    /// <summary>Its slot in the <see cref="PageFile"/>; 0 when it is not here. Neither here nor in the bucket: zero.</summary>
    public int Slot;

    /// <summary>Whether it is only in the bucket.</summary>
    public readonly bool IsAbsent => Slot == 0 && Frame is not null;

    /// <summary>Whether it is only here.</summary>
    public readonly bool IsDirty => Slot != 0 && Frame is null;
}

/// <summary>
/// The content of a regular file: its pages. Places are kept for those that somebody has looked at and their neighbours; all others are where the image has them, whose
/// runs are a hundredth of the size. Used under the file system's lock.
/// </summary>
internal sealed class BucketNode
{
    private const int Neighbours = 256; // pages whose places are made together: 4 KiB

    private readonly IReadOnlyList<PageRun> _runs;
    private PagePlace[]?[] _places = [];
    private int _inImage; // pages before this one that nobody has looked at are as in the image, later ones zero

    /// <summary>A file of an image, or a new one.</summary>
    /// <param name="fileId">Its number, never used again.</param>
    /// <param name="runs">Its pages in the bucket.</param>
    public BucketNode(long fileId, IReadOnlyList<PageRun> runs)
    {
        FileId = fileId;
        _runs = runs;
        UntouchedRuns = runs;
        Count = _inImage = runs.Count == 0 ? 0 : runs[^1].Page + runs[^1].Count;
    }

    /// <summary>Number of the file in images.</summary>
    public long FileId { get; }

    /// <summary>Open file descriptions.</summary>
    public int Opens { get; set; }

    /// <summary>Whether it has no name any more.</summary>
    public bool IsUnlinked { get; set; }

    /// <summary>Whether it was changed since it was last noted as a whole.</summary>
    public bool IsChanged { get; set; }

    /// <summary>Whether it was written in this life.</summary>
    public bool IsWritten { get; set; }

    /// <summary>Pages by which it was lengthened and that are zero: they will want room when they are written.</summary>
    public long Zeros { get; set; }

    /// <summary>How many of its pages are remembered for the next boot pack.</summary>
    public int Recorded { get; set; }

    /// <summary>Pages that may be something else than zero.</summary>
    public int Count { get; private set; }

    /// <summary>The runs as the image has them, while nobody has looked at the file; else null.</summary>
    public IReadOnlyList<PageRun>? UntouchedRuns { get; private set; }

    /// <summary>A page's place, to be changed; of a page at or behind <see cref="Count"/>, lengthens the file up to there.</summary>
    public ref PagePlace this[int page]
    {
        get
        {
            int group = page / Neighbours;
            if (group >= _places.Length)
            {
                Array.Resize(ref _places, Math.Max(group + 1, Math.Min(_places.Length * 2, _places.Length + 1024)));
            }

            Count = Math.Max(Count, page + 1);
            return ref (_places[group] ??= Spread(group * Neighbours))[page % Neighbours];
        }
    }

    /// <summary>The first page from one on that, or a neighbour of which, somebody has looked at; <see cref="Count"/> or more for none.</summary>
    public int NextTouched(int page)
    {
        for (int group = page / Neighbours; group < _places.Length; group++)
        {
            if (_places[group] is not null)
            {
                return Math.Max(page, group * Neighbours);
            }
        }

        return Math.Max(page, Count);
    }

    /// <summary>The image's runs of pages that nobody has looked at, from one on and up to the next that <see cref="NextTouched"/> tells.</summary>
    public IEnumerable<PageRun> UntouchedFrom(int page)
    {
        int end = Math.Min(NextTouched(page), _inImage);
        for (int i = Math.Max(FindRun(page), 0); i < _runs.Count && _runs[i].Page < end; i++)
        {
            int first = Math.Max(_runs[i].Page, page), behind = Math.Min(_runs[i].Page + _runs[i].Count, end);
            if (first < behind)
            {
                yield return new PageRun(first, behind - first, _runs[i].Frame, _runs[i].Skip + first - _runs[i].Page);
            }
        }
    }

    /// <summary>Whether a page is where the image has it that this life began with, so that it is as it was then.</summary>
    public bool IsAsInImage(int page) =>
        FindRun(page) is >= 0 and var i && _runs[i] is var run && page < run.Page + run.Count
        && (page / Neighbours < _places.Length && _places[page / Neighbours] is { } places
            ? places[page % Neighbours] is var place && ReferenceEquals(place.Frame, run.Frame) && place.Skip == run.Skip + page - run.Page
            : page < _inImage);

    /// <summary>Cuts the list of pages. Those behind have been given back.</summary>
    public void Cut(int count)
    {
        if (count < Count)
        {
            Count = count;
            _inImage = Math.Min(_inImage, count);
            UntouchedRuns = null;
            int groups = (count + Neighbours - 1) / Neighbours;
            if (groups < _places.Length)
            {
                Array.Resize(ref _places, groups);
            }

            if (count % Neighbours != 0 && groups <= _places.Length && _places[groups - 1] is { } last)
            {
                Array.Clear(last, count % Neighbours, Neighbours - (count % Neighbours));
            }
        }
    }

    // The last run that begins at a page or before it; -1 for none.
    private int FindRun(int page)
    {
        int first = 0, behind = _runs.Count;
        while (first < behind)
        {
            int middle = (first + behind) / 2;
            (first, behind) = _runs[middle].Page <= page ? (middle + 1, behind) : (first, middle);
        }

        return first - 1;
    }

    private PagePlace[] Spread(int page)
    {
        var places = new PagePlace[Neighbours];
        int end = Math.Min(page + Neighbours, _inImage);
        for (int i = Math.Max(FindRun(page), 0); i < _runs.Count && _runs[i].Page < end; i++)
        {
            var run = _runs[i];
            for (int at = Math.Max(run.Page, page); at < Math.Min(run.Page + run.Count, end); at++)
            {
                places[at - page] = new PagePlace { Frame = run.Frame, Skip = run.Skip + at - run.Page };
            }
        }

        UntouchedRuns = null;
        return places;
    }
}
