namespace Pocketgres.Facts;

/// <summary>One compiled file's entries: its root with the types and variables in it, and each entry by its place in the section.</summary>
internal sealed class DwarfUnit(DwarfEntry root, IReadOnlyDictionary<long, DwarfEntry> entries, int addressSize, Func<ulong, ulong> address)
{
    /// <summary>DW_TAG_compile_unit.</summary>
    public DwarfEntry Root { get; } = root;

    /// <summary>Size of a pointer in bytes.</summary>
    public int AddressSize { get; } = addressSize;

    /// <summary>The entry that an attribute refers to, or null if there is no such attribute: void.</summary>
    public DwarfEntry? Referred(DwarfEntry entry, DwarfAttribute attribute) =>
        entry.Number(attribute) is { } place ? entries.GetValueOrDefault(place) : null;

    /// <summary>An address of the unit's table (DW_FORM_addrx, DW_OP_addrx).</summary>
    public ulong Address(ulong index) => address(index);
}
