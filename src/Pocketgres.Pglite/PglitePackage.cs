namespace Pocketgres.Pglite;

/// <summary>The npm package whose files are translated, pinned to the byte: every other constant of this assembly holds for these files only.</summary>
public static class PglitePackage
{
    /// <summary>Name of the npm package.</summary>
    public const string NpmName = "@electric-sql/pglite";

    /// <summary>Version of the npm package.</summary>
    public const string NpmVersion = "0.5.16";

    /// <summary>Version of PostgreSQL inside, as <c>server_version</c> reports it.</summary>
    public const string PostgresVersion = "18.6";

    /// <summary>Major version of PostgreSQL: what <c>PG_VERSION</c> of a data directory holds.</summary>
    public const int PostgresMajorVersion = 18;

    /// <summary>The server program (a main module).</summary>
    public const string PostgresWasm = "pglite.wasm";

    /// <summary>The initdb program (a main module).</summary>
    public const string InitdbWasm = "initdb.wasm";

    /// <summary>Postgres' installed files (share, lib), concatenated; the index is in <see cref="DataIndexScript"/>.</summary>
    public const string Data = "pglite.data";

    /// <summary>The script that holds the list of files inside <see cref="Data"/>. It is read as text and never run.</summary>
    public const string DataIndexScript = "pglite.js";

    /// <summary>Number of files inside <see cref="Data"/>.</summary>
    public const int DataFileCount = 699;

    /// <summary>Directory of the package that holds the files named here.</summary>
    public const string Directory = "dist";

    /// <summary>SHA-256 (lower-case hexadecimal) of every file of the package that the build reads, by name within <see cref="Directory"/>.</summary>
    public static IReadOnlyDictionary<string, string> Sha256 { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [PostgresWasm] = "5256d9ac379f631355f41ab30291e6a6d9f854242b5ee2a2d0940e28041d3fca",
        [InitdbWasm] = "63d8b9d54110f827711545a338a643621e65b5658f09e1acfcf36073be365ce2",
        [Data] = "d73cf4ba1b0bf92f80f088ce7d23b17f9bc175327d7584ec2a713b27e9758c31",
        [DataIndexScript] = "b4ee8cc358344c9e495a57b4301938178bec1a2c6d6fad10cd600f5f8632b2a0",
    };
}
