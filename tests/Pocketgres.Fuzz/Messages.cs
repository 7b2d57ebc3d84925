using System.Buffers.Binary;
using System.Text;

namespace Pocketgres.Fuzz;

/// <summary>Messages of the frontend, as bytes: a tag (none in the first one of a connection), the length without the tag, the body.</summary>
static class Messages
{
    public const int Protocol = 3 << 16, TlsRequest = 80877103, GssRequest = 80877104, CancelRequest = 80877102;

    public static byte[] Startup(int version, params ReadOnlySpan<string> parameters) =>
        [.. Framed(null, [.. Int32(version), .. parameters.ToArray().SelectMany(Text), (byte)0])];

    public static byte[] Tagged(char tag, params ReadOnlySpan<byte[]> parts) => Framed((byte)tag, [.. parts.ToArray().SelectMany(p => p)]);

    public static byte[] Query(string sql) => Tagged('Q', Text(sql));

    public static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    public static byte[] Int32(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Int16(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteInt16BigEndian(bytes, unchecked((short)value));
        return bytes;
    }

    /// <summary>What a client sent, message by message; the requests for encryption and the startup itself are left out: the fuzzer sends its own.</summary>
    public static List<byte[]> Split(ReadOnlySpan<byte> stream)
    {
        var messages = new List<byte[]>();
        bool started = false;
        while (stream.Length >= 8)
        {
            int header = started ? 1 : 0, length = header + BinaryPrimitives.ReadInt32BigEndian(stream[header..]);
            if (length < header + 4 || length > stream.Length)
            {
                break;
            }

            int code = started ? 0 : BinaryPrimitives.ReadInt32BigEndian(stream[4..]);
            if (started)
            {
                messages.Add(stream[..length].ToArray());
            }

            started |= code >> 16 == 3;
            stream = stream[length..];
        }

        return messages;
    }

    static byte[] Framed(byte? tag, byte[] body) => [.. tag is { } t ? [t] : Array.Empty<byte>(), .. Int32(body.Length + 4), .. body];
}
