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
    public void Lines_end_where_the_bytewise_loop_finds_an_end()
    {
        foreach (byte[] text in Texts())
        {
            fixed (byte* m = text)
            {
                for (int index = 0; index < text.Length; index++)
                {
                    int plain = text.AsSpan(index).IndexOfAny("\n\r\\"u8);
                    Assert.Equal(plain < 0 ? text.Length - index : plain, CopyText.Line(m, 0, 0, index, text.Length, 0));
                }

                Assert.Equal(0, CopyText.Line(m, 1, 0, 0, text.Length, 0)); // CSV has quotes
                Assert.Equal(0, CopyText.Line(m, 0, 0, 0, text.Length, 1)); // wants more data first
                Assert.Equal(0, CopyText.Line(m, 0, 0, text.Length, text.Length, 0));
            }
        }
    }

    [Fact]
    public void Fields_are_copied_up_to_a_delimiter_or_backslash_and_never_to_the_last_byte()
    {
        foreach (byte[] text in Texts())
        {
            foreach (byte delimiter in "\t,x"u8.ToArray())
            {
                for (int start = 0; start < text.Length; start++)
                {
                    // The buffer is as long as the line, and as much of it is used as was read. Behind it nothing may be written.
                    byte[] memory = [.. text, .. Enumerable.Repeat((byte)0xEE, text.Length), 0xAA];
                    fixed (byte* m = memory)
                    {
                        int copied = CopyText.Field(m, start, text.Length + start, text.Length, delimiter);
                        int stop = text.AsSpan(start).IndexOfAny(delimiter, (byte)'\\');
                        int most = Math.Min(stop < 0 ? int.MaxValue : stop, text.Length - start - 1);
                        Assert.InRange(copied, Math.Max(0, most - 7), most); // fewer than eight bytes are left to the loop
                        Assert.Equal(text[start..(start + copied)], memory[(text.Length + start)..(text.Length + start + copied)]);
                        Assert.Equal(text, memory[..text.Length]);
                        Assert.Equal(0xAA, memory[^1]);
                    }
                }
            }
        }
    }

    private static IEnumerable<byte[]> Texts()
    {
        var random = new Random(18);
        const string Alphabet = "abcdefgh\t,x\\\n\r\u00e4\u007f\u0080";
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
