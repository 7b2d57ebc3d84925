using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Cli.Serve;

/// <summary>One message of the log.</summary>
/// <param name="Time">When (UTC).</param>
/// <param name="Level">How severe.</param>
/// <param name="Entry">What PostgreSQL said; null for messages of this program itself.</param>
/// <param name="Text">The message as text.</param>
internal sealed record LogLine(DateTime Time, LogLevel Level, ServerLogEntry? Entry, string Text);

/// <summary>How messages become lines.</summary>
internal static class LogFormat
{
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    /// <summary>For people: the time, the message, further lines indented.</summary>
    public static void AppendText(StringBuilder lines, LogLine line) =>
        lines.Append(line.Time.ToString(TimeFormat, CultureInfo.InvariantCulture)).Append(' ')
            .Append(line.Text.Replace("\n", "\n    ", StringComparison.Ordinal)).Append('\n');

    /// <summary>For programs: an object a line, with the names of PostgreSQL's own jsonlog.</summary>
    public static void AppendJson(StringBuilder lines, LogLine line)
    {
        lines.Append("{\"timestamp\": ").AppendJson(line.Time.ToString(TimeFormat, CultureInfo.InvariantCulture));
        string severity = line.Entry is { Severity.Length: > 0 } known ? known.Severity : Severity(line.Level);
        lines.Append(", \"error_severity\": ").AppendJson(severity);
        if (line.Entry is { ProcessId: not 0 } entry)
        {
            lines.Append(CultureInfo.InvariantCulture, $", \"pid\": {entry.ProcessId}").Append(", \"backend_type\": ").AppendJson(entry.BackendType);
            AppendIfAny(lines, "user", entry.User);
            AppendIfAny(lines, "dbname", entry.Database);
            AppendIfAny(lines, "state_code", entry.SqlState == "00000" ? "" : entry.SqlState);
        }

        lines.Append(", \"message\": ").AppendJson(line.Entry?.Message ?? line.Text).Append("}\n");
    }

    private static void AppendIfAny(StringBuilder lines, string name, string value)
    {
        if (value.Length > 0)
        {
            lines.Append(", \"").Append(name).Append("\": ").AppendJson(value);
        }
    }

    private static string Severity(LogLevel level) => level switch
    {
        LogLevel.Critical => "PANIC",
        LogLevel.Error => "ERROR",
        LogLevel.Warning => "WARNING",
        LogLevel.Information => "LOG",
        _ => "DEBUG",
    };
}
