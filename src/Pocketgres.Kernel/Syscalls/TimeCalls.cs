using System.Diagnostics;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>
/// Clocks, calendars and interval timers. The C library's local time is UTC, because the server has its own time zones, or for programs of the user the host's
/// (<see cref="KernelOptions.HostServices"/>).
/// </summary>
public static unsafe class TimeCalls
{
    private const int Realtime = 0, LastClock = 3;
    private const int IntervalReal = 0;

    /// <summary>clock_gettime(2), nanoseconds.</summary>
    [HostFunction("clock_time_get", Locking = KernelLocking.None)]
    public static int ClockTimeGet(byte* m, int clock, long precision, int result)
    {
        if ((uint)clock > LastClock)
        {
            return (int)Errno.EINVAL;
        }

        *(long*)(m + (uint)result) = clock == Realtime ? (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) * 100 : MonotonicNanoseconds();
        return 0;
    }

    /// <summary>Whether the clock of <see cref="Now"/> is monotonic.</summary>
    [HostFunction("_emscripten_get_now_is_monotonic", Locking = KernelLocking.None)]
    public static int IsMonotonic(byte* m) => 1;

    /// <summary>Resolution of that clock in nanoseconds.</summary>
    [HostFunction("emscripten_get_now_res", Locking = KernelLocking.None)]
    public static double Resolution(byte* m) => Math.Max(1, 1e9 / Stopwatch.Frequency);

    /// <summary>Milliseconds since 1970.</summary>
    [HostFunction("emscripten_date_now", Locking = KernelLocking.None)]
    public static double DateNow(byte* m) => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / (double)TimeSpan.TicksPerMillisecond;

    /// <summary>Milliseconds of the monotonic clock.</summary>
    [HostFunction("emscripten_get_now", Locking = KernelLocking.None)]
    public static double Now(byte* m) => Stopwatch.GetTimestamp() * 1000.0 / Stopwatch.Frequency;

    /// <summary>gmtime_r(3).</summary>
    [HostFunction("_gmtime_js", Locking = KernelLocking.None)]
    public static int GmTime(byte* m, long time, int result) => WriteTm(m, time, result);

    /// <summary>localtime_r(3).</summary>
    [HostFunction("_localtime_js", Locking = KernelLocking.None)]
    public static int LocalTime(byte* m, long time, int result)
    {
        if (!UsesHostZone(m) || HostLocalTime.Local(time) is not { } local)
        {
            return WriteTm(m, time, result);
        }

        var model = Process.From(m).Program.DataModel;
        local.Fields.CopyTo(new Span<int>(m + (uint)result, HostLocalTime.FieldCount));
        WriteLong(m, result + model.TimeZoneOffset, local.Offset);
        return 0;
    }

    /// <summary>mktime(3): seconds since 1970 of the given struct tm in local time, or -1.</summary>
    [HostFunction("_mktime_js", Locking = KernelLocking.None)]
    public static long MakeLocalTime(byte* m, int tm)
    {
        if (!UsesHostZone(m))
        {
            return MakeTime(m, tm);
        }

        long seconds = HostLocalTime.FromLocal(new ReadOnlySpan<int>(m + (uint)tm, HostLocalTime.FieldCount));
        _ = seconds == -1 ? 0 : LocalTime(m, seconds, tm);
        return seconds;
    }

    /// <summary>timegm(3): seconds since 1970 of the given struct tm in UTC, or -1.</summary>
    [HostFunction("_timegm_js", Locking = KernelLocking.None)]
    public static long MakeTime(byte* m, int tm)
    {
        int* t = (int*)(m + (uint)tm);
        try
        {
            var time = new DateTime(1900, 1, 1, 0, 0, 0, DateTimeKind.Utc)
                .AddYears(t[5]).AddMonths(t[4]).AddDays(t[3] - 1).AddHours(t[2]).AddMinutes(t[1]).AddSeconds(t[0]);
            long seconds = (long)(time - DateTime.UnixEpoch).TotalSeconds;
            _ = WriteTm(m, seconds, tm);
            return seconds;
        }
        catch (ArgumentOutOfRangeException)
        {
            return -1;
        }
    }

    /// <summary>tzset(3): seconds west of UTC in winter, whether there is a summer time, and the names of both.</summary>
    [HostFunction("_tzset_js", Locking = KernelLocking.None)]
    public static void SetTimeZone(byte* m, int timeZone, int daylight, int standardName, int daylightName)
    {
        const int nameSize = 17; // TZNAME_MAX and the NUL
        var (standard, summer) = UsesHostZone(m) ? HostLocalTime.Zone() : (new HostLocalTime.Period(0, "UTC"), new HostLocalTime.Period(0, "UTC"));
        WriteLong(m, timeZone, -standard.Offset);
        *(int*)(m + (uint)daylight) = summer.Offset != standard.Offset ? 1 : 0;
        CString.TryWrite(m, standardName, nameSize, standard.Name);
        CString.TryWrite(m, daylightName, nameSize, summer.Name);
    }

    /// <summary>setitimer(2): one expiry after so many milliseconds, 0 disarms.</summary>
    [HostFunction("_setitimer_js", Locking = KernelLocking.None)]
    public static int SetIntervalTimer(byte* m, int which, double milliseconds)
    {
        if (which != IntervalReal)
        {
            return -(int)Errno.EINVAL;
        }

        Process.From(m).SetAlarm(milliseconds);
        return 0;
    }

    private static bool UsesHostZone(byte* m) => Process.From(m).Kernel.Options.HostServices;

    private static void WriteLong(byte* m, int address, long value)
    {
        if (Process.From(m).Program.DataModel.PointerSize == 8)
        {
            *(long*)(m + (uint)address) = value;
        }
        else
        {
            *(int*)(m + (uint)address) = (int)value;
        }
    }

    private static long MonotonicNanoseconds() =>
        Stopwatch.Frequency == 1_000_000_000 ? Stopwatch.GetTimestamp() : (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    // struct tm (musl): sec, min, hour, mday, mon, year, wday, yday, isdst, gmtoff.
    private static int WriteTm(byte* m, long time, int result)
    {
        var d = DateTime.UnixEpoch.AddSeconds(Math.Clamp(time, -62135596800L, 253402300799L));
        int* t = (int*)(m + (uint)result);
        t[0] = d.Second;
        t[1] = d.Minute;
        t[2] = d.Hour;
        t[3] = d.Day;
        t[4] = d.Month - 1;
        t[5] = d.Year - 1900;
        t[6] = (int)d.DayOfWeek;
        t[7] = d.DayOfYear - 1;
        t[8] = 0;
        var model = Process.From(m).Program.DataModel;
        model.WritePointer(m, result + model.TimeZoneOffset, 0);
        return 0;
    }
}
