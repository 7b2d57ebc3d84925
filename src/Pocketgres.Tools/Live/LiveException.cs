using Npgsql;

namespace Pocketgres.Live;

/// <summary>Changes or a live query cannot be had, or not any more. The message is one line that says why and what to do.</summary>
public sealed class LiveException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What the server or the connection says.</summary>
    internal static string Reason(Exception e) => (e as PostgresException)?.MessageText ?? e.InnerException?.Message ?? e.Message;
}
