using System.Globalization;
using Pocketgres.Engine.Data;

namespace Pocketgres.Bucket.Files;

/// <summary>Which files of a data directory Postgres keeps how, PostgreSQL 18. Paths begin with a slash.</summary>
internal static class StatePaths
{
    /// <summary>Bytes of a file of the write-ahead log. Other sizes are initdb's --wal-segsize, which this engine's template does not use.</summary>
    public const int SegmentSize = 16 << 20;

    private const int FirstNormalObjectId = 16384; // access/transam.h

    private const string WalDirectory = "/pg_wal/";

    /// <summary>A file of the write-ahead log: pg_wal/ and 24 hexadecimal digits; one with .partial behind them is no more written, and is none.</summary>
    public static bool IsWalSegment(string path) =>
        path.StartsWith(WalDirectory, StringComparison.Ordinal) && LogSegments.IsName(path.AsSpan(WalDirectory.Length));

    /// <summary>The position in the write-ahead log at which a file of it begins: its name is timeline, upper half of the position, number of the segment below it.</summary>
    public static ulong WalPosition(string path)
    {
        var name = path.AsSpan(WalDirectory.Length);
        return ((ulong)uint.Parse(name[8..16], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) << 32)
            + ((ulong)uint.Parse(name[16..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) * SegmentSize);
    }

    /// <summary>The timeline of a file of the write-ahead log.</summary>
    public static uint WalTimeline(string path) => uint.Parse(path.AsSpan(WalDirectory.Length, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>
    /// Files outside of the write-ahead log and of what it can bring back, which Postgres writes whole and syncs: replication slots and what logical decoding
    /// keeps, settings, rules of access, histories of timelines.
    /// </summary>
    public static bool IsState(string path) =>
        path.StartsWith("/pg_replslot/", StringComparison.Ordinal) || path.StartsWith("/pg_logical/", StringComparison.Ordinal)
        || (path.EndsWith(".history", StringComparison.Ordinal) && path.StartsWith(WalDirectory, StringComparison.Ordinal))
        || (path.LastIndexOf('/') == 0 && (path.EndsWith(".conf", StringComparison.Ordinal) || path.EndsWith(".conf.tmp", StringComparison.Ordinal)
            || path.EndsWith(".signal", StringComparison.Ordinal)));

    /// <summary>Files that each start reads whole and each stop writes anew.</summary>
    public static IReadOnlyList<string> ReadAtStart { get; } = ["/pg_stat/pgstat.stat", "/pg_logical/replorigin_checkpoint"];

    /// <summary>The pages of a system catalog or of one of its indexes, unless it was rewritten: a number below that of the first object that a user makes.</summary>
    public static bool IsCatalog(string path) =>
        (path.StartsWith("/base/", StringComparison.Ordinal) || path.StartsWith("/global/", StringComparison.Ordinal))
        && int.TryParse(path.AsSpan(path.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < FirstNormalObjectId;

    /// <summary>Files of tables, indexes and temporary data, for which a full disk is the error of a statement; for others it is often the end of the server.</summary>
    public static bool IsRelation(string path) => path.StartsWith("/base/", StringComparison.Ordinal) || path.StartsWith("/pg_tblspc/", StringComparison.Ordinal);

    /// <summary>What an image leaves out: the running server's own, and what is made anew at a start.</summary>
    public static bool IsTransient(string path) =>
        path is "/postmaster.pid" or "/postmaster.opts"
        || path.StartsWith("/pg_dynshmem/", StringComparison.Ordinal) || path.StartsWith("/pg_notify/", StringComparison.Ordinal)
        || path.StartsWith("/pg_serial/", StringComparison.Ordinal) || path.StartsWith("/pg_snapshots/", StringComparison.Ordinal)
        || path.StartsWith("/pg_stat_tmp/", StringComparison.Ordinal) || path.StartsWith("/pg_subtrans/", StringComparison.Ordinal)
        || path.Contains("/pgsql_tmp", StringComparison.Ordinal);

    /// <summary>The name of a file of the write-ahead log, for messages and tests.</summary>
    public static string WalSegment(uint timeline, ulong position) =>
        string.Create(CultureInfo.InvariantCulture, $"{WalDirectory}{timeline:X8}{position >> 32:X8}{(position & uint.MaxValue) / SegmentSize:X8}");
}
