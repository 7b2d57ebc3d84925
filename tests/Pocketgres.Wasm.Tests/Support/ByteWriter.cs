using System.Text;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>The binary format's primitives.</summary>
public class ByteWriter
{
    private readonly List<byte> bytes = [];

    public byte[] ToArray() => [.. bytes];

    public int Length => bytes.Count;

    public void Raw(params ReadOnlySpan<byte> values) => bytes.AddRange(values);

    public void U32(uint value) => U64(value);

    public void U64(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
    }

    public void U32(int value) => U32((uint)value);

    public void S64(long value)
    {
        while (true)
        {
            byte low = (byte)(value & 0x7f);
            value >>= 7;
            if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0))
            {
                bytes.Add(low);
                return;
            }

            bytes.Add((byte)(low | 0x80));
        }
    }

    public void Name(string name)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        U32(utf8.Length);
        Raw(utf8);
    }

    /// <summary>Length, then contents.</summary>
    public void Sized(ByteWriter contents)
    {
        U32(contents.Length);
        Raw(contents.ToArray());
    }

    public static byte TypeCode(char letter) => letter switch
    {
        'i' => 0x7f,
        'j' => 0x7e,
        'f' => 0x7d,
        'd' => 0x7c,
        'v' => 0x40,
        _ => throw new ArgumentOutOfRangeException(nameof(letter)),
    };
}
