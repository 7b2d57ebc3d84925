namespace Pocketgres.Engine.Connections;

/// <summary>What tells the first messages of a connection apart (libpq/pqcomm.h, and RFC 8446, 5.1).</summary>
internal static class FirstMessages
{
    /// <summary>CANCEL_REQUEST_CODE, in the place of a startup packet's version.</summary>
    public const int Cancel = 80877102;

    /// <summary>NEGOTIATE_SSL_CODE.</summary>
    public const int SslRequest = 80877103;

    /// <summary>NEGOTIATE_GSS_CODE.</summary>
    public const int GssRequest = 80877104;

    /// <summary>The first byte of a handshake of TLS, which no packet's length begins with.</summary>
    public const byte TlsHandshake = 0x16;

    /// <summary>MAX_STARTUP_PACKET_LENGTH: bytes of a packet behind its length.</summary>
    public const int MaximumLength = 10_000;
}
