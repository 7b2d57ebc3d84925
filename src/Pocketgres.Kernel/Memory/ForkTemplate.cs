using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Makes fork cheap: the parent's private pages live in a memfd that the parent itself maps MAP_PRIVATE, so every child can map the
/// same file. What the parent wrote since is found in /proc/self/pagemap (a private copy of a page is anonymous memory) and copied.
/// </summary>
internal sealed unsafe class ForkTemplate : IDisposable
{
    // Copying 200 pages costs about as much as the page-table work of a rebuild saves later (0.2-0.3 ms a fork in all).
    private const int RebuildAtDirtyPages = 200;
    private const int Page = 4096;

    private readonly int _descriptor;
    private readonly long _end;
    private readonly List<(long Offset, long Length)> _ranges;
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
        _end = end;
        Builds = builds;
        _layout = layout;
        _pageMap = new PageMap(pageMapPath);
        _ranges = [.. parent.PrivateRanges(end)];
        _descriptor = Libc.memfd_create("pocketgres-fork", 1);
        try
        {
            if (_descriptor < 0 || Libc.ftruncate(_descriptor, end) != 0)
            {
                throw new HostResourceException($"cannot create the fork template (errno {Marshal.GetLastPInvokeError()})");
            }

            byte* region = parent.Region;
            foreach (var (offset, length) in _ranges)
            {
                WriteNonZeroPages(region, offset, length);
            }

            MapInto(region);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many templates this parent has had.</summary>
    public int Builds { get; }

    /// <summary>Pages the last fork had to copy.</summary>
    public int LastDirtyPages { get; private set; }

    /// <summary>False when the parent's heap or shared mappings changed or too many pages were written since.</summary>
    public bool Fits(long end, int layout) =>
        _end == end && _layout == layout && LastDirtyPages <= RebuildAtDirtyPages;

    /// <summary>Maps the template's ranges copy-on-write into a region.</summary>
    public void MapInto(byte* region)
    {
        foreach (var (offset, length) in _ranges)
        {
            AddressSpace.MapAt(region + offset, length, Libc.MapPrivate | Libc.MapFixed, _descriptor, offset);
        }
    }

    /// <summary>Copies the pages the parent has written since the template was made.</summary>
    public void CopyDirtyPages(byte* parent, byte* child)
    {
        int copied = 0;
        foreach (var (offset, length) in _ranges)
        {
            copied += _pageMap.CopyPrivatePages(parent + offset, child + offset, length);
        }

        LastDirtyPages = copied;
    }

    /// <summary>Closes the file; existing mappings keep its pages.</summary>
    public void Dispose()
    {
        if (_descriptor >= 0)
        {
            _ = Libc.close(_descriptor);
        }

        _pageMap.Dispose();
    }

    private void WriteNonZeroPages(byte* region, long offset, long length)
    {
        // Runs of non-zero pages are written with one call each: zero pages stay holes and cost no memory.
        long end = offset + length;
        long runStart = -1;
        for (long at = offset; at <= end; at += Page)
        {
            bool content = at < end && new ReadOnlySpan<byte>(region + at, Page).ContainsAnyExcept((byte)0);
            if (content)
            {
                runStart = runStart < 0 ? at : runStart;
                continue;
            }

            if (runStart >= 0)
            {
                WriteFully(region + runStart, at - runStart, runStart);
                runStart = -1;
            }
        }
    }

    private void WriteFully(byte* source, long count, long offset)
    {
        while (count > 0)
        {
            nint n = Libc.pwrite(_descriptor, source, (nint)count, offset);
            if (n <= 0)
            {
                throw new HostResourceException($"cannot fill the fork template (errno {Marshal.GetLastPInvokeError()})");
            }

            source += n;
            count -= n;
            offset += n;
        }
    }
}
