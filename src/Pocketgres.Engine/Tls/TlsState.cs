namespace Pocketgres.Engine.Tls;

/// <summary>What a server process has of TLS. Used by its thread.</summary>
internal sealed class TlsState : IDisposable
{
    /// <summary>What connections are encrypted with: in the postmaster as last loaded, in a child as when it was forked; null with <c>ssl</c> off.</summary>
    public TlsContext? Context { get; set; }

    /// <summary>The process's connection, if it is encrypted. A clone's process has none: its client is the original's.</summary>
    public TlsSession? Session { get; set; }

    /// <summary>The client has asked for it by an SSLRequest, which was answered before the process got the connection.</summary>
    public bool IsRequested { get; set; }

    /// <summary>Why the last call failed.</summary>
    public TlsFailure? Failure { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Session?.Dispose();
        Session = null;
    }
}

/// <summary>Why something failed, in OpenSSL's words where it is OpenSSL that says so.</summary>
/// <param name="Message">One line.</param>
/// <param name="Detail">More of it, ASCII, or null.</param>
internal sealed record TlsFailure(string Message, string? Detail = null);
