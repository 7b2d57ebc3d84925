using System.Diagnostics;

namespace Pocketgres.Kernel;

/// <summary>
/// setitimer(2)'s ITIMER_REAL of one process. It posts from the thread pool: a host that starves its pool delays it.
/// </summary>
internal sealed class IntervalTimer : IDisposable
{
    private const double MaximumDelay = 0xFFFFFFFE; // of a .NET timer, 49 days

    private readonly Lock _lock = new();
    private readonly Process _process;
    private readonly Timer _timer;
    private long _due; // Stopwatch time; 0 when disarmed

    public IntervalTimer(Process process)
    {
        _process = process;
        _timer = new Timer(static t => ((IntervalTimer)t!).Fire(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Arms for one expiry, replacing an earlier one; zero or less disarms.</summary>
    public void Set(double milliseconds)
    {
        lock (_lock)
        {
            _due = milliseconds > 0 ? Stopwatch.GetTimestamp() + (long)(Math.Min(milliseconds, 1e12) * Stopwatch.Frequency / 1000) : 0;
            Arm(milliseconds);
        }
    }

    /// <summary>Milliseconds until it expires, at least a little while armed; 0 when disarmed.</summary>
    public double Left
    {
        get
        {
            lock (_lock)
            {
                return _due == 0 ? 0 : Math.Max(0.001, (_due - Stopwatch.GetTimestamp()) * 1000.0 / Stopwatch.Frequency);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Set(0);
        _timer.Dispose();
    }

    private void Fire()
    {
        lock (_lock)
        {
            if (_due == 0)
            {
                return;
            }

            // Early: .NET's timers count in ticks of a coarse clock, or this is the expiry of an earlier arming that was on its way.
            long left = _due - Stopwatch.GetTimestamp();
            if (left > 0)
            {
                Arm(left * 1000.0 / Stopwatch.Frequency);
                return;
            }

            _due = 0;
        }

        _process.Post(Signal.Alarm);
    }

    private void Arm(double milliseconds) =>
        _timer.Change(milliseconds > 0 ? (long)Math.Ceiling(Math.Min(milliseconds, MaximumDelay)) : Timeout.Infinite, Timeout.Infinite);
}
