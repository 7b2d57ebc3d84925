namespace Pocketgres.Cli;

/// <summary>One line on stderr that says what is being done, where a terminal shows it; nothing elsewhere. Thread-safe.</summary>
internal sealed class ProgressLine : IDisposable
{
    private const string EraseLine = "\r\u001b[K";
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly bool _isShown = !Console.IsErrorRedirected;
    private readonly Lock _lock = new();
    private long _lastWrite;
    private bool _isDirty;

    /// <summary>Reports as lines.</summary>
    public IProgress<T> For<T>(Func<T, string> text) => new Reporter<T>(this, text);

    /// <summary>Erases the line.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            if (_isDirty)
            {
                StandardStreams.WriteError(EraseLine);
                _isDirty = false;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private void Write(Func<string> text)
    {
        if (!_isShown)
        {
            return;
        }

        lock (_lock)
        {
            long now = Environment.TickCount64;
            if (now - _lastWrite < s_interval.TotalMilliseconds)
            {
                return;
            }

            _lastWrite = now;
            int width = Math.Max(20, Console.WindowWidth - 1);
            string line = text();
            StandardStreams.WriteError(EraseLine + (line.Length > width ? line[..width] : line));
            _isDirty = true;
        }
    }

    // Progress<T> would call on the pool, after the end even.
    private sealed class Reporter<T>(ProgressLine line, Func<T, string> text) : IProgress<T>
    {
        public void Report(T value) => line.Write(() => text(value));
    }
}
