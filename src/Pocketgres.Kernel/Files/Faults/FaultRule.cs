namespace Pocketgres.Kernel.Files.Faults;

/// <summary>Which calls a <see cref="FaultFileSystem"/> lets go wrong, and how.</summary>
/// <example>The third fsync of the log and all that follow fail: <code>new FaultRule
/// {
///     Operations = FileOperations.Sync, Path = p => p.StartsWith("/pg_wal/"), First = 3, Count = long.MaxValue, Error = Errno.EIO,
/// }</code></example>
public sealed record FaultRule
{
    /// <summary>Kinds of calls that count for this rule.</summary>
    public FileOperations Operations { get; init; } = FileOperations.All;

    /// <summary>Paths that count; null for all.</summary>
    public Func<string, bool>? Path { get; init; }

    /// <summary>Calls that do not count although kind and path fit; null for none.</summary>
    public Func<FileCall, bool>? Except { get; init; }

    /// <summary>The first call to fail, counted from 1 among those that count for this rule, from the moment it was added.</summary>
    public long First { get; init; } = 1;

    /// <summary>How many calls fail from there on.</summary>
    public long Count { get; init; } = 1;

    /// <summary>The error.</summary>
    public Errno Error { get; init; } = Errno.EIO;

    /// <summary>
    /// Reads and writes of more than a byte transfer only a part, as the seed decides, and report how much; nothing else fails.
    /// </summary>
    public bool Partial { get; init; }

    /// <summary>Called for each call that fails or falls short, before it returns; must be quick.</summary>
    public Action<FileCall>? Happened { get; init; }
}
