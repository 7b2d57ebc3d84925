using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Server.Checking;

/// <summary>Keeps what a server says before it gives up: a reason in one line, and whether that reason is damage.</summary>
internal sealed class StartLog : ILogger
{
    private const int Remembered = 3;

    private readonly Lock _lock = new();
    private readonly Queue<ServerLogEntry> _errors = new();

    /// <summary>The last messages that say why, oldest first; empty when there were none.</summary>
    public string Reason
    {
        get
        {
            lock (_lock)
            {
                return string.Join("; ", _errors.Select(e => $"{e.Severity}: {e.Message.ReplaceLineEndings(" ")}"));
            }
        }
    }

    /// <summary>Whether the server panicked, or named something that is damage.</summary>
    public bool SaysDamage
    {
        get
        {
            lock (_lock)
            {
                return _errors.Any(e => e.Severity == "PANIC" || RowFindings.IsDamage(e.SqlState, e.Message));
            }
        }
    }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is not ServerLogEntry { Severity: "PANIC" or "FATAL" or "ERROR" } entry)
        {
            return;
        }

        lock (_lock)
        {
            _errors.Enqueue(entry);
            if (_errors.Count > Remembered)
            {
                _errors.Dequeue();
            }
        }
    }
}
