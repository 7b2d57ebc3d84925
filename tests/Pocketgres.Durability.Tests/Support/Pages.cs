using System.Buffers.Binary;
using Pocketgres.Engine.Data;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>Damage that no checksum shows: pages of a relation's file are changed and get a checksum that fits.</summary>
static class Pages
{
    const int Size = 8192, ChecksumOffset = 8, LowerOffset = 12, FirstLinePointer = 24;

    /// <summary>HeapTupleHeaderData.t_infomask: HEAP_XMIN_COMMITTED | HEAP_XMIN_INVALID, what is known about xmin.</summary>
    const ushort XminHints = 0x0300;

    public delegate void Edit(Span<byte> page);

    /// <summary>Changes a page of the first segment.</summary>
    public static void Change(string path, int block, Edit edit)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite);
        byte[] page = new byte[Size];
        file.Position = (long)block * Size;
        file.ReadExactly(page);
        edit(page);
        BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(ChecksumOffset), PageChecksum.Compute(page, (uint)block));
        file.Position = (long)block * Size;
        file.Write(page);
    }

    /// <summary>Two neighbours change places: an index whose order is wrong.</summary>
    public static void SwapItems(Span<byte> page, int item)
    {
        Span<byte> first = page.Slice(PointerAt(page, item), 4), second = page.Slice(PointerAt(page, item + 1), 4);
        uint kept = BinaryPrimitives.ReadUInt32LittleEndian(first);
        second.CopyTo(first);
        BinaryPrimitives.WriteUInt32LittleEndian(second, kept);
    }

    /// <summary>A row of a transaction that is yet to come.</summary>
    public static void SetXmin(Span<byte> page, int item, uint xmin)
    {
        Span<byte> tuple = Tuple(page, item);
        BinaryPrimitives.WriteUInt32LittleEndian(tuple, xmin);
        ushort mask = BinaryPrimitives.ReadUInt16LittleEndian(tuple[20..]);
        BinaryPrimitives.WriteUInt16LittleEndian(tuple[20..], (ushort)(mask & ~XminHints));
    }

    /// <summary>Another value in a row's first column, an integer, which the indexes do not know.</summary>
    public static void SetFirstInteger(Span<byte> page, int item, int value)
    {
        Span<byte> tuple = Tuple(page, item);
        BinaryPrimitives.WriteInt32LittleEndian(tuple[tuple[22]..], value);
    }

    static Span<byte> Tuple(Span<byte> page, int item) => page[TupleAt(page, item)..];

    static int TupleAt(Span<byte> page, int item) => (int)(BinaryPrimitives.ReadUInt32LittleEndian(page[PointerAt(page, item)..]) & 0x7FFF);

    static int PointerAt(Span<byte> page, int item)
    {
        int at = FirstLinePointer + ((item - 1) * 4);
        Assert.True(at + 4 <= BinaryPrimitives.ReadUInt16LittleEndian(page[LowerOffset..]), $"the page has no item {item}");
        return at;
    }
}
