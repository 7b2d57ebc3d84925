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

/// <summary>The content of a regular file: its pages. Used under the file system's lock.</summary>
/// <param name="fileId">Its number, never used again.</param>
/// <param name="runs">Its pages in the bucket.</param>
internal sealed class BucketNode(long fileId, IReadOnlyList<PageRun> runs)
{
    private PagePlace[]? _pages;

    /// <summary>Number of the file in images.</summary>
    public long FileId => fileId;

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

    /// <summary>The page behind the last one that was fetched: who reads on from there reads everything.</summary>
    public int NextSequential { get; set; } = -1;

    /// <summary>Pages that may be something else than zero.</summary>
    public int Count => Pages.Length;

    /// <summary>The runs as the image has them, while nobody has looked at the file; else null.</summary>
    public IReadOnlyList<PageRun>? UntouchedRuns => _pages is null ? runs : null;

    private PagePlace[] Pages => _pages ??= Spread();

    /// <summary>A page's place, to be changed.</summary>
    public ref PagePlace this[int page]
    {
        get
        {
            if (page >= Pages.Length)
            {
                Array.Resize(ref _pages, Math.Max(page + 1, Math.Min(Pages.Length * 2, Pages.Length + 1024)));
            }

            return ref _pages![page];
        }
    }

    /// <summary>Whether a page is where the image has it that this life began with, so that it is as it was then.</summary>
    public bool IsAsInImage(int page)
    {
        int first = 0, last = runs.Count - 1;
        while (first < last)
        {
            int middle = (first + last + 1) / 2;
            (first, last) = runs[middle].Page <= page ? (middle, last) : (first, middle - 1);
        }

        return last >= 0 && runs[first] is var run && page >= run.Page && page < run.Page + run.Count
            && (_pages is null || (page < _pages.Length && ReferenceEquals(_pages[page].Frame, run.Frame) && _pages[page].Skip == run.Skip + page - run.Page));
    }

    /// <summary>Cuts the list of pages.</summary>
    public void Cut(int count)
    {
        if (count < Pages.Length)
        {
            Array.Resize(ref _pages, count);
        }
    }

    private PagePlace[] Spread()
    {
        var pages = new PagePlace[runs.Count == 0 ? 0 : runs[^1].Page + runs[^1].Count];
        foreach (var run in runs)
        {
            for (int i = 0; i < run.Count; i++)
            {
                pages[run.Page + i] = new PagePlace { Frame = run.Frame, Skip = run.Skip + i };
            }
        }

        return pages;
    }
}
