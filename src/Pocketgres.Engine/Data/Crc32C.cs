namespace Pocketgres.Engine.Data;

/// <summary>CRC-32C (Castagnoli) as Postgres computes it: initial value and final inversion all ones.</summary>
internal static unsafe class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            return ~Checksums.Crc32C(uint.MaxValue, bytes, data.Length);
        }
    }
}
