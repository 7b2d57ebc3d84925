namespace Pocketgres.Engine.Data;

/// <summary>
/// The form of pg_filenode.map: struct RelMapFile of utils/cache/relmapper.c, which no other file of PostgreSQL knows, so that there is no debugging information of it: 4 bytes of magic,
/// 4 bytes with the number of mappings, 64 pairs of an OID and a file's number, and the checksum of all before it.
/// </summary>
internal static class RelationMapFile
{
    /// <summary>RELMAPPER_FILENAME.</summary>
    public const string Name = "pg_filenode.map";

    /// <summary>RELMAPPER_FILEMAGIC.</summary>
    public const uint Magic = 0x592717;

    /// <summary>Where the number of mappings is.</summary>
    public const int CountOffset = sizeof(uint);

    /// <summary>Where the mappings begin.</summary>
    public const int PairsOffset = 2 * sizeof(uint);

    /// <summary>Bytes of a mapping.</summary>
    public const int PairSize = 2 * sizeof(uint);

    /// <summary>Where the checksum is: behind MAX_MAPPINGS pairs.</summary>
    public const int CrcOffset = PairsOffset + (64 * PairSize);

    /// <summary>Bytes of the file.</summary>
    public const int Size = CrcOffset + sizeof(uint);
}
