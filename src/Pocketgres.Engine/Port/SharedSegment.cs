using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Shared memory: the main segment, an anonymous MAP_SHARED mapping that all children inherit; and the end of dynamic segments, files that are mapped.
/// </summary>
public static unsafe class SharedSegment
{
    private const int MapShared = 1, MapAnonymous = 0x20;
    private const int Detach = 2, Destroy = 3; // dsm_op (storage/dsm_impl.h)
    private const int PageSize = 65536; // WebAssembly's: what the C library's mmap aligns to

    /// <summary>
    /// mmap(2) in CreateSharedMemoryAndSemaphores. After a backend crashed the postmaster makes the segment anew, but its munmap was
    /// folded away: the old range is used again, so that a restart leaks nothing.
    /// </summary>
    [HostFunction("postgres.mmap_shared")]
    public static int Map(byte* m, int address, int length, int protection, int flags, int fd, long offset)
    {
        var process = Process.From(m);
        var state = PostgresProcess.Of(process);
        bool shared = (flags & (MapShared | MapAnonymous)) == (MapShared | MapAnonymous);
        if (shared && state.FindSegment(length) is int old)
        {
            process.MapSharedMemory("pocketgres-shm", old, (uint)length);
            return old;
        }

        if (shared)
        {
            // The C library's mmap would take the same block from the heap and clear it, page by page: 20 ms, and pages that the mapping replaces at once.
            int size = (length + PageSize - 1) & ~(PageSize - 1);
            int block = ((delegate*<byte*, int, int, int>)process.Export("emscripten_builtin_memalign"))(m, PageSize, size);
            if (block == 0)
            {
                return LibcError.Result(m, Errno.ENOMEM);
            }

            process.MapSharedMemory("pocketgres-shm", block, (uint)length);
            state.AddSegment(block, length);
            return block;
        }

        return ((delegate*<byte*, int, int, int, int, int, long, int>)process.Function(PgliteFunctions.Mmap))(
            m, address, length, protection, flags, fd, offset);
    }

    /// <summary>
    /// Runs before dsm_impl_op (storage/ipc/dsm_impl.c): the munmap of a segment that is detached or destroyed. It was folded away, so each parallel query
    /// would leave its segment in the memory of its session.
    /// </summary>
    [HostFunction("postgres.dsm_impl_op")]
    public static void Unmap(byte* m, int op, int handle, int size, int implPrivate, int mappedAddress, int mappedSize, int errorLevel)
    {
        int address = *(int*)(m + (uint)mappedAddress);
        if (op is Detach or Destroy && address != 0)
        {
            // Cannot fail: it is what mmap returned, in its whole length.
            _ = ((delegate*<byte*, int, int, int>)Process.From(m).Export("munmap"))(m, address, *(int*)(m + (uint)mappedSize));
        }
    }
}
