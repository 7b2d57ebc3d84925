using System.Buffers.Binary;
using System.Text;
using Pocketgres.Engine.Connections;

namespace Pocketgres.Server.Sleeping;

/// <summary>What the first request on a connection is.</summary>
internal enum RequestKind
{
    /// <summary>A startup packet.</summary>
    Startup,

    /// <summary>A request to cancel another session's statement.</summary>
    Cancel,

    /// <summary>A request for TLS (SSLRequest), which is not answered yet.</summary>
    Tls,

    /// <summary>The client begins with TLS without asking.</summary>
    DirectTls,
}

/// <summary>The first request on a connection.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Packet">All of it; with <see cref="RequestKind.DirectTls"/> what was read of the client's first message.</param>
/// <param name="Parameters">Of a startup packet, in their order: user, database and others.</param>
internal sealed record StartupRequest(RequestKind Kind, byte[] Packet, IReadOnlyList<(string Name, string Value)> Parameters)
{
    private const int Header = 4, MinimumLength = 8;
    private static readonly byte[] s_no = [(byte)'N'];
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The parameter's value; null when there is none.</summary>
    public string? this[string name] => Parameters.LastOrDefault(p => p.Name == name).Value;

    /// <summary>Reads it; requests for encryption before it that are not granted are answered with no.</summary>
    /// <param name="stream">The connection. Nothing behind the request is read.</param>
    /// <param name="hasTls">Whether a request for TLS is the caller's to answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null when the client is gone, or sends what no client sends.</returns>
    /// <exception cref="IOException">The connection has failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<StartupRequest?> ReadAsync(Stream stream, bool hasTls, CancellationToken cancellationToken)
    {
        int refused = 0;
        while (true)
        {
            var packet = new byte[MinimumLength];
            if (!await FillAsync(stream, packet, cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            if (packet[0] == FirstMessages.TlsHandshake && hasTls && refused == 0)
            {
                return new StartupRequest(RequestKind.DirectTls, packet, []);
            }

            int length = BinaryPrimitives.ReadInt32BigEndian(packet), code = BinaryPrimitives.ReadInt32BigEndian(packet.AsSpan(Header));
            if (length is < MinimumLength or > FirstMessages.MaximumLength + Header)
            {
                return null;
            }

            if (length == MinimumLength && code is FirstMessages.SslRequest or FirstMessages.GssRequest)
            {
                if (code == FirstMessages.SslRequest && hasTls)
                {
                    return new StartupRequest(RequestKind.Tls, packet, []);
                }

                if (++refused > 2)
                {
                    return null; // each kind once
                }

                await stream.WriteAsync(s_no, cancellationToken).ConfigureAwait(false);
                continue;
            }

            Array.Resize(ref packet, length);
            if (!await FillAsync(stream, packet.AsMemory(MinimumLength), cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            return code == FirstMessages.Cancel ? new StartupRequest(RequestKind.Cancel, packet, [])
                : code >> 16 == 3 && Read(packet.AsSpan(MinimumLength)) is { } parameters ? new StartupRequest(RequestKind.Startup, packet, parameters)
                : null;
        }
    }

    /// <summary>The same request for another database.</summary>
    public StartupRequest WithDatabase(string database)
    {
        var parameters = Parameters.Where(p => p.Name != "database").Append(("database", database)).ToList();
        var bytes = new List<byte>(Packet.Length + database.Length);
        bytes.AddRange(Packet.AsSpan(0, MinimumLength));
        foreach (var (name, value) in parameters)
        {
            bytes.AddRange(s_utf8.GetBytes(name));
            bytes.Add(0);
            bytes.AddRange(s_utf8.GetBytes(value));
            bytes.Add(0);
        }

        bytes.Add(0);
        byte[] packet = [.. bytes];
        BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length);
        return new StartupRequest(RequestKind.Startup, packet, parameters);
    }

    // Pairs of strings that a zero byte ends, and one more zero byte.
    private static List<(string, string)>? Read(ReadOnlySpan<byte> content)
    {
        var words = new List<string>();
        try
        {
            while (content.Length > 0 && content[0] != 0)
            {
                int end = content.IndexOf((byte)0);
                if (end < 0)
                {
                    return null;
                }

                words.Add(s_utf8.GetString(content[..end]));
                content = content[(end + 1)..];
                if (words.Count % 2 == 1 && content.Length > 0 && content[0] == 0)
                {
                    words.Add(""); // an empty value
                    content = content[1..];
                }
            }
        }
        catch (DecoderFallbackException)
        {
            return null;
        }

        return words.Count % 2 != 0 || content.Length != 1 ? null : [.. words.Chunk(2).Select(w => (w[0], w[1]))];
    }

    private static async Task<bool> FillAsync(Stream stream, Memory<byte> buffer, CancellationToken cancellationToken) =>
        await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false) == buffer.Length;
}
