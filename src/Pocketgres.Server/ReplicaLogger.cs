using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Server;

/// <summary>
/// A replica's log without what its recovery says ten times a second, each time that it looks and no log has come, and once each time that it has read all
/// there is: at the end of a log that is still being written, neither is news.
/// </summary>
/// <param name="inner">Where everything else goes.</param>
internal sealed class ReplicaLogger(ILogger inner) : ILogger
{
    private const string RecoveryProcess = "startup", Waiting = "waiting for WAL to become available", AtTheEnd = "invalid record length at";

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is not ServerLogEntry { BackendType: RecoveryProcess } entry
            || !(entry.Message.StartsWith(Waiting, StringComparison.Ordinal) || entry.Message.StartsWith(AtTheEnd, StringComparison.Ordinal)))
        {
            inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);
}
