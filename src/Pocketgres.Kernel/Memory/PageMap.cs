using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Reads /proc/self/pagemap (Linux, Documentation/admin-guide/mm/pagemap.rst): one 64-bit entry a page, bit 63 present,
/// bit 62 swapped, bit 61 file page or shared anonymous memory. Unprivileged readers see these bits (only the frame number is hidden).
/// </summary>
/// <param name="path">The file; where there is none, pages are compared.</param>
internal sealed unsafe partial class PageMap(string path) : IDisposable
{
    /// <summary>Where Linux has it.</summary>
    public const string DefaultPath = "/proc/self/pagemap";

    private const int Page = 4096;
    private const int Batch = 1024;
    private const ulong Present = 1UL << 63, Swapped = 1UL << 62, FileOrShared = 1UL << 61;

    private readonly Lazy<ulong[]> _entries = new(() => new ulong[Batch], isThreadSafe: false);
    private int _descriptor = -1;

    /// <summary>
    /// Copies those pages of a MAP_PRIVATE file mapping that were written since it was mapped. Where the host has no pagemap,
    /// pages are compared instead, which gives the same result for more work.
    /// </summary>
    /// <returns>The number of pages copied.</returns>
    public int CopyPrivatePages(byte* from, byte* to, long length)
    {
        int copied = 0;
        long seen = ForEachPrivatePage(from, length, page =>
        {
            Buffer.MemoryCopy(from + page, to + page, Page, Page);
            copied++;
        });
        return copied + (seen < length ? CopyDifferentPages(from + seen, to + seen, length - seen) : 0);
    }

    /// <summary>Calls for each page of a MAP_PRIVATE mapping that was written since it was mapped, with its offset.</summary>
    /// <returns>How many bytes could be looked at: less than <paramref name="length"/> where the host has no pagemap.</returns>
    public long ForEachPrivatePage(byte* from, long length, Action<long> found)
    {
        if (!TryOpen())
        {
            return 0;
        }

        for (long at = 0; at < length;)
        {
            int count = (int)Math.Min(Batch, (length - at) / Page);
            fixed (ulong* entries = _entries.Value)
            {
                nint wanted = count * sizeof(ulong);
                if (Libc.pread(_descriptor, entries, wanted, (long)(from + at) / Page * sizeof(ulong)) != wanted)
                {
                    return at;
                }

                for (int i = 0; i < count; i++)
                {
                    ulong e = entries[i];
                    if (((e & Present) != 0 && (e & FileOrShared) == 0) || (e & Swapped) != 0)
                    {
                        found(at + ((long)i * Page));
                    }
                }
            }

            at += (long)count * Page;
        }

        return length;
    }

    /// <summary>The offsets of these pages; none where the host has no pagemap.</summary>
    public long[] PrivatePages(byte* from, long length)
    {
        var pages = new PageList();
        ForEachPrivatePage(from, length, pages.Add);
        return pages.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_descriptor >= 0)
        {
            _ = Libc.close(_descriptor);
            _descriptor = -1;
        }
    }

    private bool TryOpen()
    {
        if (_descriptor < 0)
        {
            _descriptor = Libc.open(path, 0x80000, 0);
        }

        return _descriptor >= 0;
    }

    private static int CopyDifferentPages(byte* from, byte* to, long length)
    {
        int copied = 0;
        for (long at = 0; at < length; at += Page)
        {
            if (!new ReadOnlySpan<byte>(from + at, Page).SequenceEqual(new ReadOnlySpan<byte>(to + at, Page)))
            {
                Buffer.MemoryCopy(from + at, to + at, Page, Page);
                copied++;
            }
        }

        return copied;
    }
}
