namespace Pocketgres.Kernel;

/// <summary>setitimer(2)'s ITIMER_REAL of one process.</summary>
internal sealed class IntervalTimer : IDisposable
{
    private readonly Timer _timer;

    public IntervalTimer(Process process) =>
        _timer = new Timer(static p => ((Process)p!).Post(Signal.Alarm), process, Timeout.Infinite, Timeout.Infinite);

    /// <summary>Arms for one expiry, rounded up to whole milliseconds (a timer must not fire early); zero or less disarms.</summary>
    public void Set(double milliseconds) =>
        _timer.Change(milliseconds <= 0 ? Timeout.Infinite : (long)Math.Max(1, Math.Ceiling(milliseconds)), Timeout.Infinite);

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();
}
