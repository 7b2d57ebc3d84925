using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Races;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// A process's linear memory with what lies below it (see <see cref="InstanceLayout"/>): one reservation of address space, private
/// pages, and shared mappings laid over them at the same address in every process. Used by the owning thread under the kernel's lock.
/// </summary>
internal sealed unsafe partial class AddressSpace : IDisposable
{
    /// <summary>What 32 bits of address reach; a program may be built for less (<see cref="Programs.DataModel.MaximumMemory"/>).</summary>
    public const long MaximumSize = 1L << 32;

    private const int HostPage = 4096;

    // What a child may use above what it inherits before it asks: most never do. A program begins with much more than it uses, and each child's use is to be granted.
    private const long ForkRoom = 8 << 20;

    private readonly List<SharedMapping> _shared = [];
    private readonly string _pageMapPath;
    private byte* _region;
    private ForkTemplate? _template;
    private WorkingSets _childSets = new();
    private WorkingSet? _workingSet; // what others of this process's kind may be told to write at once, or null when that is known
    private MemoryImage? _image; // what lies under the private pages, or null: anonymous memory and the program's data file
    private int _layout; // counts changes of the shared mappings: a template fits one layout

    private AddressSpace(string pageMapPath, SpareSpaces.Spare? spare = null)
    {
        _pageMapPath = pageMapPath;
        if (spare is not null)
        {
            _region = (byte*)spare.Region;
            HasClonedPages = spare.HasClonedPages;
            AddressArena.ForgetFault(_region);
            return;
        }

        _region = AddressArena.Reserve();
    }

    /// <summary>A mapping shared with other processes, backed by a memory file.</summary>
    public sealed record SharedMapping(uint Address, long Length, SharedMemory Memory);

    /// <summary>Byte 0 of linear memory.</summary>
    public byte* Base => _region + InstanceLayout.NegativeBytes;

    /// <summary>First byte of the reservation (the function table).</summary>
    public byte* Region => _region;

    /// <summary>Accessible bytes of linear memory.</summary>
    public long Size { get; private set; }

    /// <summary>Shared mappings, by address.</summary>
    public IReadOnlyList<SharedMapping> SharedMappings => _shared;

    /// <summary>The last access to what is not there, its address relative to <see cref="Base"/>, or null. The owning thread.</summary>
    public MemoryFault? LastFault => AddressArena.LastFault(_region);

    /// <summary>What is known of the working sets of its children, by kind.</summary>
    public WorkingSets ChildSets => _childSets;

    /// <summary>Spaces that its children have left to later ones; null before the first fork.</summary>
    internal SpareSpaces? ChildSpares => _template?.Image.Spares;

    /// <summary>Pages copied by the last fork from this space, and how often its template was rebuilt.</summary>
    public (int CopiedPages, int TemplateBuilds) ForkStatistics => (_template?.LastDirtyPages ?? 0, _template?.Builds ?? 0);

    /// <summary>An empty address space with <paramref name="size"/> accessible bytes.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="pageMapPath">Where fork learns which pages were written; children inherit it. Without such a file, pages are compared.</param>
    public static AddressSpace Create(long size, string pageMapPath = PageMap.DefaultPath)
    {
        var space = new AddressSpace(pageMapPath);
        try
        {
            Check(Libc.mprotect(space._region, (nint)InstanceLayout.NegativeBytes, Libc.ProtReadWrite));
            return space.Grow(size) ? space : throw new HostResourceException($"cannot commit {size >> 20} MiB of linear memory");
        }
        catch
        {
            space.Dispose();
            throw;
        }
    }

    /// <summary>Maps the initial data image copy-on-write.</summary>
    /// <param name="path">The file, which may be a symbolic link.</param>
    /// <param name="start">The address of its first byte, a multiple of the page size.</param>
    public void MapImage(string path, int start = 0)
    {
        int fd = Libc.open(path, 0x80000, 0);
        if (fd < 0)
        {
            throw new FileNotFoundException($"cannot open data image {path} (errno {Marshal.GetLastPInvokeError()})", path);
        }

        try
        {
            long length = Libc.lseek(fd, 0, 2); // SEEK_END
            long whole = length & ~(HostPage - 1L);
            if (whole > 0)
            {
                MapAt(Base + (uint)start, whole, Libc.MapPrivate | Libc.MapFixed, fd, 0);
            }

            if (length > whole)
            {
                nint n = Libc.pread(fd, Base + (uint)start + whole, (nint)(length - whole), whole);
                if (n != length - whole)
                {
                    throw new IOException($"short read of data image {path}");
                }
            }
        }
        finally
        {
            _ = Libc.close(fd);
        }
    }

    /// <summary>Makes at least <paramref name="size"/> bytes accessible; false beyond 4 GiB or when the host refuses. The base never moves.</summary>
    public bool Grow(long size)
    {
        if (size > MaximumSize)
        {
            return false;
        }

        if (size > Size)
        {
            if (Libc.mprotect(Base + Size, (nint)(size - Size), Libc.ProtReadWrite) != 0)
            {
                return false;
            }

            Size = size;
        }

        *(int*)(Base + InstanceLayout.MemoryPages) = (int)(Size / InstanceLayout.PageSize);
        return true;
    }

    /// <summary>Bytes between <paramref name="address"/> and <see cref="Size"/> that take no memory of the host's: never written, or discarded. Any thread that keeps the owner from disposing of it.</summary>
    public long Untouched(uint address)
    {
        const int pages = 4096;
        byte* resident = stackalloc byte[pages];
        long untouched = 0;
        for (long at = RoundUp(address), size = Size; at < size; at += pages * HostPage)
        {
            int count = (int)Math.Min(pages, (size - at) / HostPage);
            if (Libc.mincore(Base + at, (nint)count * HostPage, resident) != 0)
            {
                break;
            }

            for (int i = 0; i < count; i++)
            {
                untouched += (resident[i] & 1) == 0 ? HostPage : 0;
            }
        }

        return untouched;
    }

    /// <summary>Gives the host back whole private pages whose content nobody wants; they have any content afterwards. No shared mapping may lie there.</summary>
    public void Discard(uint address, long length)
    {
        nint start = (nint)RoundUp((nint)(Base + address)), end = (nint)(Base + Math.Min(address + length, Size)) & -HostPage;
        if (length > 0 && start < end)
        {
            _ = Libc.madvise((void*)start, end - start, Libc.AdviseDontNeed);
        }
    }

    /// <summary>mmap(MAP_SHARED|MAP_FIXED): lays <paramref name="memory"/> over the pages at <paramref name="address"/>.</summary>
    public void MapShared(uint address, long length, SharedMemory memory)
    {
        length = RoundUp(length);
        RaceChecker.Map(address, length);
        memory.AddReference();
        try
        {
            UnmapShared(address);
            memory.MapInto(this, address, length);
        }
        catch
        {
            memory.Release();
            throw;
        }

        int position = _shared.FindIndex(s => s.Address > address);
        _shared.Insert(position < 0 ? _shared.Count : position, new SharedMapping(address, length, memory));
        _covered.Add(new MemoryRange(InstanceLayout.NegativeBytes + address, length));
        ChangeLayout();
    }

    /// <summary>Replaces a shared mapping by fresh private pages; false if there is none at this address.</summary>
    public bool UnmapShared(uint address)
    {
        int i = _shared.FindIndex(s => s.Address == address);
        if (i < 0)
        {
            return false;
        }

        var mapping = _shared[i];
        mapping.Memory.Leave(this);
        MapAt(Base + address, mapping.Length, Libc.MapPrivate | Libc.MapFixed | Libc.MapAnonymous | Libc.MapNoReserve, -1, 0);
        _shared.RemoveAt(i);
        ChangeLayout();
        mapping.Memory.Release();
        return true;
    }

    // The spaces that children have left have the shared mappings of before, and would keep that memory alive.
    private void ChangeLayout()
    {
        _layout++;
        if (_template is { Image: { IsTemplate: true } image })
        {
            image.Spares.Dispose();
        }
    }

    /// <summary>
    /// fork(2): a copy-on-write child with the same shared mappings. Only memory below <paramref name="breakAddress"/> (the top of the
    /// C heap) has content. The caller is the owning thread, so nothing changes meanwhile.
    /// </summary>
    /// <param name="breakAddress">Address of the first byte without content.</param>
    /// <param name="kind">Children of one kind write the same pages at their start.</param>
    public AddressSpace Fork(uint breakAddress, string kind = "")
    {
        long end = RoundUp(InstanceLayout.NegativeBytes + breakAddress);
        if (_template is null || !_template.Fits(end, _layout))
        {
            int builds = _template?.Builds ?? 0;
            _template?.Dispose();
            _template = null; // if the host refuses a new one, the next fork must not find the closed one
            _template = new ForkTemplate(this, end, _layout, builds + 1, _pageMapPath);
            _covered.Clear();
            SetImage(_template.Image);
        }

        long size = Math.Min(Size, (breakAddress + ForkRoom) / InstanceLayout.PageSize * InstanceLayout.PageSize);
        var child = Mapped(_template.Image, size, _shared, _childSets.For(kind), _reuse is null && !_template.Image.IsTemplate ? null : kind, _pageMapPath);
        try
        {
            _template.CopyDirtyPages(_region, child._region);
            *(int*)(child.Base + InstanceLayout.MemoryPages) = (int)(size / InstanceLayout.PageSize);
            return child;
        }
        catch
        {
            child.LeaveShared();
            child.Dispose();
            throw;
        }
    }

    /// <summary>The process ends: what it wrote, others of its kind will write too.</summary>
    public void LearnWorkingSet()
    {
        if (_workingSet is not { } set)
        {
            return;
        }

        _workingSet = null;
        var written = new PageList();
        using var pageMap = new PageMap(_pageMapPath);
        foreach (var (offset, length) in PrivateRanges(InstanceLayout.NegativeBytes + Size))
        {
            _ = pageMap.TryForEachPrivateRun(_region + offset, length, (at, count) =>
            {
                for (long page = at; page < at + count; page += HostPage)
                {
                    written.Add(offset + page);
                }
            });
        }

        set.Learn(written.ToArray());
    }

    /// <summary>Parts of [0, end) of the region that no shared mapping covers.</summary>
    internal List<MemoryRange> PrivateRanges(long end)
    {
        var ranges = new List<MemoryRange>();
        long position = 0;
        foreach (var s in _shared)
        {
            long start = InstanceLayout.NegativeBytes + s.Address;
            if (start > position && position < end)
            {
                ranges.Add(new MemoryRange(position, Math.Min(start, end) - position));
            }

            position = Math.Max(position, start + s.Length);
        }

        if (end > position)
        {
            ranges.Add(new MemoryRange(position, end - position));
        }

        return ranges;
    }

    /// <summary>What must happen under the kernel's lock before <see cref="Dispose"/>, which needs none: shared memory forgets this space.</summary>
    public void LeaveShared() => _shared.ForEach(s => s.Memory.Leave(this));

    /// <summary>Unmaps everything, or keeps it for the next process. The owner must have made sure that no other thread writes here any more.</summary>
    public void Dispose()
    {
        if (_region is null)
        {
            return;
        }

        if (!TryKeep())
        {
            AddressArena.Release(_region);
        }

        _region = null;
        _template?.Dispose();
        _image?.Release();
        foreach (var s in _shared)
        {
            s.Memory.Release();
        }

        _shared.Clear();
    }

    internal static void MapAt(byte* address, long length, int flags, int fd, long offset)
    {
        if (Libc.mmap(address, (nint)length, Libc.ProtReadWrite, flags, fd, (nint)offset) != address)
        {
            throw new HostResourceException($"mmap of {length} bytes failed (errno {Marshal.GetLastPInvokeError()}); check vm.max_map_count");
        }
    }

    private static long RoundUp(long length) => (length + HostPage - 1) & ~(HostPage - 1L);

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new HostResourceException($"mprotect failed (errno {Marshal.GetLastPInvokeError()})");
        }
    }
}
