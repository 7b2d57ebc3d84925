using System.Numerics;

namespace Pocketgres.Engine.Data;

/// <summary>CRC-32C (Castagnoli) as Postgres computes it: initial value and final inversion all ones.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
