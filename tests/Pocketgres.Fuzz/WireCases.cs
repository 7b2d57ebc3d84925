using System.Buffers.Binary;

namespace Pocketgres.Fuzz;

/// <summary>What one client sends, made from a seed: a recorded session with faults in it, or messages that no driver would send.</summary>
sealed class WireCases(IReadOnlyDictionary<string, List<byte[]>> recordings)
{
    static readonly string[] s_statements =
    [
        "select 1", "begin", "rollback", "commit", "select 1/0", "select $1::int", "select $1 || $2", "copy t from stdin", "copy (select 1) to stdout", "copy t from stdin (format binary)",
        "declare c cursor for select generate_series(1, 100)", "fetch 3 c", "listen x", "notify x", "savepoint s", "rollback to s", "prepare p as select $1::text", "execute p ('a')",
        "deallocate all", "discard all", "select pg_sleep(0.01)", "set client_encoding = 'LATIN1'", "", ";", "select '\u00e9\u4e2d'", "values (1), (2)", "insert into t values ($1)",
        "select; select 1; select 1/0; select 2", "create temp table x (i int); insert into x values (1); table x",
    ];

    static readonly string[] s_replication =
    [
        "IDENTIFY_SYSTEM", "SHOW port", "CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput", "START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '4', publication_names 'p')",
        "START_REPLICATION 0/0", "TIMELINE_HISTORY 1", "TIMELINE_HISTORY 4294967295", "READ_REPLICATION_SLOT s", "DROP_REPLICATION_SLOT s WAIT", "BASE_BACKUP (MANIFEST 'yes', CHECKPOINT 'fast'",
        "CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL", "ALTER_REPLICATION_SLOT s (FAILOVER true)", "UPLOAD_MANIFEST", "SELECT 1", "START_REPLICATION SLOT s PHYSICAL FFFFFFFF/FFFFFFFF TIMELINE 99",
    ];

    const int LongestPart = 60; // messages of a recorded session

    readonly List<byte[]>[] _sessions = [.. recordings.Values];

    /// <summary>The bytes of a case.</summary>
    /// <param name="seed">Equal seeds make equal cases.</param>
    /// <param name="messages">How many messages they are meant to be.</param>
    public byte[] Make(int seed, out int messages)
    {
        var random = new Random(seed);
        int kind = random.Next(20);
        var list = kind switch
        {
            0 => [Startup(random)],
            1 => Authentication(random),
            2 => [Messages.Startup(Messages.Protocol, "user", "fuzz_replication", "database", "postgres", "replication", random.Next(2) == 0 ? "database" : "true"),
                .. Some(random, 1, 6, () => Messages.Query(Pick(random, s_replication))), .. Some(random, 0, 4, () => Random(random))],
            3 => [Messages.Startup(random.Next(4) == 0 ? Messages.CancelRequest : Messages.CancelRequest + random.Next(3)), .. Some(random, 0, 3, () => Random(random))],
            < 8 => [Login, .. Some(random, 1, 40, () => Random(random))],
            _ => [Login, .. Mutated(random)],
        };
        messages = list.Count;
        byte[] bytes = [.. list.SelectMany(m => m)];
        if (random.Next(4) == 0)
        {
            for (int n = random.Next(1, 4); n > 0 && bytes.Length > 0; n--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }
        }

        return random.Next(10) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
    }

    static byte[] Login { get; } = Messages.Startup(Messages.Protocol, "user", "fuzz", "database", "postgres");

    static byte[] Startup(Random random)
    {
        string Name() => Pick(random, ["user", "database", "options", "replication", "client_encoding", "_pq_.x", "search_path", "fuzz", "", new string('u', random.Next(70000))]);
        string Value() => Pick(random, ["fuzz", "postgres", "true", "database", "-c statement_timeout=1", "-c x", "UTF8", "SQL_ASCII", "", "\\", new string('x', random.Next(200))]);
        int version = Pick(random, [3 << 16, (3 << 16) | 2, (3 << 16) | 9999, 2 << 16, 4 << 16, 0, -1, Messages.TlsRequest, Messages.GssRequest, random.Next()]);
        return Messages.Startup(version, [.. Enumerable.Range(0, random.Next(8)).SelectMany(_ => new[] { Name(), Value() })]);
    }

    // SCRAM, and what is none.
    static List<byte[]> Authentication(Random random)
    {
        string Mechanism() => Pick(random, ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "MD5", "", new string('M', 2000)]);
        byte[] Data() => Messages.Text(Pick(random, ["n,,n=,r=abc", "y,,n=x,r=abc", "p=tls-unique,,n=,r=abc", "c=biws,r=abc,p=AAAA", "n,a=b,n=,r=", "", ",,,,", "n,,m=x,n=,r=" + new string('r', random.Next(5000))]))[..^1];
        var list = new List<byte[]> { Messages.Startup(Messages.Protocol, "user", "fuzz_scram", "database", "postgres") };
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            byte[] data = Data();
            list.Add(random.Next(3) switch
            {
                0 => Messages.Tagged('p', Messages.Text(Mechanism()), Messages.Int32(random.Next(5) == 0 ? random.Next() : data.Length), data),
                1 => Messages.Tagged('p', data),
                _ => Random(random),
            });
        }

        return list;
    }

    List<byte[]> Mutated(Random random)
    {
        var session = _sessions[random.Next(_sessions.Length)];
        int length = Math.Min(session.Count, random.Next(5, LongestPart)), first = random.Next(session.Count - length + 1);
        var list = new List<byte[]>(length);
        foreach (byte[] original in session.Skip(first).Take(length))
        {
            switch (random.Next(24))
            {
                case 0:
                    break; // lost
                case 1:
                    list.Add(original);
                    list.Add(original);
                    break;
                case 2:
                    list.Add(Flipped(random, original));
                    break;
                case 3:
                    list.Add(WithLength(random, original));
                    break;
                case 4:
                    list.Add([(byte)Pick(random, "QPBEDCSHFXdcfpZ\0\xff".ToCharArray()), .. original.AsSpan(1)]);
                    break;
                case 5:
                    list.Add(original);
                    var other = _sessions[random.Next(_sessions.Length)];
                    list.Add(other[random.Next(other.Count)]);
                    break;
                case 6:
                    list.Add(original);
                    list.Add(Random(random));
                    break;
                case 7 when list.Count > 0:
                    list.Insert(random.Next(list.Count), original);
                    break;
                default:
                    list.Add(original);
                    break;
            }
        }

        return list;
    }

    static byte[] Flipped(Random random, byte[] original)
    {
        byte[] message = [.. original];
        for (int n = random.Next(1, 6); n > 0 && message.Length > 5; n--)
        {
            message[random.Next(5, message.Length)] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
        }

        return message;
    }

    static byte[] WithLength(Random random, byte[] original)
    {
        byte[] message = [.. original];
        int length = message.Length - 1;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), Pick(random, [0, 3, 4, length - 1, length + 1, length * 2, int.MaxValue, int.MinValue, -1, 1 << 30, random.Next(20000)]));
        return message;
    }

    // A message by the grammar, with values at the edges.
    static byte[] Random(Random random)
    {
        byte[] Name() => Messages.Text(Pick(random, ["", "", "a", "b", new string('n', random.Next(300))]));
        byte[] Count() => Messages.Int16(Pick(random, [0, 0, 1, 1, 2, 3, -1, short.MaxValue, 65535]));
        byte[] Value() => random.Next(5) switch
        {
            0 => Messages.Int32(-1),
            1 => Messages.Int32(Pick(random, [0, 1, 4, int.MaxValue, -2, 100000])),
            _ => Messages.Text(Pick(random, ["1", "x", "-1", "", "2147483648"])) is var text ? [.. Messages.Int32(text.Length - 1), .. text[..^1]] : [],
        };
        byte[][] Several(Func<byte[]> one) => [.. Some(random, 0, 4, one)];
        return random.Next(14) switch
        {
            0 or 1 => Messages.Query(Pick(random, s_statements)),
            2 or 3 => Messages.Tagged('P', [Name(), Messages.Text(Pick(random, s_statements)), Count(), .. Several(() => Messages.Int32(Pick(random, [0, 23, 25, 16, -1, 705, 2249, random.Next(4000)])))]),
            4 or 5 => Messages.Tagged('B', [Name(), Name(), Count(), .. Several(() => Messages.Int16(random.Next(-1, 3))), Count(), .. Several(Value), Count(), .. Several(() => Messages.Int16(random.Next(-1, 3)))]),
            6 => Messages.Tagged('D', [[(byte)Pick(random, ['S', 'P', 'x'])], Name()]),
            7 or 8 => Messages.Tagged('E', Name(), Messages.Int32(Pick(random, [0, 1, -1, int.MaxValue, int.MinValue]))),
            9 => Messages.Tagged('C', [[(byte)Pick(random, ['S', 'P', 'x'])], Name()]),
            10 => Messages.Tagged(Pick(random, ['S', 'H']), []),
            11 => Messages.Tagged('d', Messages.Text(Pick(random, ["1\n", "\\.\n", "PGCOPY\n\xff\r\n", "x\ty\n", new string('\t', random.Next(3000))]))),
            12 => Messages.Tagged(Pick(random, ['c', 'f']), Name()),
            _ => Messages.Tagged('F', [Messages.Int32(Pick(random, [0, 1, 2061, 1242, 1300, -1, random.Next(7000)])), Count(), Count(), .. Several(Value), Messages.Int16(random.Next(-1, 3))]),
        };
    }

    static List<byte[]> Some(Random random, int least, int most, Func<byte[]> one) => [.. Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => one())];

    static T Pick<T>(Random random, IReadOnlyList<T> values) => values[random.Next(values.Count)];
}
