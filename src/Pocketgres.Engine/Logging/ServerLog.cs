using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Pocketgres.Engine.Logging;

/// <summary>One message of the server's log.</summary>
/// <param name="Severity">Postgres' word: DEBUG, LOG, INFO, NOTICE, WARNING, ERROR, FATAL, PANIC, or empty for output that is no log message.</param>
/// <param name="SqlState">Five characters; "00000" for messages that are no errors.</param>
/// <param name="ProcessId">Process id in the kernel, 0 when unknown.</param>
/// <param name="BackendType">pg_stat_activity's backend_type.</param>
/// <param name="User">User, or empty.</param>
/// <param name="Database">Database, or empty.</param>
/// <param name="Message">The message; DETAIL, HINT and the like follow on lines of their own.</param>
public sealed record ServerLogEntry(
    string Severity, string SqlState, int ProcessId, string BackendType, string User, string Database, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Severity.Length == 0 ? Message
        : SqlState == "00000" ? $"[{ProcessId}] {Severity}: {Message}" : $"[{ProcessId}] {Severity} {SqlState}: {Message}";
}

/// <summary>
/// Turns what the server writes to stderr into log entries. The server is told a log_line_prefix of control characters that no message
/// contains; each message arrives in one write.
/// </summary>
internal sealed class ServerLog(ILogger? logger)
{
    /// <summary>log_line_prefix: start, process id, backend type, user, database, SQLSTATE.</summary>
    public const string Prefix = "\u0001%p\u0002%b\u0002%u\u0002%d\u0002%e\u0003";

    private const int Remembered = 20;

    private readonly Lock _lock = new();
    private readonly Queue<ServerLogEntry> _recent = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Called for each entry, on the writing process's thread under the kernel's lock.</summary>
    public event Action<ServerLogEntry>? Written;

    /// <summary>The last few entries, oldest first: what a failed start reports.</summary>
    public IReadOnlyList<ServerLogEntry> Recent
    {
        get
        {
            lock (_lock)
            {
                return [.. _recent];
            }
        }
    }

    /// <summary>Why a start has failed: what the postmaster itself could not go on with, a setting or a file as a rule; else all of <see cref="Recent"/>.</summary>
    public string ReasonOf(int postmaster)
    {
        var recent = Recent;
        return recent.FirstOrDefault(e => e.ProcessId == postmaster && e.Severity == "FATAL")?.Message ?? string.Join(" | ", recent.Select(e => e.ToString()));
    }

    /// <summary>Completes when the server has said that it lets clients in (unless log_min_messages keeps it from saying so).</summary>
    public Task Ready => _ready.Task;

    /// <summary>Takes one write of the server.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.UTF8.GetString(bytes).TrimEnd('\n');
        if (text.Length == 0)
        {
            return;
        }

        foreach (var entry in Parse(text))
        {
            if (entry.ProcessId != 0 && entry.Message.StartsWith("database system is ready to accept", StringComparison.Ordinal))
            {
                _ready.TrySetResult();
            }

            lock (_lock)
            {
                _recent.Enqueue(entry);
                if (_recent.Count > Remembered)
                {
                    _recent.Dequeue();
                }
            }

            var level = LevelOf(entry.Severity);
            if (logger is not null && logger.IsEnabled(level))
            {
                logger.Log(level, default, entry, null, static (e, _) => e.ToString());
            }

            Written?.Invoke(entry);
        }
    }

    /// <summary>Splits a write into entries: continuation fields (DETAIL, HINT, ...) belong to the message before them.</summary>
    internal static List<ServerLogEntry> Parse(string text)
    {
        var entries = new List<ServerLogEntry>();
        foreach (string part in text.Split('\u0001', StringSplitOptions.RemoveEmptyEntries))
        {
            int end = part.IndexOf('\u0003', StringComparison.Ordinal);
            string[] fields = end < 0 ? [] : part[..end].Split('\u0002');
            if (fields.Length != 5)
            {
                entries.Add(new ServerLogEntry("", "00000", 0, "", "", "", part.TrimEnd('\n')));
                continue;
            }

            string body = part[(end + 1)..].TrimEnd('\n');
            int colon = body.IndexOf(":  ", StringComparison.Ordinal);
            string severity = colon > 0 ? body[..colon] : "LOG";
            string message = (colon > 0 ? body[(colon + 3)..] : body).Replace("\n\t", "\n", StringComparison.Ordinal);
            if (entries.Count > 0 && IsContinuation(severity))
            {
                entries[^1] = entries[^1] with { Message = $"{entries[^1].Message}\n{severity}: {message}" };
                continue;
            }

            _ = int.TryParse(fields[0], CultureInfo.InvariantCulture, out int pid);
            entries.Add(new ServerLogEntry(severity, fields[4].Trim() is { Length: 5 } state ? state : "00000", pid, fields[1], fields[2], fields[3], message));
        }

        return entries;
    }

    private static bool IsContinuation(string severity) => severity is "DETAIL" or "HINT" or "QUERY" or "CONTEXT" or "LOCATION" or "BACKTRACE" or "STATEMENT";

    private static LogLevel LevelOf(string severity) => severity switch
    {
        "PANIC" => LogLevel.Critical,
        "FATAL" or "ERROR" => LogLevel.Error,
        "WARNING" => LogLevel.Warning,
        _ when severity.StartsWith("DEBUG", StringComparison.Ordinal) => LogLevel.Debug,
        _ => LogLevel.Information,
    };
}
