using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>The main shared memory segment: an anonymous MAP_SHARED mapping that all children inherit.</summary>
public static unsafe class SharedSegment
{
    private const int MapShared = 1, MapAnonymous = 0x20;
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
}
