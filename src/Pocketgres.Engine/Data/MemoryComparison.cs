using System.Numerics;
using System.Runtime.CompilerServices;

namespace Pocketgres.Engine.Data;

/// <summary>memcmp(3), of which the module's compares byte by byte unless both ranges lie at addresses that are multiples of four, as texts in a tuple seldom do.</summary>
internal static unsafe class MemoryComparison
{
    /// <summary>memcmp(3): the difference of the first bytes that differ, 0 if none do. Reads nothing beyond the ranges.</summary>
    public static int Compare(byte* x, byte* y, nuint n)
    {
        if (n >= sizeof(ulong))
        {
            nuint last = n - sizeof(ulong); // the last word may overlap the one before, of which all is equal
            for (nuint i = 0; i < last; i += sizeof(ulong))
            {
                ulong v = Unsafe.ReadUnaligned<ulong>(x + i), w = Unsafe.ReadUnaligned<ulong>(y + i);
                if (v != w)
                {
                    return Difference(v, w);
                }
            }

            return Difference(Unsafe.ReadUnaligned<ulong>(x + last), Unsafe.ReadUnaligned<ulong>(y + last));
        }

        if (n >= sizeof(uint))
        {
            nuint last = n - sizeof(uint);
            ulong v = Unsafe.ReadUnaligned<uint>(x) | ((ulong)Unsafe.ReadUnaligned<uint>(x + last) << 32);
            ulong w = Unsafe.ReadUnaligned<uint>(y) | ((ulong)Unsafe.ReadUnaligned<uint>(y + last) << 32);
            return Difference(v, w);
        }

        for (nuint i = 0; i < n; i++)
        {
            if (x[i] != y[i])
            {
                return x[i] - y[i];
            }
        }

        return 0;
    }

    // Of words of memory: the first byte is the lowest one.
    private static int Difference(ulong v, ulong w)
    {
        int shift = BitOperations.TrailingZeroCount(v ^ w) & 0x38; // 0 if they are equal
        return (int)((v >> shift) & 0xff) - (int)((w >> shift) & 0xff);
    }
}
