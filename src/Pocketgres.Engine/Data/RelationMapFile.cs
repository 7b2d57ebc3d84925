namespace Pocketgres.Engine.Data;

/// <summary>pg_filenode.map, which has the form of <see cref="Pg.RelationMap"/>.</summary>
internal static class RelationMapFile
{
    /// <summary>RELMAPPER_FILENAME.</summary>
    public const string Name = "pg_filenode.map";

    /// <summary>RELMAPPER_FILEMAGIC.</summary>
    public const uint Magic = 0x592717;
}
