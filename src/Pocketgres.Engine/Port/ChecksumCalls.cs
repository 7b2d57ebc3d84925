using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>Checksums, for the server.</summary>
public static unsafe class ChecksumCalls
{
    /// <summary>pg_checksum_page.</summary>
    [HostFunction("postgres.pg_checksum_page")]
    public static int Page(byte* m, int page, int block) => Checksums.Page(m + (uint)page, block, (uint*)(m + PgliteAddresses.ChecksumBaseOffsets));

    /// <summary>pg_comp_crc32c.</summary>
    [HostFunction("postgres.pg_comp_crc32c")]
    public static int Crc32C(byte* m, int crc, int data, int length) => (int)Checksums.Crc32C((uint)crc, m + (uint)data, (uint)length);
}
