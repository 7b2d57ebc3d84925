namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// Asks computing processes again to look for their signals. A signal sets the program's flag once, and the program clears the flag when it begins to look (<c>ProcessInterrupts</c> of Postgres,
/// after the hook in which signals are delivered): one that comes between the two would be seen at the next wait only. Who does not look for a tenth of a second is interrupted
/// (<see cref="Process.Interrupt"/>). Has no timer running while there is nothing to look at.
/// </summary>
internal sealed class SignalReminder : IDisposable
{
    private const int IntervalMilliseconds = 10;
    private const int TurnsToAnswer = 10;

    private readonly ProcessTable _processes;
    private readonly Timer _timer;
    private int _armed;
    private int _turn;
    private bool _disposed; // guarded by the timer's lock

    /// <param name="processes">Those of the kernel.</param>
    public SignalReminder(ProcessTable processes)
    {
        _processes = processes;
        _timer = new Timer(static r => ((SignalReminder)r!).Remind(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>A signal was posted to a process that does not wait. Any thread.</summary>
    public void Arm()
    {
        if (Volatile.Read(ref _armed) == 0 && Interlocked.Exchange(ref _armed, 1) == 0)
        {
            lock (_timer)
            {
                _ = !_disposed && _timer.Change(IntervalMilliseconds, Timeout.Infinite);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_timer)
        {
            _disposed = true;
            _timer.Dispose();
        }
    }

    private void Remind()
    {
        Interlocked.Exchange(ref _armed, 0);
        bool isTime = ++_turn % TurnsToAnswer == 0;
        foreach (var process in _processes.Alive())
        {
            if (process.IsToLook)
            {
                Arm();
                process.Remind(isTime);
            }
        }
    }
}
