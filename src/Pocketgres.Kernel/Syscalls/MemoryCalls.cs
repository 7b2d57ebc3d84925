using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Linear memory: growth, mmap, munmap.</summary>
public static unsafe class MemoryCalls
{
    private const int MapShared = 1, MapPrivate = 2, ProtWrite = 2;

    // Growth steps of emscripten: a fifth more than now, at most 96 MiB more than asked for.
    private const double GrowthFactor = 1.2;
    private const long GrowthLimit = 96L << 20;

    // Room that there must be for a whole step: so many of them.
    private const int StepShare = 4;

    /// <summary>The memory.grow instruction: old size in pages, or -1.</summary>
    [HostFunction("memory.grow", Locking = KernelLocking.None)]
    public static int Grow(byte* m, int pages)
    {
        int old = *(int*)(m + InstanceLayout.MemoryPages);
        var process = Process.From(m);
        long size = ((long)old + (uint)pages) * InstanceLayout.PageSize;
        return pages == 0 || (size <= process.Program.DataModel.MaximumMemory && TryGrow(process, size)) ? old : -1;
    }

    /// <summary>Makes at least <paramref name="size"/> bytes accessible; 1 on success.</summary>
    [HostFunction("emscripten_resize_heap", Locking = KernelLocking.None)]
    public static int ResizeHeap(byte* m, int size) => ResizeHeap(m, (long)(uint)size);

    /// <inheritdoc cref="ResizeHeap(byte*, int)"/>
    [HostFunction("emscripten_resize_heap", Memory64 = true, Locking = KernelLocking.None)]
    public static int ResizeHeap(byte* m, long size)
    {
        long wanted = size, maximum = Process.From(m).Program.DataModel.MaximumMemory;
        if ((ulong)wanted > (ulong)maximum)
        {
            return 0;
        }

        var process = Process.From(m);
        var memory = process.AddressSpace;
        long step = Math.Max(wanted, (long)Math.Min(memory.Size * GrowthFactor, wanted + (double)GrowthLimit));
        long rounded = Math.Min(maximum, (step + InstanceLayout.PageSize - 1) / InstanceLayout.PageSize * InstanceLayout.PageSize);

        // A step is more than was asked for, and is not used at once, nor seen as used by others: only with much room.
        bool isRoomy = process.Kernel.Options.Memory.HasRoom(StepShare * (rounded - memory.Size));
        return (isRoomy && Grow(process, rounded)) || TryGrow(process, (wanted + InstanceLayout.PageSize - 1) / InstanceLayout.PageSize * InstanceLayout.PageSize) ? 1 : 0;
    }

    // The program gets ENOMEM where the host's OOM killer would come.
    private static bool TryGrow(Process process, long size) =>
        size <= process.AddressSpace.Size || (process.Kernel.Options.Memory.HasRoom(size - process.AddressSpace.Size) && Grow(process, size));

    private static bool Grow(Process process, long size)
    {
        long old = process.AddressSpace.Size;
        if (!process.AddressSpace.Grow(size))
        {
            return false;
        }

        process.Kernel.Options.Memory.Granted(process.AddressSpace, old);
        return true;
    }

    /// <summary>The largest size linear memory can have.</summary>
    [HostFunction("emscripten_get_heap_max", Locking = KernelLocking.None)]
    public static int HeapMaximum(byte* m) => unchecked((int)DataModel.Ilp32.MaximumMemory);

    /// <inheritdoc cref="HeapMaximum(byte*)"/>
    [HostFunction("emscripten_get_heap_max", Memory64 = true, Locking = KernelLocking.None)]
    public static long HeapMaximum64(byte* m) => DataModel.Lp64.MaximumMemory;

    /// <summary>
    /// mmap(2) of a file. A writable shared mapping becomes memory that other processes map too; a private mapping is a copy. A shared one that is only read
    /// is refused (ENODEV), as by file systems that cannot map: who asks for one expects that nothing is read yet. PostgreSQL, which maps every file of the
    /// data directory so after a crash to have it written soon (pg_flush_data), goes on to posix_fadvise.
    /// </summary>
    [HostFunction("_mmap_js")]
    public static int MapFile(byte* m, int length, int protection, int flags, int fd, long offset, int allocated, int address)
    {
        var process = Process.From(m);
        int result = MapFile(process, length, protection, flags, fd, offset, out int block);
        if (result == 0)
        {
            *(int*)(m + (uint)allocated) = 1;
            process.Program.DataModel.WritePointer(m, address, block);
        }

        return result;
    }

    /// <summary>As the call: 0 and a block of the C heap, or a negated errno.</summary>
    internal static int MapFile(Process process, int length, int protection, int flags, int fd, long offset, out int block)
    {
        byte* m = process.Memory;
        block = 0;
        if (length <= 0 || length > int.MaxValue - InstanceLayout.PageSize || offset < 0)
        {
            return -(int)Errno.EINVAL;
        }

        if (!process.Files.TryGet(fd, out var file))
        {
            return -(int)Errno.EBADF;
        }

        // What can fail without memory fails first: the block is the C heap's, and this side cannot give it back.
        int size = (length + InstanceLayout.PageSize - 1) & ~(InstanceLayout.PageSize - 1);
        bool shared = (flags & MapShared) != 0 && (protection & ProtWrite) != 0;
        var access = file.Flags & OpenFlags.AccessMode;
        if (access == OpenFlags.WriteOnly || (shared && access != OpenFlags.ReadWrite))
        {
            return -(int)Errno.EACCES;
        }

        if ((flags & MapShared) != 0 && !shared)
        {
            return -(int)Errno.ENODEV;
        }

        int descriptor = shared && offset == 0 ? file.ShareAsMemory(size) : -1;
        if (shared && descriptor < 0)
        {
            return -(int)Errno.ENODEV;
        }

        byte probe;
        int readable = shared ? 0 : file.ReadAt(&probe, 1, offset);
        if (readable < 0)
        {
            return readable == -(int)Errno.EISDIR || readable == -(int)Errno.ESPIPE ? -(int)Errno.ENODEV : readable;
        }

        block = process.AllocateAligned(InstanceLayout.PageSize, size);
        if (block == 0)
        {
            return -(int)Errno.ENOMEM;
        }

        if (shared)
        {
            process.AddressSpace.MapShared((uint)block, size, SharedMemory.FromDescriptor(descriptor));
        }
        else
        {
            new Span<byte>(m + (uint)block, size).Clear();
            for (int done = 0; done < length;)
            {
                int n = file.ReadAt(m + (uint)block + done, length - done, offset + done);
                if (n < 0)
                {
                    return n;
                }

                if (n == 0)
                {
                    break;
                }

                done += n;
            }
        }

        return 0;
    }

    /// <summary>munmap(2) of what <see cref="MapFile(byte*, int, int, int, int, long, int, int)"/> mapped; the caller frees the block afterwards.</summary>
    [HostFunction("_munmap_js")]
    public static int Unmap(byte* m, int address, int length, int protection, int flags, int fd, long offset)
    {
        Process.From(m).AddressSpace.UnmapShared((uint)address);
        return 0;
    }
}
