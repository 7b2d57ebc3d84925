using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Engine.Data;

/// <summary>Checksums of pages and of WAL records with the processor's instructions for them.</summary>
internal static unsafe class Checksums
{
    private const int PageSize = 8192; // BLCKSZ
    private const int Sums = 32; // N_SUMS (storage/checksum_impl.h)
    private const uint Prime = 16777619; // FNV_PRIME

    /// <summary>pg_checksum_page: 32 sums, 4 in a vector.</summary>
    /// <param name="page">8,192 bytes, whose checksum field is not looked at.</param>
    /// <param name="block">The page's number in its file.</param>
    /// <param name="offsets">checksumBaseOffsets.</param>
    public static int Page(byte* page, int block, uint* offsets)
    {
        ushort stored = Unsafe.ReadUnaligned<ushort>(page + PageHeader.ChecksumOffset);
        Unsafe.WriteUnaligned(page + PageHeader.ChecksumOffset, (ushort)0); // the checksum is of the page without it
        uint sum = Page(page, offsets);
        Unsafe.WriteUnaligned(page + PageHeader.ChecksumOffset, stored);
        return (int)(((sum ^ (uint)block) % 65535) + 1);
    }

    /// <summary>
    /// pg_checksum_block. Vectors of 128 bits, because ReadyToRun code may use them on every machine: with longer ones this would run as unoptimised
    /// code until it is compiled again, which every start would pay for.
    /// </summary>
    /// <param name="page">8,192 bytes.</param>
    /// <param name="offsets">checksumBaseOffsets.</param>
    public static uint Page(byte* page, uint* offsets)
    {
        var (s0, s1, s2, s3) = (Vector128.Load(offsets), Vector128.Load(offsets + 4), Vector128.Load(offsets + 8), Vector128.Load(offsets + 12));
        var (s4, s5, s6, s7) = (Vector128.Load(offsets + 16), Vector128.Load(offsets + 20), Vector128.Load(offsets + 24), Vector128.Load(offsets + 28));
        for (uint* row = (uint*)page; row < page + PageSize; row += Sums)
        {
            s0 = Mix(s0, Vector128.Load(row));
            s1 = Mix(s1, Vector128.Load(row + 4));
            s2 = Mix(s2, Vector128.Load(row + 8));
            s3 = Mix(s3, Vector128.Load(row + 12));
            s4 = Mix(s4, Vector128.Load(row + 16));
            s5 = Mix(s5, Vector128.Load(row + 20));
            s6 = Mix(s6, Vector128.Load(row + 24));
            s7 = Mix(s7, Vector128.Load(row + 28));
        }

        var all = Finish(s0) ^ Finish(s1) ^ Finish(s2) ^ Finish(s3) ^ Finish(s4) ^ Finish(s5) ^ Finish(s6) ^ Finish(s7);
        ulong half = all.AsUInt64()[0] ^ all.AsUInt64()[1];
        return (uint)half ^ (uint)(half >> 32);
    }

    /// <summary>pg_comp_crc32c: CRC-32C without the inversions before and after, which the caller does.</summary>
    public static uint Crc32C(uint sum, byte* bytes, long length)
    {
        byte* end = bytes + length;
        for (; end - bytes >= sizeof(ulong); bytes += sizeof(ulong))
        {
            sum = BitOperations.Crc32C(sum, Unsafe.ReadUnaligned<ulong>(bytes));
        }

        for (; bytes < end; bytes++)
        {
            sum = BitOperations.Crc32C(sum, *bytes);
        }

        return sum;
    }

    /// <summary>CHECKSUM_COMP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Mix(Vector128<uint> sum, Vector128<uint> value)
    {
        var mixed = sum ^ value;
        return (mixed * Prime) ^ (mixed >>> 17);
    }

    /// <summary>Two rounds of zeroes at the end.</summary>
    private static Vector128<uint> Finish(Vector128<uint> sum) => Mix(Mix(sum, Vector128<uint>.Zero), Vector128<uint>.Zero);
}
