using System.Runtime.CompilerServices;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>What a process may access of its linear memory: for system calls, which answer EFAULT where an access of the process itself would be its crash.</summary>
public static unsafe class LinearMemory
{
    /// <summary>Whether these bytes are there. All pages from 0 to the size are.</summary>
    /// <param name="m">Linear memory.</param>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="length">Bytes; not negative.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Contains(byte* m, int address, long length) =>
        (uint)address + length <= (long)*(int*)(m + InstanceLayout.MemoryPages) * InstanceLayout.PageSize;

    /// <summary>memmove(3), of linear memory. When either range is not there, it is the crash of the process, as its own access would be.</summary>
    public static void Copy(byte* to, byte* from, int count) => BulkMemory.Copy(to, from, (uint)count);
}
