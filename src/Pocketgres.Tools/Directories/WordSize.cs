namespace Pocketgres.Directories;

/// <summary>Bytes of a Datum in the server that a data directory belongs to. It decides which types are passed by value, which catalogs and stored expressions say.</summary>
internal enum WordSize
{
    /// <summary>PGlite's, and that of versions of this program with PGlite's engine.</summary>
    Four = 4,

    /// <summary>This engine's, and a native x86-64 server's.</summary>
    Eight = 8,
}
