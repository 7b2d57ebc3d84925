namespace Pocketgres.Kernel;

/// <content>The program's C heap, called from the host side. Addresses are unsigned; 0 means that there is no memory.</content>
public sealed unsafe partial class Process
{
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
}
