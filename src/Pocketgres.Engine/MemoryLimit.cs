namespace Pocketgres.Engine;

/// <summary>How much memory a server is to be fitted to.</summary>
/// <param name="Bytes">Bytes.</param>
/// <param name="Source">Who says so, for people: the name of an option or variable.</param>
public sealed record MemoryLimit(long Bytes, string Source);
