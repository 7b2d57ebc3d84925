using Pocketgres.Kernel.Native;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Memory;

/// <content>Spaces of clones that are used again: see <see cref="SpareSpaces"/>.</content>
internal sealed unsafe partial class AddressSpace
{
    private const int AnonymousAgain = Libc.MapPrivate | Libc.MapFixed | Libc.MapAnonymous | Libc.MapNoReserve;
    private const int MaximumRestoredPages = 2048; // who wrote more did more than the next one will do at its start

    // In a clone: as what it can be used again, and what it must be like then. Null: never.
    private (string Kind, MemoryImage Image, long Size, (uint Address, long Length, MemoryImage Origin) Cloned)? _reuse;

    /// <summary>Set when the process leaves its clone's copy-on-write memory: whether the private mapping of it is still there.</summary>
    internal bool KeepsClonedMapping { get; set; }

    /// <summary>Whether pages of the clone's copy-on-write memory that will be written are in this space, with the content of its origin.</summary>
    internal bool HasClonedPages { get; set; }

    /// <summary>A space with an image and shared memory mapped, new or used again.</summary>
    /// <param name="image">What lies under the private pages.</param>
    /// <param name="size">Accessible bytes.</param>
    /// <param name="shared">Shared memory; references are taken.</param>
    /// <param name="set">What its kind will write, or null.</param>
    /// <param name="kind">What will run in it; null for one that is not used again.</param>
    /// <param name="pageMapPath">See <see cref="Create"/>.</param>
    private static AddressSpace Mapped(MemoryImage image, long size, IReadOnlyList<SharedMapping> shared, WorkingSet? set, string? kind, string pageMapPath)
    {
        var cloned = kind is null ? null : ClonedIn(shared);
        var spare = cloned is null ? null : image.Spares.TryTake(kind!, size, cloned.Value);
        var space = new AddressSpace(pageMapPath, spare) { Size = size };
        try
        {
            space.MapImageAndShared(image, shared, isMapped: spare is not null);
            if (cloned is not null)
            {
                space._reuse = (kind!, image, size, cloned.Value);
            }

            if (set is not null)
            {
                if (spare is null)
                {
                    set.Populate(space._region);
                }

                space._workingSet = set.IsKnown ? null : set;
            }

            return space;
        }
        catch
        {
            space.LeaveShared();
            space.Dispose();
            throw;
        }
    }

    private static (uint Address, long Length, MemoryImage Origin)? ClonedIn(IReadOnlyList<SharedMapping> shared)
    {
        foreach (var s in shared)
        {
            if (s.Memory is ClonedMemory { Origin: { } origin })
            {
                return (s.Address, s.Length, origin);
            }
        }

        return null;
    }

    /// <summary>The process has ended: makes the space as it was at the start and keeps it for the next one. False when it is to be freed.</summary>
    private bool TryKeep()
    {
        if (_reuse is not { } reuse || _image != reuse.Image || Size != reuse.Size || _workingSet is not null || !KeepsClonedMapping
            || !reuse.Cloned.Origin.WorkingSet.IsKnown || !reuse.Image.Spares.Wants(reuse.Kind)
            || IsPartGone(reuse.Image))
        {
            return false;
        }

        bool hasCloned = false;
        foreach (var s in _shared)
        {
            long offset = InstanceLayout.NegativeBytes + s.Address;
            if (s.Address == reuse.Cloned.Address && s.Memory is ClonedMemory)
            {
                hasCloned = true;
            }
            else if (offset >= reuse.Image.Length)
            {
                // Laid over memory without content (dynamic shared memory), which it is again.
                if (Libc.mmap(_region + offset, (nint)s.Length, Libc.ProtReadWrite, AnonymousAgain, -1, 0) != _region + offset)
                {
                    return false;
                }
            }

            // Else the clone's own copy of a small segment, where the next clone maps its own.
        }

        return hasCloned && TryRestore(reuse.Image, reuse.Cloned)
            && reuse.Image.Spares.TryAdd(new SpareSpaces.Spare(reuse.Kind, Size, (nint)_region, reuse.Cloned, HasClonedPages));
    }

    // Whether shared memory has lain over the image.
    private bool IsPartGone(MemoryImage image)
    {
        foreach (var (offset, length) in image.Ranges)
        {
            foreach (var c in _covered)
            {
                if (offset < c.Offset + c.Length && c.Offset < offset + length)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Gives all pages that were written their first content. False when these are too many or cannot be told.</summary>
    private bool TryRestore(MemoryImage image, (uint Address, long Length, MemoryImage Origin) cloned)
    {
        long clonedStart = InstanceLayout.NegativeBytes + cloned.Address, clonedEnd = clonedStart + cloned.Length;
        var written = new List<(long Start, long End, int Descriptor, long At)>();
        using var pageMap = new PageMap(_pageMapPath);
        long end = InstanceLayout.NegativeBytes + Size;
        int pages = 0;
        if (!pageMap.TryForEachPrivateRun(_region, end, Note) || pages > MaximumRestoredPages)
        {
            return false;
        }

        foreach (var (start, stop, descriptor, at) in written)
        {
            if (descriptor < 0)
            {
                // Pages that were only read are zero as well, and stay the host's one zero page.
                for (long page = start; page < stop; page += HostPage)
                {
                    var content = new Span<byte>(_region + page, HostPage);
                    if (content.ContainsAnyExcept((byte)0))
                    {
                        content.Clear();
                    }
                }
            }
            else if (Libc.pread(descriptor, _region + start, (nint)(stop - start), at) != stop - start)
            {
                return false;
            }
        }

        return true;

        void Note(long offset, long length)
        {
            pages += (int)(length / HostPage);
            for (long stop = offset + length; offset < stop;)
            {
                // A run may reach from one mapping into the next.
                var (descriptor, at, until) = offset < clonedStart ? (image.Descriptor, offset, clonedStart)
                    : offset < clonedEnd ? (cloned.Origin.Descriptor, offset - clonedStart, clonedEnd)
                    : offset < image.Length ? (image.Descriptor, offset, image.Length)
                    : (-1, offset, end);
                until = Math.Min(until, stop);
                written.Add((offset, until, descriptor, at));
                offset = until;
            }
        }
    }
}
