using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Pocketgres.Server.Sleeping;

/// <summary>The first request on a connection: a startup packet, or a request to cancel.</summary>
/// <param name="Packet">All of it.</param>
/// <param name="IsCancel">Whether it is a request to cancel another session's statement.</param>
/// <param name="Parameters">Of a startup packet, in their order: user, database and others.</param>
internal sealed record StartupRequest(byte[] Packet, bool IsCancel, IReadOnlyList<(string Name, string Value)> Parameters)
{
    private const int Header = 4, MinimumLength = 8, MaximumLength = 10_000; // MAX_STARTUP_PACKET_LENGTH (libpq/pqcomm.h)
    private const int CancelCode = 80877102, SslCode = 80877103, GssCode = 80877104; // libpq/pqcomm.h
    private static readonly byte[] s_no = [(byte)'N'];
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The parameter's value; null when there is none.</summary>
    public string? this[string name] => Parameters.LastOrDefault(p => p.Name == name).Value;

    /// <summary>Reads it; requests for encryption before it are answered with no.</summary>
    /// <returns>Null when the client is gone, or sends what no client sends.</returns>
    /// <exception cref="SocketException">The connection has failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<StartupRequest?> ReadAsync(Socket socket, CancellationToken cancellationToken)
    {
        int refused = 0;
        while (true)
        {
            var packet = new byte[MinimumLength];
            if (!await FillAsync(socket, packet, cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            int length = BinaryPrimitives.ReadInt32BigEndian(packet), code = BinaryPrimitives.ReadInt32BigEndian(packet.AsSpan(Header));
            if (length is < MinimumLength or > MaximumLength + Header)
            {
                return null;
            }

            if (length == MinimumLength && code is SslCode or GssCode)
            {
                if (++refused > 2)
                {
                    return null; // each kind once
                }

                await socket.SendAsync(s_no, cancellationToken).ConfigureAwait(false);
                continue;
            }

            Array.Resize(ref packet, length);
            if (!await FillAsync(socket, packet.AsMemory(MinimumLength), cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            return code == CancelCode ? new StartupRequest(packet, true, [])
                : code >> 16 == 3 && Read(packet.AsSpan(MinimumLength)) is { } parameters ? new StartupRequest(packet, false, parameters)
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
        return new StartupRequest(packet, false, parameters);
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

    private static async Task<bool> FillAsync(Socket socket, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int n = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (n == 0)
            {
                return false;
            }

            buffer = buffer[n..];
        }

        return true;
    }
}
