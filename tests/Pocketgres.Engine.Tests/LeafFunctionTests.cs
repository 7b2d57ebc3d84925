using System.Text;
using Pocketgres.Engine.Data;

namespace Pocketgres.Engine.Tests;

/// <summary>What replaces Postgres' own code for speed, against the C source's algorithm written down plainly.</summary>
public sealed unsafe class LeafFunctionTests
{
    private static readonly uint[] s_offsets = [.. Enumerable.Range(0, 32).Select(i => (uint)(i * 0x9E3779B9L))];

    [Fact]
    public void Page_checksums_are_those_of_checksum_impl_h()
    {
        var random = new Random(18);
        byte[] page = new byte[8192];
        for (int round = 0; round < 200; round++)
        {
            random.NextBytes(page);
            if (round % 3 == 0)
            {
                Array.Clear(page, random.Next(4096), random.Next(4096)); // most pages have a hole
            }

            fixed (byte* bytes = page)
            {
                fixed (uint* offsets = s_offsets)
                {
                    Assert.Equal(PlainChecksum(page), Checksums.Page(bytes, offsets));
                }
            }
        }
    }

    [Fact]
    public void Crc32C_has_its_check_value_and_equals_the_bitwise_algorithm()
    {
        Assert.Equal(0xE3069283u, ~Crc(0xFFFFFFFF, "123456789"u8)); // the catalogue's check value for CRC-32/ISCSI
        var random = new Random(18);
        for (int length = 0; length < 300; length++)
        {
            byte[] data = new byte[length];
            random.NextBytes(data);
            uint start = (uint)random.NextInt64(1L << 32);
            Assert.Equal(PlainCrc(start, data), Crc(start, data));
        }
    }

    [Fact]
    public void Memory_is_compared_as_bytes_of_which_the_first_that_differ_count()
    {
        var random = new Random(18);
        byte[] memory = new byte[256];
        fixed (byte* m = memory)
        {
            for (int length = 0; length < 70; length++)
            {
                for (int round = 0; round < 100; round++)
                {
                    int a = random.Next(16), b = 128 + random.Next(16);
                    random.NextBytes(memory); // what lies around the ranges differs
                    memory.AsSpan(a, length).CopyTo(memory.AsSpan(b));
                    for (int differences = random.Next(3); differences > 0 && length > 0; differences--)
                    {
                        memory[b + random.Next(length)] = (byte)random.Next(256);
                    }

                    int first = memory.AsSpan(a, length).CommonPrefixLength(memory.AsSpan(b, length));
                    Assert.Equal(first == length ? 0 : memory[a + first] - memory[b + first], MemoryComparison.Compare(m + a, m + b, (uint)length));
                }
            }
        }
    }

    [Fact]
    public void Patterns_of_like_match_as_a_regular_expression_says()
    {
        var random = new Random(18);
        string[] letters = ["a", "b", "ä", "ab"];
        string Make(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => letters[random.Next(letters.Length)]));
        int matched = 0;
        for (int round = 0; round < 20_000; round++)
        {
            string text = Make(random.Next(9));
            string pattern = string.Join('%', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Make(random.Next(3))));
            bool expected = System.Text.RegularExpressions.Regex.IsMatch(text, "^(?:" + pattern.Replace("%", ".*", StringComparison.Ordinal) + ")$");
            Assert.Equal(expected, LikePattern.Matches(Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(pattern)));
            matched += expected ? 1 : 0;
        }

        Assert.InRange(matched, 1_000, 19_000);
    }

    [Theory]
    [InlineData("a", "_")]
    [InlineData("a", "\\a")]
    [InlineData("a", "%\\")]
    public void Patterns_with_other_wildcards_and_escapes_are_left_to_postgres(string text, string pattern) =>
        Assert.Null(LikePattern.Matches(Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(pattern)));

    [Fact]
    public void What_would_take_long_is_left_to_postgres_which_can_be_interrupted() =>
        Assert.Null(LikePattern.Matches(new byte[1 << 20], new byte[1 << 10]));

    [Fact]
    public void Lines_end_where_the_bytewise_loop_finds_an_end()
    {
        foreach (byte[] text in Texts())
        {
            for (int index = 0; index < text.Length; index++)
            {
                Assert.Equal(PlainLineLength(text.AsSpan(index)), CopyText.LineLength(text.AsSpan(index)));
            }
        }
    }

    [Fact]
    public void A_line_is_split_as_the_bytewise_loop_splits_it()
    {
        const uint Address = 0xF000_0000; // in the upper half of guest memory
        var fields = new ulong[9];
        int split = 0;
        foreach (byte[] text in Texts())
        {
            foreach (byte delimiter in "\t,x"u8.ToArray())
            {
                for (int length = 0; length <= text.Length; length++)
                {
                    byte[] output = [.. Enumerable.Repeat((byte)0xEE, text.Length + CopyText.Step)];
                    byte[] line = [.. text, .. "\\,x\t\\,x\t\\,x\t\\,x\t"u8]; // what is behind the line is not looked at
                    string[] parts = Encoding.Latin1.GetString(text, 0, length).Split((char)delimiter);
                    int count = CopyText.Split(line, length, delimiter, output, Address, fields);
                    if (parts.Length > fields.Length || parts.Any(p => p != "\\N" && p.Contains('\\', StringComparison.Ordinal)))
                    {
                        Assert.Equal(-1, count);
                        continue;
                    }

                    split++;
                    Assert.Equal(parts.Length, count);
                    for (int i = 0, start = 0; i < count; start += parts[i++].Length + 1)
                    {
                        Assert.Equal(parts[i] == "\\N" ? 0 : Address + (uint)start, fields[i]);
                        Assert.Equal([.. Encoding.Latin1.GetBytes(parts[i]), 0], output[start..(start + parts[i].Length + 1)]);
                    }
                }
            }
        }

        Assert.True(split > 1000, $"only {split} lines were split");
        Assert.Equal(-1, CopyText.Split(new byte[CopyText.Step], 0, 9, new byte[CopyText.Step], Address, []));
        Assert.Equal(2, CopyText.Split([.. "\\N,a"u8, .. new byte[CopyText.Step]], 4, (byte)',', new byte[2 * CopyText.Step], Address, fields));
        Assert.Equal([0UL, Address + 3], fields[..2]);
    }

    private static int PlainLineLength(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case (byte)'\n':
                    return i;
                case (byte)'\r':
                    return -1;
                case (byte)'\\' when i + 1 < text.Length && text[i + 1] != '.':
                    i++;
                    break;
                case (byte)'\\':
                    return -1;
            }
        }

        return -1;
    }

    private static IEnumerable<byte[]> Texts()
    {
        var random = new Random(18);
        const string Alphabet = "abcdefgh\t,x\\\n\r.N\u00e4\u007f\u0080";
        for (int length = 1; length < 80; length++)
        {
            int plain = random.Next(1, 30); // one special character among so many
            yield return Encoding.Latin1.GetBytes(string.Concat(Enumerable.Range(0, length)
                .Select(_ => random.Next(plain) == 0 ? Alphabet[random.Next(Alphabet.Length)] : 'z')));
        }
    }

    private static uint Crc(uint start, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            return Checksums.Crc32C(start, bytes, data.Length);
        }
    }

    private static uint PlainCrc(uint crc, byte[] data)
    {
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
            }
        }

        return crc;
    }

    private static uint PlainChecksum(byte[] page)
    {
        static uint Mix(uint sum, uint value) => ((sum ^ value) * 16777619) ^ ((sum ^ value) >> 17);
        uint[] sums = [.. s_offsets];
        for (int i = 0; i < page.Length / 4; i++)
        {
            sums[i % 32] = Mix(sums[i % 32], BitConverter.ToUInt32(page, i * 4));
        }

        return sums.Aggregate(0u, (result, sum) => result ^ Mix(Mix(sum, 0), 0));
    }
}
