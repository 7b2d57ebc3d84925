namespace Pocketgres.Kernel.Memory;

/// <summary>
/// A part of an address space's region, in bytes. A class, because .NET has native code for collections of classes; collections of other structs than its
/// own are compiled at each start.
/// </summary>
internal sealed record MemoryRange(long Offset, long Length);

/// <summary>A growing list of pages; see <see cref="MemoryRange"/> for why not List.</summary>
internal sealed class PageList
{
    private long[] _pages = new long[64];
    private int _count;

    /// <summary>Adds a page.</summary>
    public void Add(long page)
    {
        if (_count == _pages.Length)
        {
            var pages = new long[_count * 2];
            Array.Copy(_pages, pages, _count);
            _pages = pages;
        }

        _pages[_count++] = page;
    }

    /// <summary>The pages, in the order they were added.</summary>
    public long[] ToArray()
    {
        var pages = new long[_count];
        Array.Copy(_pages, pages, _count);
        return pages;
    }
}
