using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Encodings;

/// <summary>Every conversion of pg_conversion: the same result as native PostgreSQL's for every character, the same error for what is none.</summary>
public class ConversionTests(EncodingFixture fixture) : IClassFixture<EncodingFixture>
{
    // Native only: its characters are the ones to convert. One subtransaction for each candidate.
    const string ValidCharacters = """
        create or replace function pg_temp.valid(candidates bytea[], source text, target text) returns bytea[] language plpgsql as $$
        declare c bytea; result bytea[] := '{}';
        begin
            foreach c in array candidates loop
                begin
                    perform convert(c, source, target);
                    result := result || c;
                exception when character_not_in_repertoire or untranslatable_character then
                end;
            end loop;
            return result;
        end $$
        """;

    // Results in hex, errors as SQLSTATE and message.
    const string Outcomes = """
        create or replace function pg_temp.outcomes(inputs bytea[], source text, target text) returns text[] language plpgsql as $$
        declare c bytea; result text[] := '{}';
        begin
            foreach c in array inputs loop
                begin
                    result := result || encode(convert(c, source, target), 'hex');
                exception when others then
                    result := result || (sqlstate || ' ' || sqlerrm);
                end;
            end loop;
            return result;
        end $$
        """;

    [Fact]
    public async Task Every_character_converts_as_native_does()
    {
        await using NpgsqlConnection native = await fixture.Native.OpenAsync();
        await using NpgsqlConnection ours = await fixture.Server.OpenAsync();
        await native.ExecuteAsync(ValidCharacters);
        List<(string Source, string Target)> conversions = await ConversionsAsync(native);
        Assert.Equal(conversions, await ConversionsAsync(ours));

        // What each encoding has: found by trying, but for Unicode and Mule, whose characters are what the others convert to.
        Dictionary<string, List<byte[]>> characters = [];
        HashSet<string> unicode = [], mule = [];
        long compared = 0;
        foreach ((string source, string target) in conversions.OrderBy(c => Rank(c.Source)))
        {
            if (!characters.TryGetValue(source, out List<byte[]>? known))
            {
                known = source switch
                {
                    "UTF8" => [.. unicode.Select(Convert.FromHexString)],
                    "MULE_INTERNAL" => [.. mule.Select(Convert.FromHexString)],
                    _ => Candidates(source),
                };
                if (source is not ("UTF8" or "MULE_INTERNAL"))
                {
                    known = await ValidAsync(native, known, source, "UTF8");
                }

                characters[source] = known;
            }

            List<byte[]> valid = await ValidAsync(native, known, source, target);
            Assert.True(valid.Count > 60, $"{source} to {target}: only {valid.Count} characters");
            byte[] all = [.. valid.SelectMany(c => c)];
            byte[] expected = await native.ScalarAsync<byte[]>("select convert($1, $2, $3)", all, source, target);
            byte[] actual = await ours.ScalarAsync<byte[]>("select convert($1, $2, $3)", all, source, target);
            Assert.True(expected.AsSpan().SequenceEqual(actual), $"{source} to {target}: other bytes than native's");
            compared += valid.Count;
            if (target is "UTF8" or "MULE_INTERNAL")
            {
                HashSet<string> targets = target == "UTF8" ? unicode : mule;
                foreach (byte[] character in SplitCharacters(expected, target))
                {
                    targets.Add(Convert.ToHexString(character));
                }
            }
        }

        Assert.True(compared > 250_000, $"only {compared} characters compared");
    }

    [Fact]
    public async Task What_is_no_character_is_the_same_error()
    {
        await using NpgsqlConnection native = await fixture.Native.OpenAsync();
        await using NpgsqlConnection ours = await fixture.Server.OpenAsync();
        await native.ExecuteAsync(Outcomes);
        await ours.ExecuteAsync(Outcomes);
        var random = new Random(18);
        foreach ((string source, string target) in await ConversionsAsync(native))
        {
            byte[][] inputs = [.. Enumerable.Range(0, 60).Select(_ => RandomText(random)), [0], [0x41, 0, 0x42], [0xE3, 0x81], [0xE3, 0x81, 0xB2, 0xE3, 0x82]];
            string[] expected = await native.ScalarAsync<string[]>("select pg_temp.outcomes($1, $2, $3)", inputs, source, target);
            string[] actual = await ours.ScalarAsync<string[]>("select pg_temp.outcomes($1, $2, $3)", inputs, source, target);
            for (int i = 0; i < inputs.Length; i++)
            {
                Assert.True(expected[i] == actual[i], $"{source} to {target}, {Convert.ToHexString(inputs[i])}: native {expected[i]}, ours {actual[i]}");
            }
        }
    }

    static int Rank(string encoding) => encoding switch { "UTF8" => 1, "MULE_INTERNAL" => 2, _ => 0 };

    static async Task<List<(string Source, string Target)>> ConversionsAsync(NpgsqlConnection connection)
    {
        List<string> names = await connection.ColumnAsync<string>(
            "select pg_encoding_to_char(conforencoding) || ' ' || pg_encoding_to_char(contoencoding) from pg_conversion order by 1");
        return [.. names.Select(n => (n.Split(' ')[0], n.Split(' ')[1]))];
    }

    // All at once; one by one only if one of them does not convert.
    static async Task<List<byte[]>> ValidAsync(NpgsqlConnection native, List<byte[]> candidates, string source, string target)
    {
        try
        {
            await native.ScalarAsync<byte[]>("select convert($1, $2, $3)", (byte[])[.. candidates.SelectMany(c => c)], source, target);
            return candidates;
        }
        catch (PostgresException e) when (e.SqlState is "22021" or "22P05")
        {
            return [.. await native.ScalarAsync<byte[][]>("select pg_temp.valid($1, $2, $3)", candidates.ToArray(), source, target)];
        }
    }

    static List<byte[]> Candidates(string encoding)
    {
        List<byte[]> result = [.. Range(0x80, 0xFF).Select(a => new[] { a })];
        switch (encoding)
        {
            case "EUC_JP" or "EUC_JIS_2004" or "EUC_CN" or "EUC_KR" or "EUC_TW":
                Add(Range(0x8E, 0x8F).Concat(Range(0xA1, 0xFE)), Range(0xA1, 0xFE));
                break;
            case "SJIS" or "SHIFT_JIS_2004" or "BIG5" or "GBK" or "UHC" or "JOHAB" or "GB18030":
                Add(Range(0x81, 0xFE), Range(0x31, 0xFE));
                break;
        }

        if (encoding is "EUC_JP" or "EUC_JIS_2004")
        {
            Add([0x8F], Range(0xA1, 0xFE), Range(0xA1, 0xFE));
        }
        else if (encoding == "EUC_TW")
        {
            Add([0x8E], Range(0xA1, 0xA3), Range(0xA1, 0xFE), Range(0xA1, 0xFE));
        }
        else if (encoding == "GB18030")
        {
            Add(Range(0x81, 0x82).Append((byte)0x90), Range(0x30, 0x39), Range(0x81, 0xFE), Range(0x30, 0x39));
        }

        return result;

        void Add(params IEnumerable<byte>[] places) => result.AddRange(places.Aggregate(
            (IEnumerable<byte[]>)[[]], (prefixes, bytes) => prefixes.SelectMany(p => bytes.Select(b => (byte[])[.. p, b]))));
    }

    static IEnumerable<byte> Range(int first, int last) => Enumerable.Range(first, last - first + 1).Select(b => (byte)b);

    static IEnumerable<byte[]> SplitCharacters(byte[] text, string encoding)
    {
        for (int i = 0; i < text.Length;)
        {
            int length = (encoding, text[i]) switch
            {
                (_, < 0x80) => 1,
                ("UTF8", < 0xE0) => 2,
                ("UTF8", < 0xF0) => 3,
                ("UTF8", _) => 4,
                (_, <= 0x8D) => 2, // Mule, as mb/pg_wchar.h lists its leading bytes
                (_, <= 0x9B) => 3,
                _ => 4,
            };
            yield return text[i..(i + length)];
            i += length;
        }
    }

    static byte[] RandomText(Random random)
    {
        byte[] text = new byte[random.Next(1, 8)];
        random.NextBytes(text);
        for (int i = 0; i < text.Length; i++)
        {
            // Mostly beyond ASCII, some of it like UTF-8.
            text[i] = random.Next(4) switch { 0 => text[i], 1 => (byte)(0x80 | (text[i] & 0x3F)), _ => (byte)(0x80 | text[i]) };
        }

        return text;
    }
}
