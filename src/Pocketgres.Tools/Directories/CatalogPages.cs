using System.Buffers.Binary;
using System.Globalization;
using Pocketgres.Copying;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Directories;

/// <summary>
/// Rewrites what a server must find right before it can open a database of the other word size: which types are passed by value, in all versions of the rows of pg_type and pg_attribute, and pg_control.
/// These fields have fixed places in the rows, so that nothing moves. Of a cluster that was stopped in order; without effect on one that has the wanted form.
/// </summary>
internal static class CatalogPages
{
    private const int NormalItem = 1; // LP_NORMAL (storage/itemid.h)

    private static readonly Relation[] s_relations = [new(1247, TypeRow.AlignmentOffset + 1, EditType), new(1249, AttributeRow.AlignmentOffset + 1, EditAttribute)];

    // As long as a pointer: internal, pg_ddl_command.
    private static readonly uint[] s_pointers = [2281, 32];

    // Made anew when missing, or of no use to the other server: structs with pointers or size_t.
    private static readonly string[] s_lost = ["pg_logical/snapshots/*.snap", "pg_stat/pg_stat_statements.stat"];

    /// <summary>Converts a cluster.</summary>
    /// <param name="directory">Its directory.</param>
    /// <param name="to">The wanted form.</param>
    /// <param name="cancellationToken">Cancels; the cluster is of no use then.</param>
    /// <exception cref="CopyException">Something in it is damaged.</exception>
    public static void Convert(string directory, WordSize to, CancellationToken cancellationToken)
    {
        string controlPath = Path.Combine(directory, ControlFile.Name);
        var control = ControlFile.Parse(File.ReadAllBytes(controlPath));
        foreach (string database in Databases(directory))
        {
            var map = ReadMap(Path.Combine(database, RelationMapFile.Name));
            foreach (var relation in s_relations)
            {
                EditRelation(Path.Combine(database, map[relation.Oid].ToString(CultureInfo.InvariantCulture)), control.HasChecksums, relation, to, cancellationToken);
            }
        }

        foreach (string initialization in Directory.EnumerateFiles(directory, "pg_internal.init*", SearchOption.AllDirectories)
                     .Concat(s_lost.SelectMany(l => Path.Combine(directory, Path.GetDirectoryName(l)!) is var parent && Directory.Exists(parent) ? Directory.EnumerateFiles(parent, Path.GetFileName(l)) : [])))
        {
            File.Delete(initialization);
        }

        SetControl(directory, to);
    }

    /// <summary>Says in pg_control alone which form the cluster has, so that a server of it opens the directory and replays its log, which is the same in both.</summary>
    public static void SetControl(string directory, WordSize to)
    {
        string path = Path.Combine(directory, ControlFile.Name);
        var control = ControlFile.Parse(File.ReadAllBytes(path));
        control.SetFloat8ByValue(to == WordSize.Eight);
        File.WriteAllBytes(path, control.Bytes);
    }

    // A directory without the map has single tables of a database whose default tablespace is another one.
    private static IEnumerable<string> Databases(string directory) =>
        new[] { Path.Combine(directory, "base") }
            .Concat(Directory.EnumerateDirectories(Path.Combine(directory, "pg_tblspc")).SelectMany(Directory.EnumerateDirectories))
            .SelectMany(Directory.EnumerateDirectories).Where(d => File.Exists(Path.Combine(d, RelationMapFile.Name)));

    private static Dictionary<uint, uint> ReadMap(string path)
    {
        byte[] map = File.ReadAllBytes(path);
        if (map.Length < RelationMap.Size || UInt32(map, RelationMap.MagicOffset) != RelationMapFile.Magic || UInt32(map, RelationMap.CrcOffset) != Crc32C.Compute(map.AsSpan(0, RelationMap.CrcOffset)))
        {
            throw new CopyException($"not copied: {path} of the copy is damaged: restore a backup");
        }

        return Enumerable.Range(0, (int)UInt32(map, RelationMap.CountOffset)).Select(i => RelationMap.MappingsOffset + (i * RelationMapping.Size))
            .ToDictionary(at => UInt32(map, at + RelationMapping.OidOffset), at => UInt32(map, at + RelationMapping.FileOffset));
    }

    private static void EditRelation(string path, bool hasChecksums, Relation relation, WordSize to, CancellationToken cancellationToken)
    {
        byte[] page = new byte[PageChecksum.PageSize];
        uint block = 0;
        for (int segment = 0; (segment == 0 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}.{segment}")) is var name && (segment == 0 || File.Exists(name)); segment++)
        {
            using var file = new FileStream(name, FileMode.Open, FileAccess.ReadWrite);
            for (; file.Position < file.Length; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                file.ReadExactly(page);
                if (PageChecksum.IsNew(page))
                {
                    continue;
                }

                if (hasChecksums && PageChecksum.Stored(page) != PageChecksum.Compute(page, block))
                {
                    throw Damaged(name, block);
                }

                if (EditPage(page, relation, to) is not { } isChanged)
                {
                    throw Damaged(name, block);
                }

                if (isChanged)
                {
                    if (hasChecksums)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(PageHeader.ChecksumOffset), PageChecksum.Compute(page, block));
                    }

                    file.Position -= page.Length;
                    file.Write(page);
                }
            }
        }
    }

    // Null when the page is damaged.
    private static bool? EditPage(byte[] page, Relation relation, WordSize to)
    {
        int lower = BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(PageHeader.LowerOffset));
        if (lower is < PageHeader.Size or > PageChecksum.PageSize)
        {
            return null;
        }

        bool isChanged = false;
        for (int at = PageHeader.Size; at + ItemPointer.Size <= lower; at += ItemPointer.Size)
        {
            uint item = UInt32(page, at);
            int offset = (int)(item & 0x7FFF), length = (int)(item >> 17);
            if (((item >> 15) & 3) != NormalItem)
            {
                continue;
            }

            if (offset + length > page.Length || length <= RowHeader.ColumnsOffset || page[offset + RowHeader.ColumnsOffset] + relation.RowSize > length)
            {
                return null;
            }

            int start = offset + page[offset + RowHeader.ColumnsOffset];
            isChanged |= relation.Edit(page.AsSpan(start, offset + length - start), to);
        }

        return isChanged;
    }

    private static bool EditType(Span<byte> row, WordSize to)
    {
        if (s_pointers.Contains(BinaryPrimitives.ReadUInt32LittleEndian(row[TypeRow.OidOffset..])))
        {
            BinaryPrimitives.WriteInt16LittleEndian(row[TypeRow.LengthOffset..], (short)to);
            row[TypeRow.AlignmentOffset] = to == WordSize.Eight ? (byte)'d' : (byte)'i';
            return true;
        }

        return EditByValue(row, TypeRow.LengthOffset, TypeRow.ByValueOffset, TypeRow.AlignmentOffset, to);
    }

    private static bool EditAttribute(Span<byte> row, WordSize to) => EditByValue(row, AttributeRow.LengthOffset, AttributeRow.ByValueOffset, AttributeRow.AlignmentOffset, to);

    private static bool EditByValue(Span<byte> row, int length, int byValue, int alignment, WordSize to)
    {
        byte wanted = to == WordSize.Eight ? (byte)1 : (byte)0;
        if (BinaryPrimitives.ReadInt16LittleEndian(row[length..]) != 8 || row[alignment] != 'd' || row[byValue] == wanted)
        {
            return false;
        }

        row[byValue] = wanted;
        return true;
    }

    private static CopyException Damaged(string path, uint block) =>
        new(string.Create(CultureInfo.InvariantCulture, $"not copied: page {block} of {path} of the copy is damaged: restore a backup"));

    private static uint UInt32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

    private delegate bool RowEdit(Span<byte> row, WordSize to);

    // RowSize: bytes that every row has.
    private sealed record Relation(uint Oid, int RowSize, RowEdit Edit);
}
