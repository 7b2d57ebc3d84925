using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>
/// mmap(2) and munmap(2) for programs that import them whole. A mapping is a block of the C heap, over which shared memory is laid: children inherit
/// the block with the heap and the shared memory with it.
/// </summary>
public static unsafe class MappingCalls
{
    private const int Shared = 1, Fixed = 0x10, Anonymous = 0x20; // MAP_*

    /// <summary>mmap(2): the address, or a negated errno. An address that the caller would like is not looked at; MAP_FIXED is not supported.</summary>
    [HostFunction("pocket_mmap")]
    public static int Map(byte* m, int address, int length, int protection, int flags, int fd, long offset)
    {
        var process = Process.From(m);
        if (length <= 0 || (flags & Fixed) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        if ((flags & Anonymous) == 0)
        {
            int result = MemoryCalls.MapFile(process, length, protection, flags, fd, offset, out int mapped);
            return result < 0 ? result : mapped;
        }

        int size = (int)(((long)length + InstanceLayout.PageSize - 1) & -InstanceLayout.PageSize);
        int block = process.AllocateAligned(InstanceLayout.PageSize, size);
        if (block == 0)
        {
            return -(int)Errno.ENOMEM;
        }

        if ((flags & Shared) == 0)
        {
            new Span<byte>(m + (uint)block, size).Clear();
            return block;
        }

        try
        {
            process.MapSharedMemory("shared memory", block, size);
        }
        catch (HostResourceException)
        {
            process.FreeBlock(block);
            return -(int)Errno.ENOMEM;
        }

        return block;
    }

    /// <inheritdoc cref="Map(byte*, int, int, int, int, int, long)"/>
    [HostFunction("pocket_mmap", Memory64 = true)]
    public static long Map(byte* m, long address, long length, int protection, int flags, int fd, long offset)
    {
        if (length is <= 0 or > int.MaxValue - InstanceLayout.PageSize)
        {
            return length <= 0 ? -(int)Errno.EINVAL : -(int)Errno.ENOMEM;
        }

        int result = Map(m, (int)address, (int)length, protection, flags, fd, offset);
        return result is < 0 and > -4096 ? result : (uint)result;
    }

    /// <summary>munmap(2) of a whole mapping.</summary>
    [HostFunction("pocket_munmap")]
    public static int Unmap(byte* m, int address, int length)
    {
        var process = Process.From(m);
        if (address == 0 || (address & (InstanceLayout.PageSize - 1)) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        process.AddressSpace.UnmapShared((uint)address);
        process.FreeBlock(address);
        return 0;
    }

    /// <summary>madvise(2) with MADV_DONTNEED, of memory whose content nobody wants: whole pages inside take no memory of the host's until they are written again.</summary>
    [HostFunction("pocket_discard", Memory64 = true, Locking = KernelLocking.None)]
    public static void Discard(byte* m, long address, long length) => Process.From(m).AddressSpace.Discard((uint)address, length);

    /// <summary>msync(2): a mapping that can be written is memory, of which nothing is kept on a disk, and any other one is a copy.</summary>
    [HostFunction("__syscall_msync")]
    public static int Synchronise(byte* m, int address, int length, int flags) => 0;

    /// <summary>madvise(2): advice is not taken.</summary>
    [HostFunction("__syscall_madvise")]
    public static int Advise(byte* m, int address, int length, int advice) => 0;
}
