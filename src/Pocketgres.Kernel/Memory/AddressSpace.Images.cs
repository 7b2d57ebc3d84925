using Pocketgres.Kernel.Native;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Memory;

/// <content>Address spaces from images and images from address spaces: what snapshots and clones are made of.</content>
internal sealed unsafe partial class AddressSpace
{
    // Parts of the region where shared memory lay since the image was mapped: what is there now does not come from the image.
    private readonly List<MemoryRange> _covered = [];

    /// <summary>A space whose private pages are a copy-on-write copy of an image.</summary>
    /// <param name="image">As <see cref="Capture"/> made it.</param>
    /// <param name="size">Accessible bytes.</param>
    /// <param name="shared">Shared memory to lay over it; references are taken.</param>
    /// <param name="childSets">What is known of its children, from the space that the image was made of.</param>
    /// <param name="kind">Which kind of child it is itself, for the same store; null when nothing shall be learned of it.</param>
    /// <param name="pageMapPath">See <see cref="Create"/>.</param>
    public static AddressSpace FromImage(MemoryImage image, long size, IReadOnlyList<SharedMapping> shared, WorkingSets? childSets = null, string? kind = null,
        string pageMapPath = PageMap.DefaultPath)
    {
        childSets ??= new WorkingSets();
        var space = Mapped(image, size, shared, kind is null ? null : childSets.For(kind), kind, pageMapPath);
        space._childSets = childSets;
        try
        {
            // A fork of it starts from the same image: nothing has to be copied for the first one.
            space._template = new ForkTemplate(image, space._layout, pageMapPath);
            return space;
        }
        catch
        {
            space.LeaveShared();
            space.Dispose();
            throw;
        }
    }

    /// <summary>Copies the private pages below <paramref name="breakAddress"/>. Under the kernel's lock; the space is as it was.</summary>
    public MemoryImage Capture(uint breakAddress)
    {
        long end = RoundUp(InstanceLayout.NegativeBytes + breakAddress);
        var image = new MemoryImage("pocketgres-snapshot", end, PrivateRanges(end));
        try
        {
            using var pageMap = new PageMap(_pageMapPath);
            foreach (var (offset, length) in image.Ranges)
            {
                foreach (var part in Backed(offset, length))
                {
                    if (part.IsBacked)
                    {
                        image.WriteBackedPages(_region, part.Offset, part.Length, _image!.Descriptor, part.Offset, pageMap);
                    }
                    else
                    {
                        image.WriteNonZeroPages(_region, part.Offset, part.Length);
                    }
                }
            }

            return image;
        }
        catch
        {
            image.Release();
            throw;
        }
    }

    /// <summary>A range in parts that lie over the image or not.</summary>
    private IEnumerable<(long Offset, long Length, bool IsBacked)> Backed(long offset, long length)
    {
        long at = offset, end = offset + length, imageEnd = _image?.Length ?? 0;
        foreach (var (start, count) in _covered.Append(new MemoryRange(imageEnd, long.MaxValue - imageEnd)).OrderBy(c => c.Offset).ToList())
        {
            long stop = start > long.MaxValue - count ? long.MaxValue : start + count;
            if (stop <= at || start >= end)
            {
                continue;
            }

            if (start > at)
            {
                yield return (at, start - at, true);
                at = start;
            }

            yield return (at, Math.Min(stop, end) - at, false);
            at = Math.Min(stop, end);
        }

        if (at < end)
        {
            yield return (at, end - at, true);
        }
    }

    private void MapImageAndShared(MemoryImage image, IReadOnlyList<SharedMapping> shared, SpareSpaces.Spare? spare)
    {
        if (spare is null)
        {
            image.MapInto(_region);
        }

        SetImage(image);
        foreach (var s in shared)
        {
            _shared.Add(s with { Memory = s.Memory.AddReference() });
            if (spare is null || (spare.Cloned is not null && s.Memory is not ClonedMemory))
            {
                s.Memory.MapInto(this, s.Address, s.Length);
            }
            else if (s.Memory is ClonedMemory cloned)
            {
                cloned.Join(this);
            }
        }

        if (spare is null)
        {
            Check(Libc.mprotect(_region + image.Length, (nint)(InstanceLayout.NegativeBytes + Size - image.Length), Libc.ProtReadWrite));
        }
    }

    private void SetImage(MemoryImage image)
    {
        image.AddReference();
        _image?.Release();
        _image = image;
    }
}
