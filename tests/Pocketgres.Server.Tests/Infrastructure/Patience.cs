using System.Diagnostics;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>
/// A deadline in time in which this process ran: a machine that stands still for a minute (suspended, or everything on it stopped) says nothing about
/// the server. To be looked at often: more than a second between two looks counts as one.
/// </summary>
sealed class Patience(TimeSpan limit)
{
    static readonly TimeSpan s_step = TimeSpan.FromSeconds(1);

    TimeSpan _used;
    long _last = Stopwatch.GetTimestamp();

    public bool IsOver
    {
        get
        {
            long now = Stopwatch.GetTimestamp();
            TimeSpan passed = Stopwatch.GetElapsedTime(_last, now);
            _used += passed < s_step ? passed : s_step;
            _last = now;
            return _used > limit;
        }
    }

    /// <summary>Waits for the end of a task, however it ends.</summary>
    /// <returns>False when the deadline came first.</returns>
    public static async Task<bool> EndsAsync(Task task, TimeSpan limit)
    {
        var patience = new Patience(limit);
        while (!task.IsCompleted)
        {
            if (patience.IsOver)
            {
                return false;
            }

            await Task.WhenAny(task, Task.Delay(s_step / 2));
        }

        return true;
    }
}
