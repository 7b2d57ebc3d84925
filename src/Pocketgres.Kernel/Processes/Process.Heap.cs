namespace Pocketgres.Kernel;

/// <content>The program's C heap, called from the host side. Addresses are unsigned; 0 means that there is no memory.</content>
public sealed unsafe partial class Process
{
    /// <summary>How long a process waits before memory that is free in its heap goes back to the host, in nanoseconds. What comes sooner finds it there.</summary>
    private const long TrimPatience = 1_000_000_000;

    private long _firstSize = long.MaxValue; // of linear memory as the process was forked; else, or without malloc_trim(3) in its program, it keeps all

    /// <summary>malloc(3).</summary>
    public int Allocate(int size) => Program.DataModel.PointerSize == 8
        ? (int)((delegate*<byte*, long, long>)Export("malloc"))(Memory, (uint)size)
        : ((delegate*<byte*, int, int>)Export("malloc"))(Memory, size);

    /// <summary>calloc(3) of one element.</summary>
    internal int AllocateZeroed(int size) => Program.DataModel.PointerSize == 8
        ? (int)((delegate*<byte*, long, long, long>)Export("calloc"))(Memory, (uint)size, 1)
        : ((delegate*<byte*, int, int, int>)Export("calloc"))(Memory, size, 1);

    /// <summary>memalign(3).</summary>
    internal int AllocateAligned(int alignment, int size) => Program.DataModel.PointerSize == 8
        ? (int)((delegate*<byte*, long, long, long>)Export("emscripten_builtin_memalign"))(Memory, alignment, (uint)size)
        : ((delegate*<byte*, int, int, int>)Export("emscripten_builtin_memalign"))(Memory, alignment, size);

    /// <summary>free(3).</summary>
    internal void FreeBlock(int block)
    {
        if (Program.DataModel.PointerSize == 8)
        {
            ((delegate*<byte*, long, void>)Export("free"))(Memory, (uint)block);
        }
        else
        {
            ((delegate*<byte*, int, void>)Export("free"))(Memory, block);
        }
    }

    /// <summary>
    /// Whether the heap has grown, so that <see cref="TrimHeap"/> is worth a call. Not in a signal's handler, which may have come in the middle of malloc(3).
    /// </summary>
    private bool HasHeapGrown => AddressSpace.Size > _firstSize && !_delivering;

    /// <summary>malloc_trim(3): what is free inside the heap takes no memory until it is used again, and others may have it.</summary>
    private void TrimHeap()
    {
        ((delegate*<byte*, long, int>)Export("malloc_trim"))(Memory, 0);
        Kernel.Options.Memory.Forget(AddressSpace);
    }
}
