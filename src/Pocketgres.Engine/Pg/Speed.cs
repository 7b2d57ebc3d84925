using System.Runtime.CompilerServices;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Functions that compute with the processor's instructions what the module does byte by byte, and one that is so small that it belongs into its callers.</summary>
public static unsafe class Speed
{
    /// <summary>pg_checksum_page (storage/checksum_impl.h).</summary>
    [FunctionReplacement("pg_checksum_page", Locking = KernelLocking.None)]
    public static int ChecksumPage(byte* m, long page, int block) =>
        Checksums.Page(m + (uint)page, block, (uint*)Unsafe.AsPointer(ref GuestVariables.ChecksumBaseOffsets(m)));

    /// <summary>pg_comp_crc32c_sb8 (port/pg_crc32c_sb8.c).</summary>
    [FunctionReplacement("pg_comp_crc32c_sb8", Locking = KernelLocking.None)]
    public static int Crc32C(byte* m, int crc, long data, long length) => (int)Checksums.Crc32C((uint)crc, m + (uint)data, (uint)length);

    /// <summary>memcmp(3).</summary>
    [FunctionReplacement("memcmp", Locking = KernelLocking.None)]
    public static int Compare(byte* m, long a, long b, long count) => MemoryComparison.Compare(m + (uint)a, m + (uint)b, (uint)count);

    /// <summary>
    /// MemoryContextReset(MemoryContext) (utils/mmgr/mcxt.c): called for each row, when there is nearly always nothing to do. Inlined, it does not save and restore the six registers that
    /// the module's function has for the other case.
    /// </summary>
    [FunctionReplacement("MemoryContextReset", Locking = KernelLocking.None)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ResetContext(byte* m, long context)
    {
        var of = new MemoryContext(m, (uint)context);
        if (of.FirstChild != 0 || !of.IsReset)
        {
            ResetContextInUse(m, context);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ResetContextInUse(byte* m, long context)
    {
        var process = Process.From(m);
        if (new MemoryContext(m, (uint)context).FirstChild != 0)
        {
            ((delegate*<byte*, long, void>)process.Export("MemoryContextDeleteChildren"))(m, context);
        }

        ((delegate*<byte*, long, void>)process.Export("MemoryContextResetOnly"))(m, context);
    }
}
