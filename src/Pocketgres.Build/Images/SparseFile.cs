namespace Pocketgres.Build.Images;

/// <summary>Writes a memory image: whole pages, runs of zeros left as holes where the file system supports them.</summary>
internal static class SparseFile
{
    /// <summary>Unit of writing: the smallest page of any supported system.</summary>
    public const int Block = 4096;

    /// <summary>The file's length is a multiple of this: a WebAssembly page, and at least every host's page.</summary>
    public const int Alignment = 65536;

    /// <summary>Creates the file.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.SetLength(file, (content.Length + (long)Alignment - 1) / Alignment * Alignment);
        for (int start = 0; start < content.Length;)
        {
            int end = start;
            while (end < content.Length && !IsZero(BlockAt(content, end)))
            {
                end = Math.Min(end + Block, content.Length);
            }

            if (end > start)
            {
                RandomAccess.Write(file, content[start..end], start);
            }

            start = end + Block;
        }
    }

    private static ReadOnlySpan<byte> BlockAt(ReadOnlySpan<byte> content, int start) => content.Slice(start, Math.Min(Block, content.Length - start));

    private static bool IsZero(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);
}
