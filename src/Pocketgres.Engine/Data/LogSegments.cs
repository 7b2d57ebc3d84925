using System.Buffers;

namespace Pocketgres.Engine.Data;

/// <summary>Files of the write-ahead log, by their names.</summary>
internal static class LogSegments
{
    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789ABCDEF");

    /// <summary>
    /// Whether a file in pg_wal is a segment of the log, and neither partial nor a history: timeline, upper half of the position and number of the segment
    /// below it, 8 hexadecimal digits each (IsXLogFileName of access/xlog_internal.h).
    /// </summary>
    public static bool IsName(ReadOnlySpan<char> name) => name.Length == 24 && !name.ContainsAnyExcept(s_digits);
}
