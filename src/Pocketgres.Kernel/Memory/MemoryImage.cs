using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Pages kept in a memfd, to be mapped MAP_PRIVATE by any number of address spaces: what fork's children and clones start from. Filled
/// once, then never changed. Counted references, any thread; the last one closes the descriptor (mappings keep the pages).
/// </summary>
internal sealed unsafe class MemoryImage
{
    private const int Page = 4096;
    private const int SeekData = 3, SeekHole = 4;

    private int _references = 1;

    /// <summary>An image without content.</summary>
    /// <param name="name">Shows in /proc/PID/maps.</param>
    /// <param name="length">Bytes, a multiple of the page size.</param>
    /// <param name="ranges">The parts of it that are mapped; the rest is holes.</param>
    /// <param name="isTemplate">See <see cref="IsTemplate"/>.</param>
    /// <exception cref="HostResourceException">The host refuses memory or descriptors.</exception>
    public MemoryImage(string name, long length, IReadOnlyList<MemoryRange> ranges, bool isTemplate = false)
    {
        IsTemplate = isTemplate;
        Spares = new SpareSpaces(isTemplate ? ProcessThreads.Patience : null);
        Length = length;
        Ranges = ranges;
        Descriptor = Libc.memfd_create(name, 1);
        if (Descriptor < 0 || Libc.ftruncate(Descriptor, length) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            Release();
            throw new HostResourceException($"cannot create a memory image (errno {errno})", HostErrno.Map(errno));
        }
    }

    /// <summary>Whether it is one process's memory for its own children, which all have the shared memory that it had then; else a snapshot's, for clones.</summary>
    public bool IsTemplate { get; }

    /// <summary>The memfd.</summary>
    public int Descriptor { get; }

    /// <summary>Bytes, holes included.</summary>
    public long Length { get; }

    /// <summary>The parts that are mapped.</summary>
    public IReadOnlyList<MemoryRange> Ranges { get; }

    /// <summary>Bytes of content.</summary>
    public long ContentBytes => DataExtents(Descriptor, 0, Length).Sum(e => e.Length);

    /// <summary>What is known of the pages that those who start from this image write.</summary>
    public WorkingSet WorkingSet { get; } = new();

    /// <summary>Address spaces that started from this image, for others that do.</summary>
    public SpareSpaces Spares { get; }

    /// <summary>Adds a reference.</summary>
    public MemoryImage AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Drops a reference.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Spares.Dispose();
            if (Descriptor >= 0)
            {
                _ = Libc.close(Descriptor);
            }
        }
    }

    /// <summary>Maps the ranges copy-on-write into a region.</summary>
    public void MapInto(byte* region)
    {
        foreach (var (offset, length) in Ranges)
        {
            AddressSpace.MapAt(region + offset, length, Libc.MapPrivate | Libc.MapFixed | Libc.MapNoReserve, Descriptor, offset);
        }
    }

    /// <summary>While filling: copies those pages of a range that have content.</summary>
    public void WriteNonZeroPages(byte* region, long offset, long length)
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

    /// <summary>
    /// While filling: copies a range of a region that maps <paramref name="backing"/> (MAP_PRIVATE or MAP_SHARED) without touching pages that
    /// have no content.
    /// </summary>
    /// <param name="region">What it is copied from.</param>
    /// <param name="offset">Offset in region and image.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="backing">The memfd that lies under the range.</param>
    /// <param name="backingOffset">Where in it the range starts.</param>
    /// <param name="pageMap">Finds pages written since a MAP_PRIVATE mapping was made; null for MAP_SHARED.</param>
    public void WriteBackedPages(byte* region, long offset, long length, int backing, long backingOffset, PageMap? pageMap)
    {
        foreach (var (start, count) in DataExtents(backing, backingOffset, length))
        {
            WriteNonZeroPages(region, offset + start - backingOffset, count);
        }

        if (pageMap is not null)
        {
            long seen = pageMap.ForEachPrivatePage(region + offset, length, at => WriteFully(region + offset + at, Page, offset + at));
            WriteNonZeroPages(region, offset + seen, length - seen);
        }
    }

    /// <summary>Copies what is no hole from one memory file to another, at the same offsets.</summary>
    public static void CopyContent(int source, long size, int target)
    {
        byte[] buffer = new byte[64 * 1024];
        fixed (byte* b = buffer)
        {
            foreach (var (offset, length) in DataExtents(source, 0, size))
            {
                for (long done = 0; done < length;)
                {
                    nint n = Libc.pread(source, b, (nint)Math.Min(buffer.Length, length - done), offset + done);
                    if (n <= 0 || Libc.pwrite(target, b, n, offset + done) != n)
                    {
                        throw new HostResourceException($"cannot copy a memory image (errno {Marshal.GetLastPInvokeError()})");
                    }

                    done += n;
                }
            }
        }
    }

    /// <summary>The parts of a file that are no holes.</summary>
    private static IEnumerable<(long Offset, long Length)> DataExtents(int descriptor, long offset, long length)
    {
        long end = offset + length;
        while (offset < end)
        {
            long data = Libc.lseek(descriptor, offset, SeekData);
            if (data < 0 || data >= end)
            {
                yield break;
            }

            long hole = Math.Min(end, Libc.lseek(descriptor, data, SeekHole));
            data &= ~(Page - 1L);
            yield return (data, hole - data);
            offset = hole;
        }
    }

    private void WriteFully(byte* source, long count, long offset)
    {
        while (count > 0)
        {
            nint n = Libc.pwrite(Descriptor, source, (nint)count, offset);
            if (n <= 0)
            {
                throw new HostResourceException($"cannot fill a memory image (errno {Marshal.GetLastPInvokeError()})");
            }

            source += n;
            count -= n;
            offset += n;
        }
    }
}
