namespace Pocketgres.Facts;

/// <summary>One debugging information entry: a type, a member, a variable.</summary>
internal sealed class DwarfEntry(DwarfTag tag)
{
    private readonly Dictionary<DwarfAttribute, object> _values = [];

    public DwarfTag Tag { get; } = tag;

    public List<DwarfEntry> Children { get; } = [];

    public string? Name => _values.GetValueOrDefault(DwarfAttribute.Name) as string;

    /// <summary>True for a mere declaration, whose definition is elsewhere.</summary>
    public bool IsDeclaration => Number(DwarfAttribute.Declaration) is > 0;

    public void Set(DwarfAttribute attribute, object value) => _values[attribute] = value;

    /// <summary>A number, an offset in the section or a flag; null if the entry has no such attribute.</summary>
    public long? Number(DwarfAttribute attribute) => _values.TryGetValue(attribute, out object? value) && value is long number ? number : null;

    /// <summary>An expression's bytes; null if the entry has no such attribute.</summary>
    public ReadOnlyMemory<byte>? Block(DwarfAttribute attribute) =>
        _values.TryGetValue(attribute, out object? value) && value is ReadOnlyMemory<byte> block ? block : null;
}
