using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <summary>A boot pack that was fetched: its frames, packed as they came, and which of them has a page. Immutable.</summary>
internal sealed class BootFrames
{
    private readonly Dictionary<long, BootFrame> _byPage;

    /// <summary>Finds out where the pages are.</summary>
    /// <param name="boot">What the manifest says of the pack.</param>
    /// <param name="frames">The bytes of its frames.</param>
    public BootFrames(BootPack boot, IReadOnlyList<ReadOnlyMemory<byte>> frames)
    {
        Pages = boot.Pages;
        _byPage = new Dictionary<long, BootFrame>(Pages.Count);
        var all = new BootFrame[frames.Count];
        int first = 0;
        for (int i = 0; i < all.Length; i++)
        {
            int end = Math.Min(first + boot.Frames[i].Pages, Pages.Count);
            all[i] = new BootFrame(boot.Frames[i], frames[i], first, end);
            for (; first < end; first++)
            {
                _byPage[Key(Pages[first].FileId, Pages[first].Page)] = all[i];
            }
        }

        All = all;
    }

    /// <summary>The frames.</summary>
    public IReadOnlyList<BootFrame> All { get; }

    /// <summary>The pages, those that were read first at the head.</summary>
    public IReadOnlyList<(long FileId, int Page)> Pages { get; }

    /// <summary>The frame that has a page; null for none.</summary>
    public BootFrame? Find(long fileId, int page) => _byPage.TryGetValue(Key(fileId, page), out var frame) ? frame : null;

    // Files are numbered one after the other, so that their numbers have less than 32 bits.
    private static long Key(long fileId, int page) => (fileId << 32) | (uint)page;
}

/// <summary>A frame of a boot pack.</summary>
/// <param name="Frame">What the manifest says of it.</param>
/// <param name="Bytes">Its bytes, with the right checksum.</param>
/// <param name="First">Number of its first page in <see cref="BootFrames.Pages"/>.</param>
/// <param name="End">Number behind its last.</param>
internal sealed record BootFrame(PageFrame Frame, ReadOnlyMemory<byte> Bytes, int First, int End);
