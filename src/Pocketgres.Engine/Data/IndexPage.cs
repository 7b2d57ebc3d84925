using System.Buffers.Binary;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Engine.Data;

/// <summary>What a page of a B-tree tells about its place in the tree (access/nbtree.h).</summary>
internal static class IndexPage
{
    // BTREE_MAGIC
    private const uint Magic = 0x053162;

    /// <summary>Bytes at the beginning of a page from which <see cref="IsFirst"/> tells.</summary>
    public const int FirstBytes = PageHeader.Size + IndexMeta.Size;

    /// <summary>Whether it is the first page of a B-tree.</summary>
    /// <param name="page">Its <see cref="FirstBytes"/>.</param>
    public static bool IsFirst(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadUInt32LittleEndian(page[(PageHeader.Size + IndexMeta.MagicOffset)..]) == Magic;

    /// <summary>Where on a page of a B-tree its level is.</summary>
    public static int LevelOffset => PageChecksum.PageSize - IndexPageEnd.Size + IndexPageEnd.LevelOffset;

    /// <summary>Bytes at <see cref="LevelOffset"/>.</summary>
    public const int LevelBytes = sizeof(uint);

    /// <summary>How far above the leaves a page is: 0 for leaves, for the first page, and for pages that were never filled.</summary>
    /// <param name="level">Its bytes at <see cref="LevelOffset"/>.</param>
    public static uint Level(ReadOnlySpan<byte> level) => BinaryPrimitives.ReadUInt32LittleEndian(level);
}
