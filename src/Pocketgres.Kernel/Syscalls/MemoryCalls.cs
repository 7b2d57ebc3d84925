using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Linear memory: growth, mmap, munmap.</summary>
public static unsafe class MemoryCalls
{
    private const int MapShared = 1, MapPrivate = 2, ProtWrite = 2;

    // Growth steps of emscripten: a fifth more than now, at most 96 MiB more than asked for.
    private const double GrowthFactor = 1.2;
    private const long GrowthLimit = 96L << 20;

    /// <summary>The memory.grow instruction: old size in pages, or -1.</summary>
    [HostFunction("memory.grow")]
    public static int Grow(byte* m, int pages)
    {
        int old = *(int*)(m + InstanceLayout.MemoryPages);
        return pages == 0 || Process.From(m).AddressSpace.Grow(((long)old + (uint)pages) * InstanceLayout.PageSize) ? old : -1;
    }

    /// <summary>Makes at least <paramref name="size"/> bytes accessible; 1 on success.</summary>
    [HostFunction("emscripten_resize_heap")]
    public static int ResizeHeap(byte* m, int size)
    {
        long wanted = (uint)size;
        if (wanted > AddressSpace.MaximumSize)
        {
            return 0;
        }

        var memory = Process.From(m).AddressSpace;
        long step = Math.Max(wanted, (long)Math.Min(memory.Size * GrowthFactor, wanted + (double)GrowthLimit));
        long rounded = Math.Min(AddressSpace.MaximumSize, (step + InstanceLayout.PageSize - 1) / InstanceLayout.PageSize * InstanceLayout.PageSize);
        return memory.Grow(rounded) ? 1 : 0;
    }

    /// <summary>The largest size linear memory can have.</summary>
    [HostFunction("emscripten_get_heap_max")]
    public static int HeapMaximum(byte* m) => unchecked((int)AddressSpace.MaximumSize);

    /// <summary>
    /// mmap(2) of a file. A writable shared mapping becomes memory that other processes map too; any other mapping is a private copy.
    /// </summary>
    [HostFunction("_mmap_js")]
    public static int MapFile(byte* m, int length, int protection, int flags, int fd, long offset, int allocated, int address)
    {
        var process = Process.From(m);
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

        int block = ((delegate*<byte*, int, int, int>)process.Program.Main.Export("emscripten_builtin_memalign"))(m, InstanceLayout.PageSize, size);
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

        *(int*)(m + (uint)allocated) = 1;
        *(int*)(m + (uint)address) = block;
        return 0;
    }

    /// <summary>munmap(2) of what <see cref="MapFile"/> mapped; the caller frees the block afterwards.</summary>
    [HostFunction("_munmap_js")]
    public static int Unmap(byte* m, int address, int length, int protection, int flags, int fd, long offset)
    {
        Process.From(m).AddressSpace.UnmapShared((uint)address);
        return 0;
    }
}
