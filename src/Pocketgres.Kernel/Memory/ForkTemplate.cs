namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Makes fork cheap: the parent's private pages live in a memfd that the parent itself maps MAP_PRIVATE, so every child can map the
/// same file. What the parent wrote since is found in /proc/self/pagemap (a private copy of a page is anonymous memory) and copied.
/// </summary>
internal sealed unsafe class ForkTemplate : IDisposable
{
    // Copying 200 pages costs about as much as the page-table work of a rebuild saves later (0.2-0.3 ms a fork in all).
    private const int RebuildAtDirtyPages = 200;

    private readonly int _layout;
    private readonly PageMap _pageMap;

    /// <summary>Copies the private pages of <paramref name="parent"/> below <paramref name="end"/> into a memfd and remaps the parent over it.</summary>
    /// <param name="parent">The address space; its owner calls.</param>
    /// <param name="end">Offset in the region, a multiple of the page size.</param>
    /// <param name="layout">Which arrangement of shared mappings this is for.</param>
    /// <param name="builds">How many templates the parent has had, this one included.</param>
    /// <param name="pageMapPath">See <see cref="PageMap"/>.</param>
    /// <exception cref="HostResourceException">The host refuses memory or descriptors; the parent is as it was.</exception>
    public ForkTemplate(AddressSpace parent, long end, int layout, int builds, string pageMapPath)
    {
        Builds = builds;
        _layout = layout;
        _pageMap = new PageMap(pageMapPath);
        Image = new MemoryImage("pocketgres-fork", end, parent.PrivateRanges(end), isTemplate: true);
        try
        {
            foreach (var (offset, length) in Image.Ranges)
            {
                Image.WriteNonZeroPages(parent.Region, offset, length);
            }

            Image.MapInto(parent.Region);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A template from the image that the parent maps already, since nothing else changed in it.</summary>
    public ForkTemplate(MemoryImage image, int layout, string pageMapPath)
    {
        _layout = layout;
        _pageMap = new PageMap(pageMapPath);
        Image = image.AddReference();
    }

    /// <summary>The pages.</summary>
    public MemoryImage Image { get; }

    /// <summary>How many templates this parent has had.</summary>
    public int Builds { get; }

    /// <summary>Pages the last fork had to copy.</summary>
    public int LastDirtyPages { get; private set; }

    /// <summary>False when the parent's heap or shared mappings changed or too many pages were written since.</summary>
    public bool Fits(long end, int layout) =>
        Image.Length == end && _layout == layout && LastDirtyPages <= RebuildAtDirtyPages;

    /// <summary>Maps the template's ranges copy-on-write into a region.</summary>
    public void MapInto(byte* region) => Image.MapInto(region);

    /// <summary>Copies the pages the parent has written since the template was made.</summary>
    public void CopyDirtyPages(byte* parent, byte* child)
    {
        int copied = 0;
        foreach (var (offset, length) in Image.Ranges)
        {
            copied += _pageMap.CopyPrivatePages(parent + offset, child + offset, length);
        }

        LastDirtyPages = copied;
    }

    /// <summary>Drops the template; existing mappings keep its pages.</summary>
    public void Dispose()
    {
        Image.Release();
        _pageMap.Dispose();
    }
}
