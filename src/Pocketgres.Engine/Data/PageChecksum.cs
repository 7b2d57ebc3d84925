using System.Buffers.Binary;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The checksum of a page of a relation (storage/checksum_impl.h): FNV-1a over 32 columns at once, with two rounds of zeroes at the end, folded, mixed with
/// the block number, and never 0.
/// </summary>
internal static unsafe class PageChecksum
{
    /// <summary>Bytes of a page (BLCKSZ) that this is written for.</summary>
    public const int PageSize = 8192;

    private static ReadOnlySpan<uint> BaseOffsets =>
    [
        0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
        0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
        0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
        0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
    ];

    /// <summary>PageIsNew: a page that was added to the file and never filled has no header and no checksum.</summary>
    public static bool IsNew(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadUInt16LittleEndian(page[PageHeader.UpperOffset..]) == 0;

    /// <summary>The checksum a page carries.</summary>
    public static ushort Stored(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadUInt16LittleEndian(page[PageHeader.ChecksumOffset..]);

    /// <summary>The checksum a page should carry.</summary>
    /// <param name="page">The page, <see cref="PageSize"/> bytes.</param>
    /// <param name="block">Its number in the relation, not in the segment file.</param>
    public static ushort Compute(ReadOnlySpan<byte> page, uint block)
    {
        Span<byte> copy = stackalloc byte[PageSize];
        page[..PageSize].CopyTo(copy);
        copy.Slice(PageHeader.ChecksumOffset, sizeof(ushort)).Clear(); // the checksum is of the page without it
        fixed (byte* bytes = copy)
        {
            fixed (uint* offsets = BaseOffsets)
            {
                return (ushort)(((Checksums.Page(bytes, offsets) ^ block) % 65535) + 1);
            }
        }
    }
}
