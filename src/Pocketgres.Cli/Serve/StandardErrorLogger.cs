using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The log on stderr, as text or JSON (<see cref="LogFormat"/>). Messages are written by a thread of its own,
/// because the server logs under its kernel's lock: a reader of stderr that stalls must not stall every session. Of messages that pile up beyond a
/// limit the newest are dropped and counted.
/// </summary>
internal sealed class StandardErrorLogger(LogLevel minimum, Action<string> write, bool json = false) : ILogger, IDisposable
{
    private const int MaximumQueued = 10_000;
    private const int WriterStack = 256 << 10;
    private static readonly TimeSpan s_flushPatience = TimeSpan.FromSeconds(1);

    private readonly object _queueLock = new();
    private readonly Queue<LogLine> _queue = new();
    private Thread? _writer;
    private int _dropped;
    private bool _closed;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum && logLevel != LogLevel.None;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Add(logLevel, state as ServerLogEntry, formatter(state, exception));
        }
    }

    /// <summary>Adds a message of this program itself.</summary>
    public void Write(LogLevel level, string message)
    {
        if (IsEnabled(level))
        {
            Add(level, null, "pocketgres: " + message);
        }
    }

    /// <summary>Writes what is queued, for a second at most, and stops.</summary>
    public void Dispose()
    {
        lock (_queueLock)
        {
            _closed = true;
            Monitor.Pulse(_queueLock);
        }

        _writer?.Join(s_flushPatience);
    }

    private void Add(LogLevel level, ServerLogEntry? entry, string text)
    {
        lock (_queueLock)
        {
            if (_closed)
            {
                return;
            }

            if (_queue.Count >= MaximumQueued)
            {
                _dropped++;
                return;
            }

            _queue.Enqueue(new LogLine(DateTime.UtcNow, level, entry, text));
            if (_writer is null)
            {
                _writer = new Thread(Run, WriterStack) { IsBackground = true, Name = "log" };
                _writer.Start();
            }

            Monitor.Pulse(_queueLock);
        }
    }

    private void Run()
    {
        var lines = new StringBuilder();
        while (true)
        {
            lines.Clear();
            lock (_queueLock)
            {
                while (_queue.Count == 0 && !_closed)
                {
                    Monitor.Wait(_queueLock);
                }

                if (_queue.Count == 0)
                {
                    return;
                }

                while (_queue.TryDequeue(out var message))
                {
                    Append(lines, message);
                }

                if (_dropped > 0)
                {
                    Append(lines, new LogLine(DateTime.UtcNow, LogLevel.Warning, null, string.Create(CultureInfo.InvariantCulture,
                        $"pocketgres: {_dropped} log messages were dropped, because nobody read them in time")));
                    _dropped = 0;
                }
            }

            write(lines.ToString());
        }
    }

    private void Append(StringBuilder lines, LogLine line)
    {
        if (json)
        {
            LogFormat.AppendJson(lines, line);
        }
        else
        {
            LogFormat.AppendText(lines, line);
        }
    }
}
