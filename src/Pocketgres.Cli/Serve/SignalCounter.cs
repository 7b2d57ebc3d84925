namespace Pocketgres.Cli.Serve;

/// <summary>
/// Counts wishes to stop. One wish often arrives twice: timeout(1), npm and others signal the process and then its whole group, a terminal signals
/// the group and the parent passes it on. A signal that follows another within a moment is therefore the same one. Thread-safe.
/// </summary>
internal sealed class SignalCounter(Func<long> milliseconds)
{
    /// <summary>How long after a signal the next one still counts as its repetition.</summary>
    public const long SameWishMilliseconds = 300;

    private readonly Lock _lock = new();
    private int _wishes;
    private long _last;

    /// <summary>Takes a signal: returns which wish it is, from 1, or 0 when it only repeats the one before.</summary>
    public int Add()
    {
        lock (_lock)
        {
            long now = milliseconds();
            if (_wishes > 0 && now - _last < SameWishMilliseconds)
            {
                return 0;
            }

            _last = now;
            return ++_wishes;
        }
    }
}
