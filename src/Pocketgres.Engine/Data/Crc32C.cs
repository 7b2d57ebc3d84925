using Pocketgres.Engine.Port;

namespace Pocketgres.Engine.Data;

/// <summary>CRC-32C (Castagnoli) as Postgres computes it: initial value and final inversion all ones.</summary>
internal static unsafe class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            return ~(uint)Checksums.Crc32C(bytes, crc: -1, data: 0, data.Length);
        }
    }
}
