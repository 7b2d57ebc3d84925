using System.Runtime.CompilerServices;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Functions that compute with the processor's instructions what the module does byte by byte.</summary>
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
}
