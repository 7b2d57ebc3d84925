using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Http.Admin;

/// <summary>A line of the log.</summary>
/// <param name="Time">When, UTC.</param>
/// <param name="Severity">Postgres' word.</param>
/// <param name="Text">The message with what belongs to it.</param>
public sealed record LogTailLine(DateTime Time, string Severity, string Text);

/// <summary>Remembers the newest messages of the log on their way to where it is written. Thread-safe, and quick: the server logs under its kernel's lock.</summary>
internal sealed class LogTail(ILogger inner) : ILogger
{
    private const int MaximumLines = 500;
    private const int MaximumLength = 4000;

    private readonly Lock _lock = new();
    private readonly Queue<LogTailLine> _lines = new();

    /// <summary>The newest messages, the newest first.</summary>
    public IReadOnlyList<LogTailLine> Lines
    {
        get
        {
            lock (_lock)
            {
                return [.. _lines.Reverse()];
            }
        }
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information || inner.IsEnabled(logLevel);

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string text = formatter(state, exception);
        var line = new LogTailLine(DateTime.UtcNow, (state as ServerLogEntry)?.Severity ?? logLevel.ToString().ToUpperInvariant(), text.Length <= MaximumLength ? text : text[..MaximumLength] + "…");
        lock (_lock)
        {
            _lines.Enqueue(line);
            if (_lines.Count > MaximumLines)
            {
                _lines.Dequeue();
            }
        }

        inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
