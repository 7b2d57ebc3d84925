namespace Pocketgres.Server.Tests.Clients;

/// <summary>First messages of a connection, byte by byte.</summary>
static class RawTls
{
    public static byte[] SslRequest { get; } = [0, 0, 0, 8, 4, 210, 22, 47];

    /// <summary>Of protocol 3.0, for the user postgres.</summary>
    public static byte[] StartupPacket { get; } = [0, 0, 0, 23, 0, 3, 0, 0, .. "user\0postgres\0\0"u8];

    /// <summary>A whole ClientHello of TLS 1.2 or before (RFC 5246, 7.4.1.2).</summary>
    /// <param name="version">Its version.</param>
    /// <param name="suite">The only suite it offers; ECDHE_RSA_WITH_AES_128_CBC_SHA, which OpenSSL has for all versions.</param>
    public static byte[] ClientHello(ushort version, ushort suite = 0xC013)
    {
        byte[] body = [(byte)(version >> 8), (byte)version, .. new byte[32], 0, 0, 2, (byte)(suite >> 8), (byte)suite, 1, 0]; // no compression
        byte[] message = [1, 0, 0, (byte)body.Length, .. body];
        return [22, 3, 1, 0, (byte)message.Length, .. message];
    }

    /// <summary>What comes until the other side closes or resets.</summary>
    public static async Task<byte[]> ReadToEndAsync(Stream stream)
    {
        using var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all);
        }
        catch (IOException)
        {
            // closed with something unread
        }

        return all.ToArray();
    }
}
