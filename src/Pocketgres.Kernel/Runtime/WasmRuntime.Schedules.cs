using System.Globalization;

namespace Pocketgres.Kernel;

/// <content>What translated code calls around atomic instructions in a build that looks for races.</content>
public static unsafe partial class WasmRuntime
{
    private static readonly uint s_scheduleSeed =
        uint.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_SCHEDULE_SEED"), CultureInfo.InvariantCulture, out uint seed) ? seed : 1;

    [ThreadStatic]
    private static uint t_schedule;

    /// <summary>
    /// Lets time pass, now and then: a little while, a turn of other threads, or a millisecond. When is a pseudo-random sequence of the seed POCKETGRES_SCHEDULE_SEED and the thread; what the
    /// threads make of it is the host's business, so that a seed repeats a tendency and not a schedule.
    /// </summary>
    public static void Disturb()
    {
        uint x = t_schedule;
        if (x == 0)
        {
            x = (s_scheduleSeed * 2654435761) ^ ((uint)Environment.CurrentManagedThreadId * 40503) | 1;
        }

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        t_schedule = x;
        if ((x & 0x3F) != 0)
        {
            return;
        }

        switch ((x >> 6) & 0x3F)
        {
            case < 48:
                Thread.SpinWait((int)(x >> 24));
                break;
            case < 63:
                Thread.Yield();
                break;
            default:
                Thread.Sleep((x & 0x1000) != 0 ? 1 : 0);
                break;
        }
    }
}
