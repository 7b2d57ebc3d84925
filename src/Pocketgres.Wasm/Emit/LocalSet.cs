namespace Pocketgres.Wasm.Emit;

/// <summary>A set of a function's locals.</summary>
internal sealed class LocalSet
{
    private readonly ulong[] bits;

    public LocalSet(int locals) => bits = new ulong[(locals + 63) / 64];

    private LocalSet(ulong[] bits) => this.bits = bits;

    public bool Contains(int local) => (bits[local / 64] & (1UL << (local % 64))) != 0;

    public void Add(int local) => bits[local / 64] |= 1UL << (local % 64);

    public void Remove(int local) => bits[local / 64] &= ~(1UL << (local % 64));

    public void Clear() => Array.Clear(bits);

    public LocalSet Copy() => new([.. bits]);

    public void UnionWith(LocalSet other)
    {
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] |= other.bits[i];
        }
    }

    public void IntersectWith(LocalSet other)
    {
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] &= other.bits[i];
        }
    }

    public void ExceptWith(LocalSet other)
    {
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] &= ~other.bits[i];
        }
    }
}
