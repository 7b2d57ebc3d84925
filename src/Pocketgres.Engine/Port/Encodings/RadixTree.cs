namespace Pocketgres.Engine.Port.Encodings;

/// <summary>
/// A <c>pg_mb_radix_tree</c> (mb/pg_wchar.h): maps a character of one to four bytes to its code in another encoding. One level a byte; each
/// entry of a level is the position of the next level, on the last level the result, 0 for none.
/// </summary>
/// <remarks>
/// wasm32 layout: +0 <c>uint16 *</c> and +4 <c>uint32 *</c> (entries, one of them NULL); then for each length its root position (uint32)
/// followed by the lowest and highest byte allowed on each level: lengths 1, 2, 3, 4 at +8, +16, +24, +36.
/// </remarks>
internal readonly unsafe struct RadixTree
{
    private readonly byte* _tree;
    private readonly ushort* _narrow;
    private readonly uint* _wide;

    public RadixTree(byte* m, int address)
    {
        _tree = m + (uint)address;
        uint narrow = *(uint*)_tree;
        uint wide = *(uint*)(_tree + 4);
        _narrow = narrow == 0 ? null : (ushort*)(m + narrow);
        _wide = wide == 0 ? null : (uint*)(m + wide);
    }

    /// <summary>The code for a character, first byte highest, or 0.</summary>
    public uint Find(byte* character, int length)
    {
        byte* root = _tree + length switch { 1 => 8, 2 => 16, 3 => 24, _ => 36 };
        byte* bounds = root + 4;
        uint position = *(uint*)root;
        for (int i = 0; i < length; i++, bounds += 2)
        {
            int index = character[i] - bounds[0];
            if (index < 0 || character[i] > bounds[1])
            {
                return 0;
            }

            position = _wide != null ? _wide[position + index] : _narrow[position + index];
        }

        return position;
    }
}
