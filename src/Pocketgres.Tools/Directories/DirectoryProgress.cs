namespace Pocketgres.Directories;

/// <summary>How far a copy of a data directory is.</summary>
/// <param name="Phase">What is being done.</param>
/// <param name="Bytes">Bytes copied or packed so far.</param>
/// <param name="Name">The database or index, where it is about one.</param>
public readonly record struct DirectoryProgress(DirectoryPhase Phase, long Bytes, string? Name);

/// <summary>Steps of copying a data directory, in their order.</summary>
public enum DirectoryPhase
{
    /// <summary>Files are copied.</summary>
    Copying,

    /// <summary>A database's stored expressions are converted.</summary>
    Converting,

    /// <summary>An index is built anew.</summary>
    Reindexing,

    /// <summary>Files are put into an archive.</summary>
    Packing,
}
