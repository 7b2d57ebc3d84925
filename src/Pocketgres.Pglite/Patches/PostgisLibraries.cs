using Pocketgres.Wasm;

namespace Pocketgres.Pglite.Patches;

/// <summary>
/// What the build must know of the libraries of PostGIS in <c>@electric-sql/pglite-postgis</c>. They are C++ compiled without handlers: where the
/// source has try and catch, the module has only the body of the try. The functions here are those whose handlers matter: the C interface of GEOS, and
/// places where GEOS tries again in another way.
/// </summary>
internal static class PostgisLibraries
{
    private const string Robust = "_ZN4geos9operation9overlayng15OverlayNGRobust", Pair = "EPKNS_4geom8GeometryES6_i";

    // geos_c.h: functions that return char, 2 on exception.
    private static readonly HashSet<string> s_predicates = new(StringComparer.Ordinal)
    {
        "GEOSDisjoint", "GEOSTouches", "GEOSIntersects", "GEOSCrosses", "GEOSWithin", "GEOSContains", "GEOSOverlaps", "GEOSEquals", "GEOSEqualsExact",
        "GEOSEqualsIdentical", "GEOSCovers", "GEOSCoveredBy", "GEOSDistanceWithin", "GEOSisEmpty", "GEOSisSimple", "GEOSisRing", "GEOSHasZ", "GEOSHasM",
        "GEOSisClosed", "GEOSisValid", "GEOSisValidDetail", "GEOSRelatePattern", "GEOSRelatePatternMatch", "GEOSCoverageIsValid", "GEOSOrientationIndex",
    };

    // geos_c.h: functions that return a count or a measure, -1 on exception.
    private static readonly HashSet<string> s_counts = new(StringComparer.Ordinal)
    {
        "GEOSGeomTypeId", "GEOSGetNumGeometries", "GEOSNormalize", "GEOSGetNumInteriorRings", "GEOSGetNumCoordinates", "GEOSGeomGetNumPoints",
        "GEOSOrientPolygons", "GEOSProject", "GEOSProjectNormalized", "GEOSGeom_getPrecision",
    };

    /// <summary>True for a library of PostGIS.</summary>
    public static bool Contains(string library) => library.StartsWith("postgis", StringComparison.Ordinal);

    /// <summary>
    /// Imports nothing supplies: of libtiff and zlib, which only PROJ's grid files in TIFF and GDAL use, and of the C library, which only GDAL uses.
    /// </summary>
    public static bool IsRefused(string import) =>
        import.StartsWith("TIFF", StringComparison.Ordinal) || import.StartsWith("_TIFF", StringComparison.Ordinal) || import
            is "deflateInit2_" or "deflateInit_" or "deflate" or "deflateEnd" or "inflateInit2_" or "inflate" or "inflateCopy" or "inflateEnd"
            or "inflateReset" or "crc32" or "crc32_combine" or "vsyslog" or "vprintf" or "pipe" or "fork" or "vfork" or "dup2" or "execvp" or "_exit"
            or "waitpid" or "freopen" or "getrlimit" or "ctime_r";

    /// <summary>The guards of a library.</summary>
    public static IReadOnlyList<FunctionGuard> Guards(WasmModule module)
    {
        string[] functions = [.. module.ExportedFunctions];
        return
        [
            .. functions.Where(IsInterface).Select(f => new FunctionGuard(f) { Result = ResultOf(f), Reporter = "lwgeom_geos_error" }),
            .. functions.Contains(Robust + "7Overlay" + Pair) ? Retries : [],
        ];
    }

    // OverlayNGRobust.cpp. Overlay: full precision, then snapping with growing tolerances, then snap-rounding. The latter two
    // answer null when they fail.
    private static FunctionGuard[] Retries =>
    [
        new(Robust + "7Overlay" + Pair) { Alternatives = [Robust + "16overlaySnapTries" + Pair, Robust + "9overlaySR" + Pair] },
        new(Robust + "15overlaySnapping" + Pair + "d"),
        new(Robust + "15overlaySnapBoth" + Pair + "d"),
        new(Robust + "9overlaySR" + Pair),

        // BufferOp.cpp: without a result the next precision is tried.
        new("_ZN4geos9operation6buffer8BufferOp23bufferOriginalPrecisionEv"),
        new("_ZN4geos9operation6buffer8BufferOp22bufferReducedPrecisionEi"),
    ];

    private static bool IsInterface(string name) =>
        (name.StartsWith("GEOS", StringComparison.Ordinal) || name is "initGEOS" or "finishGEOS") && !name.EndsWith("_r", StringComparison.Ordinal);

    private static int ResultOf(string name) =>
        s_predicates.Contains(name) || (name.StartsWith("GEOSPrepared", StringComparison.Ordinal) && !name.Contains("Nearest", StringComparison.Ordinal)
            && name is not ("GEOSPreparedDistance" or "GEOSPreparedRelate")) ? 2 : s_counts.Contains(name) ? -1 : 0;
}
