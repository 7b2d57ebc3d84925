using System.Text;

namespace Pocketgres.Fuzz;

/// <summary>A function of the server, as pg_proc has it.</summary>
/// <param name="Name">Quoted, with its schema.</param>
/// <param name="Kind">prokind: f, a, w or p.</param>
/// <param name="Arguments">Types of the arguments, formatted.</param>
sealed record Function(string Name, char Kind, string[] Arguments);

/// <summary>A statement made from a seed: a call of a function with values at the edges of its types, or an expression that is deep, wide or huge.</summary>
sealed class StatementCases(IReadOnlyList<Function> functions)
{
    /// <summary>Functions whose answer says nothing about the server, or that act on what other cases need.</summary>
    public const string FunctionsQuery = """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.prokind,
               array_to_string(ARRAY(SELECT format_type(t.type, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY t(type, i) ORDER BY i), ';')
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('pg_catalog', 'information_schema') AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
          AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
          AND p.proname !~ '^(pg_sleep|binary_upgrade|pg_terminate_backend|pg_cancel_backend|pg_promote|pg_wal_replay_wait|pg_advisory)'
        ORDER BY p.oid
        """;

    static readonly Dictionary<string, string[]> s_values = new(StringComparer.Ordinal)
    {
        ["smallint"] = ["0::int2", "(-32768)::int2", "32767::int2", "1::int2"],
        ["integer"] = ["0", "1", "-1", "2147483647", "(-2147483648)", "1000000"],
        ["bigint"] = ["0::int8", "-1::int8", "9223372036854775807", "(-9223372036854775808)", "4294967296"],
        ["oid"] = ["0::oid", "1::oid", "1259::oid", "4294967295::oid", "2249::oid"],
        ["xid"] = ["'0'::xid", "'3'::xid", "'4294967295'::xid"],
        ["xid8"] = ["'0'::xid8", "'18446744073709551615'::xid8"],
        ["boolean"] = ["true", "false"],
        ["real"] = ["'nan'::float4", "'-inf'::float4", "1e38::float4", "0::float4", "1e-45::float4"],
        ["double precision"] = ["'nan'::float8", "'inf'::float8", "1e308::float8", "-1e-307::float8", "0::float8", "0.5::float8"],
        ["numeric"] = ["'nan'::numeric", "'-inf'::numeric", "1e131071::numeric", "1e-16383::numeric", "0::numeric", "-1.5", "repeat('9', 10000)::numeric"],
        ["text"] = ["''", "'a'", "repeat('x', 300000)", "repeat('[', 20000)", "E'\\x01\\x7f'", "'%s%n%1$s'", "'pg_class'", "repeat('(a', 3000)", "'\u00df\u0130\ud83d\ude00'", "'1,2'"],
        ["\"char\""] = ["'x'::\"char\"", "''::\"char\"", "'\\377'::\"char\""],
        ["character"] = ["'a'::bpchar", "repeat(' ', 100000)::bpchar"],
        ["character varying"] = ["''::varchar", "repeat('v', 100000)::varchar"],
        ["name"] = ["''::name", "repeat('n', 63)::name", "'pg_class'::name"],
        ["cstring"] = ["''::cstring", "'1'::cstring", "repeat('{', 20000)::cstring", "'(1,2)'::cstring", "'[1,2)'::cstring", "'x y z'::cstring"],
        ["bytea"] = ["''::bytea", "'\\x00ff'::bytea", "decode(repeat('ff', 100000), 'hex')"],
        ["json"] = ["'{}'::json", "(repeat('[', 5000) || repeat(']', 5000))::json", "'{\"a\":[1,null,\"\\u0041\"]}'::json", "'\"x\"'::json"],
        ["jsonb"] = ["'{}'::jsonb", "(repeat('[', 5000) || repeat(']', 5000))::jsonb", "'{\"a\":[1e1000,null]}'::jsonb", "'null'::jsonb"],
        ["jsonpath"] = ["'$'::jsonpath", "'$.**{1 to last}'::jsonpath", "'$[*] ? (@ like_regex \"(a*)*b\")'::jsonpath"],
        ["xml"] = ["'<a/>'::xml", "xmlparse(content repeat('<a>', 200) || repeat('</a>', 200))"],
        ["date"] = ["'infinity'::date", "'-infinity'::date", "'4713-01-01 BC'::date", "'5874897-12-31'::date"],
        ["time without time zone"] = ["'24:00'::time", "'00:00'::time"],
        ["time with time zone"] = ["'24:00-15:59'::timetz", "'00:00+15:59'::timetz"],
        ["timestamp without time zone"] = ["'infinity'::timestamp", "'4713-01-01 BC'::timestamp", "'294276-12-31 23:59:59'::timestamp", "'2000-01-01'::timestamp"],
        ["timestamp with time zone"] = ["'-infinity'::timestamptz", "'4713-01-02 BC'::timestamptz", "'294276-12-31'::timestamptz", "'2000-01-01'::timestamptz"],
        ["interval"] = ["'0'::interval", "'-178000000 years'::interval", "'infinity'::interval", "'2147483647 days'::interval"],
        ["inet"] = ["'0.0.0.0/0'::inet", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128'::inet"],
        ["cidr"] = ["'0.0.0.0/0'::cidr", "'::/0'::cidr"],
        ["macaddr"] = ["'ff:ff:ff:ff:ff:ff'::macaddr"],
        ["macaddr8"] = ["'ff:ff:ff:ff:ff:ff:ff:ff'::macaddr8"],
        ["uuid"] = ["'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"],
        ["bit"] = ["B''", "B'1'", "repeat('1', 10000)::bit varying::bit(10000)"],
        ["bit varying"] = ["B''::varbit", "repeat('10', 10000)::varbit"],
        ["money"] = ["'-92233720368547758.08'::money", "'0'::money"],
        ["point"] = ["'(nan,inf)'::point", "'(1e308,-1e308)'::point", "'(0,0)'::point"],
        ["line"] = ["'{1,0,1e308}'::line"],
        ["lseg"] = ["'[(0,0),(1e308,1e308)]'::lseg", "'[(0,0),(0,0)]'::lseg"],
        ["box"] = ["'(nan,0),(inf,1)'::box", "'(0,0),(1e308,1e308)'::box"],
        ["path"] = ["'((0,0))'::path", "'[(0,0),(inf,nan)]'::path"],
        ["polygon"] = ["'((0,0),(1,1),(1e308,0))'::polygon", "'((0,0))'::polygon"],
        ["circle"] = ["'<(0,0),1e308>'::circle", "'<(nan,0),0>'::circle"],
        ["tsvector"] = ["''::tsvector", "repeat('a:1 ', 5000)::tsvector", "'a:16383A b:1'::tsvector"],
        ["tsquery"] = ["''::tsquery", "('a' || repeat(' & !b', 2000))::tsquery", "'a <16384> b'::tsquery"],
        ["regclass"] = ["'pg_class'::regclass", "0::regclass", "4294967295::regclass"],
        ["regtype"] = ["'int4'::regtype", "0::regtype"],
        ["regconfig"] = ["'english'::regconfig", "'simple'::regconfig"],
        ["regdictionary"] = ["'simple'::regdictionary"],
        ["pg_lsn"] = ["'0/0'::pg_lsn", "'FFFFFFFF/FFFFFFFF'::pg_lsn"],
        ["tid"] = ["'(0,0)'::tid", "'(4294967295,65535)'::tid"],
        ["anyelement"] = ["1", "'x'::text"],
        ["anycompatible"] = ["1", "'x'::text"],
        ["anyarray"] = ["'{}'::int[]", "array[1,null,3]", "'[2147483645:2147483646]={1,2}'::int[]", "array[[1],[2]]"],
        ["anycompatiblearray"] = ["'{}'::int[]", "array[1,2]"],
        ["anynonarray"] = ["1", "'x'::text"],
        ["anyenum"] = ["NULL::fuzz_enum", "'a'::fuzz_enum"],
        ["anyrange"] = ["'empty'::int4range", "'(,)'::int4range", "'[2147483647,2147483647]'::int4range"],
        ["anymultirange"] = ["'{}'::int4multirange", "'{(,)}'::int4multirange"],
        ["\"any\""] = ["1", "'x'::text", "NULL", "row(1, null)"],
        ["record"] = ["row()", "row(1, 'x', null)", "row(row(1))"],
    };

    static readonly string[] s_operators = ["+", "-", "*", "/", "||", "=", "<", "is distinct from", "and", "or", "%", "^", "~", "like"];
    static readonly string[] s_atoms = ["1", "'x'", "null", "1.5", "true", "array[1]", "'{}'::jsonb", "now()", "row(1,2)", "2147483647", "$$y$$", "(select 1)"];

    /// <summary>The statement of a case.</summary>
    /// <param name="number">Which function's turn it is, when it is one's: each has as many turns as the others.</param>
    /// <param name="seed">Equal numbers and seeds make equal statements.</param>
    public string Make(int number, int seed)
    {
        var random = new Random(seed);
        return random.Next(10) == 0 ? Shaped(random) : Call(random, functions[number % functions.Count]);
    }

    static string Call(Random random, Function function)
    {
        string call = $"{function.Name}({string.Join(", ", function.Arguments.Select(type => Value(random, type)))})";
        return function.Kind switch
        {
            'p' => $"call {call}",
            'a' => $"select {call} from generate_series(1, 3)",
            'w' => $"select {call} over () from generate_series(1, 3)",
            _ => $"select * from (select {call}) s limit 100",
        };
    }

    static string Value(Random random, string type)
    {
        if (random.Next(12) == 0)
        {
            return $"NULL::{(type.StartsWith("any", StringComparison.Ordinal) || type is "\"any\"" or "record" ? "int" : type)}";
        }

        if (s_values.TryGetValue(type, out string[]? values))
        {
            return values[random.Next(values.Length)];
        }

        return type.EndsWith("[]", StringComparison.Ordinal) ? random.Next(3) switch { 0 => $"'{{}}'::{type}", 1 => $"'{{NULL}}'::{type}", _ => $"array[]::{type}" }
            : type.EndsWith("range", StringComparison.Ordinal) ? $"'{(type.EndsWith("multirange", StringComparison.Ordinal) ? "{}" : random.Next(2) == 0 ? "empty" : "(,)")}'::{type}"
            : $"NULL::{type}";
    }

    static string Shaped(Random random)
    {
        int size = 1 << random.Next(1, 13);
        string atom = s_atoms[random.Next(s_atoms.Length)], sign = s_operators[random.Next(s_operators.Length)];
        return random.Next(14) switch
        {
            0 => "select " + new string('(', size) + atom + new string(')', size),
            1 => "select " + string.Join($" {sign} ", Enumerable.Repeat(atom, size)),
            2 => "select " + string.Concat(Enumerable.Repeat("case when true then ", size)) + atom + string.Concat(Enumerable.Repeat(" end", size)),
            3 => "select " + string.Concat(Enumerable.Repeat("not ", size)) + "true",
            4 => "select 1 where 1 in (" + string.Join(',', Enumerable.Range(0, size)) + ")",
            5 => string.Join(" union all ", Enumerable.Repeat("select " + atom, Math.Min(size, 1000))),
            6 => "select " + string.Concat(Enumerable.Repeat("(select ", Math.Min(size, 2000))) + "1" + new string(')', Math.Min(size, 2000)),
            7 => $"select repeat('[', {size * 500})::json",
            8 => $"select ('a' || repeat('|a', {size * 50}))::tsquery",
            9 => $"select repeat('a', {size * 20}) ~ ('(' || repeat('(a*)*', {Math.Min(size, 200)}) || ')b')",
            10 => $"select repeat('a', {size * 100}) like repeat('%a', {size * 100}) || 'b'",
            11 when random.Next(20) == 0 => "with recursive r(i) as (select 1 union all select i + 1 from r) select count(*) from r",
            12 => "select " + string.Join(", ", Enumerable.Repeat(atom, Math.Min(size, 2000))),
            _ => Random(random, 6),
        };
    }

    static string Random(Random random, int depth)
    {
        var text = new StringBuilder("select ");
        Append(depth);
        return text.ToString();

        void Append(int left)
        {
            if (left == 0 || random.Next(4) == 0)
            {
                text.Append(s_atoms[random.Next(s_atoms.Length)]);
                return;
            }

            text.Append('(');
            Append(left - 1);
            text.Append(' ').Append(s_operators[random.Next(s_operators.Length)]).Append(' ');
            Append(left - 1);
            text.Append(')');
        }
    }
}
