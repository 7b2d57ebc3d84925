namespace Pocketgres.Kernel.Files.Overlays;

/// <summary>A regular file of an <see cref="OverlayFileSystem"/> that has bytes below.</summary>
/// <param name="path">Its path below, which is not the one it has now when it was renamed.</param>
/// <param name="length">Its length below.</param>
internal sealed class OverlayNode(string path, long length)
{
    private readonly HashSet<long> _inMemory = [];

    /// <summary>Path in the lower file system.</summary>
    public string Path => path;

    /// <summary>Where the bytes below end: less than their file has once this one was cut. Bytes behind are those in memory.</summary>
    public long Length { get; private set; } = length;

    /// <summary>The file was cut, or made longer, to <paramref name="size"/>.</summary>
    public void Cut(long size) => Length = Math.Min(Length, size);

    /// <summary>Whether a block (<see cref="OverlayFile.BlockSize"/>) has bytes below that count.</summary>
    public bool IsBelow(long block) => block * OverlayFile.BlockSize < Length && !_inMemory.Contains(block);

    /// <summary>All of a block is in memory from now on.</summary>
    public void MovedUp(long block)
    {
        if (block * OverlayFile.BlockSize < Length)
        {
            _inMemory.Add(block);
        }
    }
}
