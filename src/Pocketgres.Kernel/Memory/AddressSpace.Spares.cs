using Pocketgres.Kernel.Native;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Memory;

/// <content>Spaces that are used again: see <see cref="SpareSpaces"/>.</content>
internal sealed unsafe partial class AddressSpace
{
    private const int AnonymousAgain = Libc.MapPrivate | Libc.MapFixed | Libc.MapAnonymous | Libc.MapNoReserve;
    private const int MaximumRestoredPages = 2048; // who wrote more did more than the next one will do at its start

    // As what it can be used again, and what it must be like then. Null: never.
    private Reuse? _reuse;

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
        var reuse = kind is null ? null : ReuseOf(kind, image, size, shared, set);
        var spare = reuse is null ? null : image.Spares.TryTake(reuse.Kind, size, reuse.Cloned);
        var space = new AddressSpace(pageMapPath, spare) { Size = size, _reuse = reuse };
        try
        {
            space.MapImageAndShared(image, shared, spare);
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
            space._reuse = null;
            space.LeaveShared();
            space.Dispose();
            throw;
        }
    }

    // A process's own children only once it is known what they write: kinds of which few are started leave nothing.
    private static Reuse? ReuseOf(string kind, MemoryImage image, long size, IReadOnlyList<SharedMapping> shared, WorkingSet? set)
    {
        foreach (var s in shared)
        {
            if (s.Memory is ClonedMemory { Origin: { } origin })
            {
                return new Reuse(kind, image, size, new ClonedPart(s.Address, s.Length, origin), null, []);
            }
        }

        return image.IsTemplate && set is { IsKnown: true } ? new Reuse(kind, image, size, null, set, Copy(shared)) : null;
    }

    // Neither this nor a search in it by LINQ, which a start would load for it.
    private static SharedMapping[] Copy(IReadOnlyList<SharedMapping> shared)
    {
        var copy = new SharedMapping[shared.Count];
        for (int i = 0; i < copy.Length; i++)
        {
            copy[i] = shared[i];
        }

        return copy;
    }

    /// <summary>The process has ended: makes the space as it was at the start and keeps it for the next one. False when it is to be freed.</summary>
    private bool TryKeep()
    {
        if (_reuse is not { } reuse || _image != reuse.Image || Size != reuse.Size || _workingSet is not null
            || (reuse.Cloned is { } c && !(KeepsClonedMapping && c.Origin.WorkingSet.IsKnown))
            || !reuse.Image.Spares.Wants(reuse.Kind) || IsPartGone(reuse.Image))
        {
            return false;
        }

        int staying = 0;
        foreach (var s in _shared)
        {
            long offset = InstanceLayout.NegativeBytes + s.Address;
            if (reuse.Cloned is { } cloned ? s.Address == cloned.Address && s.Memory is ClonedMemory : Array.IndexOf(reuse.Shared, s) >= 0)
            {
                staying++;
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

        return staying == (reuse.Cloned is null ? reuse.Shared.Length : 1) && TryRestore(reuse)
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
    private bool TryRestore(Reuse reuse)
    {
        var written = new List<MemoryRange>();
        int pages = 0;
        using (var pageMap = new PageMap(_pageMapPath))
        {
            // A clone's copy-on-write memory has private pages too; what all processes map has none, and looking through it takes as long as the rest.
            long end = InstanceLayout.NegativeBytes + Size;
            foreach (var (start, count) in reuse.Cloned is null ? PrivateRanges(end) : [new MemoryRange(0, end)])
            {
                bool isKnown = pageMap.TryForEachPrivateRun(_region + start, count, (offset, length) =>
                {
                    pages += (int)(length / HostPage);
                    written.Add(new MemoryRange(start + offset, length));
                });
                if (!isKnown || pages > MaximumRestoredPages)
                {
                    return false;
                }
            }
        }

        foreach (var (offset, length) in written)
        {
            for (long at = offset, end = offset + length; at < end;)
            {
                var (content, position, until) = reuse.ContentAt(at); // a run may reach from one mapping into the next
                until = Math.Min(until, end);
                if (!TryRestore(at, until - at, content, position))
                {
                    return false;
                }

                at = until;
            }
        }

        return true;
    }

    private bool TryRestore(long offset, long length, RestoredContent content, long position)
    {
        switch (content)
        {
            case RestoredContent.Zeroes:
                BulkMemory.ClearWritten(_region + offset, (nuint)length); // those that were only read stay the host's one zero page
                return true;
            case RestoredContent.Untouched:
                return Libc.madvise(_region + offset, (nint)length, Libc.AdviseDontNeed) == 0;
            default:
                int descriptor = content == RestoredContent.Image ? _reuse!.Image.Descriptor : _reuse!.Cloned!.Origin.Descriptor;
                return Libc.pread(descriptor, _region + offset, (nint)length, position) == length;
        }
    }

    private enum RestoredContent
    {
        Zeroes,
        Untouched, // what is mapped there, without a page of its own
        Image,
        Cloned,
    }

    /// <summary>As what a space can be used again.</summary>
    /// <param name="Kind">What runs in it.</param>
    /// <param name="Image">What it started from.</param>
    /// <param name="Size">Accessible bytes.</param>
    /// <param name="Cloned">In a clone: its copy-on-write memory.</param>
    /// <param name="Set">Else: the pages that the next one will write. It gets no others.</param>
    /// <param name="Shared">Else: its shared memory, which stays mapped.</param>
    private sealed record Reuse(string Kind, MemoryImage Image, long Size, ClonedPart? Cloned, WorkingSet? Set, SharedMapping[] Shared)
    {
        /// <summary>What a written page had at the start, from where on, and up to where that is so.</summary>
        public (RestoredContent Content, long Position, long Until) ContentAt(long offset)
        {
            long until = long.MaxValue;
            if (Set is not null)
            {
                (bool isWanted, until) = Set.Find(offset);
                if (!isWanted)
                {
                    return (RestoredContent.Untouched, 0, until);
                }
            }
            else if (Cloned is { } cloned)
            {
                long start = InstanceLayout.NegativeBytes + cloned.Address, end = start + cloned.Length;
                if (offset >= start && offset < end)
                {
                    return (RestoredContent.Cloned, offset - start, end);
                }

                until = offset < start ? start : until;
            }

            return offset < Image.Length ? (RestoredContent.Image, offset, Math.Min(until, Image.Length)) : (RestoredContent.Zeroes, 0, until);
        }
    }
}
