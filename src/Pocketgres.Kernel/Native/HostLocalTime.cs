using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>Local time as the host's C library has it: by TZ or /etc/localtime.</summary>
internal static unsafe partial class HostLocalTime
{
    /// <summary>The ints of struct tm, from tm_sec to tm_isdst: the same in glibc, musl and emscripten.</summary>
    public const int FieldCount = 9;

    /// <summary>struct tm of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct CalendarTime
    {
        public fixed int Ints[FieldCount];
        public long Offset;
        public byte* Name;
    }

    /// <summary>localtime_r(3); null for a year that is none.</summary>
    public static (int[] Fields, long Offset, string Name)? Local(long time)
    {
        CalendarTime tm;
        return localtime_r(&time, &tm) == null ? null
            : (new ReadOnlySpan<int>(tm.Ints, FieldCount).ToArray(), tm.Offset, Marshal.PtrToStringUTF8((nint)tm.Name) ?? "");
    }

    /// <summary>mktime(3), or -1.</summary>
    public static long FromLocal(ReadOnlySpan<int> fields)
    {
        CalendarTime tm = default;
        fields.CopyTo(new Span<int>(tm.Ints, FieldCount));
        return mktime(&tm);
    }

    /// <summary>Standard time and summer time of this year, which are the same where there is none.</summary>
    public static (Period Standard, Period Summer) Zone()
    {
        const int isSummer = 8; // tm_isdst
        long year = new DateTimeOffset(DateTime.UtcNow.Year, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds(), halfYear = 182 * 86_400;
        var (winter, summer) = (Local(year), Local(year + halfYear));
        if (winter is not { } a || summer is not { } b)
        {
            return (new Period(0, "UTC"), new Period(0, "UTC"));
        }

        var (first, second) = a.Fields[isSummer] > 0 ? (b, a) : (a, b); // the southern hemisphere's summer is in January
        return (new Period(first.Offset, first.Name), new Period(second.Offset, second.Name));
    }

    [LibraryImport("libc")]
    private static partial CalendarTime* localtime_r(long* time, CalendarTime* result);

    [LibraryImport("libc")]
    private static partial long mktime(CalendarTime* time);

    /// <summary>Seconds east of UTC, and the abbreviation.</summary>
    internal readonly record struct Period(long Offset, string Name);
}
