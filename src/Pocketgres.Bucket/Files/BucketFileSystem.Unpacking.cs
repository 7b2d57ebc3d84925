using System.Buffers;
using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <content>The boot pack of the life before: pages that are on this machine, unpacked a frame at a time when one of them is read. Most of a large index's never are.</content>
internal sealed partial class BucketFileSystem
{
    private BootFrames? _boot;

    /// <summary>Fetches the boot pack.</summary>
    /// <exception cref="DamagedObjectException">It is missing or damaged.</exception>
    /// <exception cref="ObjectStore.ObjectStoreException">The store does not answer.</exception>
    public async Task LoadAsync(BootPack boot)
    {
        var frames = await _frames.ReadPackAsync(boot.Pack, boot.Frames).ConfigureAwait(false);
        lock (_lock)
        {
            _boot = new BootFrames(boot, frames);
        }
    }

    // The frame of the boot pack that has a page as it is in the image. Under the lock.
    private BootFrame? FindBooted(BucketNode node, int page) => _boot?.Find(node.FileId, page) is { } frame && node.IsAsInImage(page) ? frame : null;

    // Brings those pages of a range here that are in the boot pack. No lock is held.
    private void BringBooted(BucketNode node, long offset, long count)
    {
        for (long next = offset / PageFile.PageSize; ; next++)
        {
            BootFrame? frame = null;
            lock (_lock)
            {
                long end = Math.Min((offset + count + PageFile.PageSize - 1) / PageFile.PageSize, node.Count);
                for (; next < end && frame is null; next += frame is null ? 1 : 0)
                {
                    frame = node[(int)next].IsAbsent ? FindBooted(node, (int)next) : null;
                }
            }

            if (frame is null)
            {
                return;
            }

            try
            {
                Unpack(frame);
            }
            catch (IOException)
            {
                return; // no room: who fetches them from the image waits for some, or says so
            }
        }
    }

    // All that was not read, for the next boot pack; returns the pages of the whole.
    private IReadOnlyList<(long FileId, int Page)> UnpackBoot()
    {
        BootFrames? boot;
        lock (_lock)
        {
            boot = _boot;
        }

        try
        {
            foreach (var frame in boot?.All ?? [])
            {
                Unpack(frame);
            }
        }
        catch (IOException)
        {
            // Without room for them, the next boot pack does without them.
        }

        return boot?.Pages ?? [];
    }

    // Brings those pages of a frame here that are still as they are there.
    private void Unpack(BootFrame frame)
    {
        lock (_lock)
        {
            if (!Wanted(frame).Any())
            {
                return;
            }
        }

        byte[] pages = ArrayPool<byte>.Shared.Rent(frame.Frame.Pages * PageFile.PageSize);
        try
        {
            FrameReader.Unpack(frame.Frame, frame.Bytes, pages.AsSpan(0, frame.Frame.Pages * PageFile.PageSize));
            lock (_lock)
            {
                foreach (var (node, page, at) in Wanted(frame))
                {
                    node[page].Slot = WriteNew(pages.AsSpan(at * PageFile.PageSize, PageFile.PageSize), mustFit: false);
                }
            }
        }
        catch (DamagedObjectException e)
        {
            FetchFailed?.Invoke(e.Message);
            lock (_lock)
            {
                _boot = null; // they are in the image, too
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pages);
        }
    }

    // The pages of a frame that are not here and still as they are there, with their places in it. Under the lock.
    private IEnumerable<(BucketNode Node, int Page, int At)> Wanted(BootFrame frame)
    {
        for (int i = frame.First; i < frame.End && _boot is { } boot; i++)
        {
            var (file, page) = boot.Pages[i];
            if (_byId.TryGetValue(file, out var node) && page < node.Count && node[page].IsAbsent && node.IsAsInImage(page))
            {
                yield return (node, page, i - frame.First);
            }
        }
    }
}
