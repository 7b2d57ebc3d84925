using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>
/// Messages of the logical replication protocol as text, without what differs from server to server: LSNs and times become a mark, transaction ids
/// and OIDs become the order of their appearance. Written from "Logical Replication Message Formats" of PostgreSQL's manual.
/// </summary>
sealed class PgoutputDecoder(bool parallel)
{
    readonly Dictionary<uint, int> _xids = [];
    readonly Dictionary<uint, int> _oids = [];
    bool _streaming;

    /// <summary>One message; fails on bytes that are too few or too many.</summary>
    public string Describe(byte[] message)
    {
        var reader = new Reader(message);
        string text = Body(reader);
        if (reader.Left != 0)
        {
            throw new InvalidDataException($"{reader.Left} bytes left after {text}");
        }

        return text;
    }

    string Body(Reader r)
    {
        char kind = r.Char();
        switch (kind)
        {
            case 'B': return $"Begin {Lsn(r)} {Time(r)} {Xid(r)}";
            case 'C': return $"Commit {Ending(r)}";
            case 'O': return $"Origin {r.Int64():X} {r.String()}";
            case 'M': return $"Message {Streamed(r)}flags {r.Byte()} {Lsn(r)} {r.String()} {r.Hex(r.Int32())}";
            case 'R': return Relation(r);
            case 'Y': return $"Type {Streamed(r)}{Oid(r)} {r.String()}.{r.String()}";
            case 'I': return $"Insert {Streamed(r)}{Oid(r)} {Tuples(r)}";
            case 'U': return $"Update {Streamed(r)}{Oid(r)} {Tuples(r)}";
            case 'D': return $"Delete {Streamed(r)}{Oid(r)} {Tuples(r)}";
            case 'T':
                string start = $"Truncate {Streamed(r)}";
                int count = r.Int32();
                return $"{start}flags {r.Byte()} {string.Join(' ', Enumerable.Range(0, count).Select(_ => Oid(r)))}";
            case 'S':
                _streaming = true;
                return $"Stream start {Xid(r)} first {r.Byte()}";
            case 'E':
                _streaming = false;
                return "Stream stop";
            case 'c': return $"Stream commit {Xid(r)} {Ending(r)}";
            case 'A': return $"Stream abort {Xid(r)} {Xid(r)}{(parallel ? $" {Lsn(r)} {Time(r)}" : "")}";
            case 'b': return $"Begin prepare {Lsn(r)} {Lsn(r)} {Time(r)} {Xid(r)} {r.String()}";
            case 'P': return $"Prepare {Ending(r)} {Xid(r)} {r.String()}";
            case 'K': return $"Commit prepared {Ending(r)} {Xid(r)} {r.String()}";
            case 'r': return $"Rollback prepared flags {r.Byte()} {Lsn(r)} {Lsn(r)} {Time(r)} {Time(r)} {Xid(r)} {r.String()}";
            case 'p': return $"Stream prepare {Ending(r)} {Xid(r)} {r.String()}";
            default: throw new InvalidDataException($"unknown message {(int)kind}");
        }
    }

    string Relation(Reader r)
    {
        var text = new StringBuilder($"Relation {Streamed(r)}{Oid(r)} \"{r.String()}\".\"{r.String()}\" identity {r.Char()}");
        int columns = r.Int16();
        for (int i = 0; i < columns; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"; flags {r.Byte()} {r.String()} type {Oid(r)} modifier {r.Int32()}");
        }

        return text.ToString();
    }

    static string Tuples(Reader r)
    {
        var text = new StringBuilder();
        while (r.Left > 0)
        {
            text.Append(r.Char()).Append('(');
            int columns = r.Int16();
            for (int i = 0; i < columns; i++)
            {
                char kind = r.Char();
                text.Append(i > 0 ? ", " : "").Append(kind).Append(kind switch
                {
                    't' => " " + Encoding.UTF8.GetString(r.Bytes(r.Int32())),
                    'b' => " " + r.Hex(r.Int32()),
                    'n' or 'u' => "",
                    _ => throw new InvalidDataException($"unknown kind of value {(int)kind}"),
                });
            }

            text.Append(") ");
        }

        return text.ToString();
    }

    static string Ending(Reader r) => $"flags {r.Byte()} {Lsn(r)} {Lsn(r)} {Time(r)}";

    string Streamed(Reader r) => _streaming ? Xid(r) + " " : "";

    static string Lsn(Reader r) => r.Int64() > 0 ? "lsn" : "no lsn";

    // Microseconds since 2000: anything this side of 2020 is a time.
    static string Time(Reader r) => r.Int64() > 20L * 365 * 86_400 * 1_000_000 ? "time" : "old time";

    string Xid(Reader r) => "x" + Order(_xids, (uint)r.Int32());

    string Oid(Reader r)
    {
        uint oid = (uint)r.Int32();
        return oid < 16384 ? oid.ToString(CultureInfo.InvariantCulture) : "o" + Order(_oids, oid);
    }

    static string Order(Dictionary<uint, int> known, uint id)
    {
        if (!known.TryGetValue(id, out int order))
        {
            known[id] = order = known.Count + 1;
        }

        return order.ToString(CultureInfo.InvariantCulture);
    }

    sealed class Reader(byte[] message)
    {
        int _at;

        public int Left => message.Length - _at;

        public ReadOnlySpan<byte> Bytes(int count)
        {
            ReadOnlySpan<byte> result = message.AsSpan(_at, count);
            _at += count;
            return result;
        }

        public byte Byte() => Bytes(1)[0];

        public char Char() => (char)Byte();

        public int Int16() => BinaryPrimitives.ReadInt16BigEndian(Bytes(2));

        public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Bytes(4));

        public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Bytes(8));

        public string Hex(int count) => Convert.ToHexString(Bytes(count));

        public string String()
        {
            string result = Encoding.UTF8.GetString(Bytes(message.AsSpan(_at).IndexOf((byte)0)));
            _at++;
            return result;
        }
    }
}
