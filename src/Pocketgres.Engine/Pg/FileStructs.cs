using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>pg_control (catalog/pg_control.h): in shared memory, and where its members are in the file.</summary>
[GuestStruct("ControlFileData")]
internal readonly ref partial struct ControlFileData
{
    /// <summary>Says which cluster this is.</summary>
    [GuestName("system_identifier")]
    public partial ulong SystemIdentifier { get; set; }

    /// <summary>For authentication: 32 bytes.</summary>
    [GuestName("mock_authentication_nonce")]
    public partial ref byte Nonce { get; }

    /// <summary>The checksum of all before it.</summary>
    public partial uint Crc { get; set; }

#pragma warning disable CS1591, SA1600 // The names are PostgreSQL's own.
    [GuestName("system_identifier")]
    public static partial int SystemIdentifierOffset { get; }

    [GuestName("pg_control_version")]
    public static partial int VersionOffset { get; }

    [GuestName("catalog_version_no")]
    public static partial int CatalogVersionOffset { get; }

    [GuestName("state")]
    public static partial int StateOffset { get; }

    [GuestName("minRecoveryPoint")]
    public static partial int MinimumRecoveryPointOffset { get; }

    [GuestName("max_prepared_xacts")]
    public static partial int MaximumPreparedTransactionsOffset { get; }

    [GuestName("maxAlign")]
    public static partial int AlignmentOffset { get; }

    [GuestName("blcksz")]
    public static partial int BlockSizeOffset { get; }

    [GuestName("relseg_size")]
    public static partial int SegmentSizeOffset { get; }

    [GuestName("xlog_seg_size")]
    public static partial int WalSegmentSizeOffset { get; }

    [GuestName("float8ByVal")]
    public static partial int Float8ByValueOffset { get; }

    [GuestName("data_checksum_version")]
    public static partial int ChecksumVersionOffset { get; }

    [GuestName("mock_authentication_nonce")]
    public static partial int NonceOffset { get; }

    [GuestName("crc")]
    public static partial int CrcOffset { get; }
#pragma warning restore CS1591, SA1600
}

/// <summary>The beginning of a page of a relation (storage/bufpage.h).</summary>
[GuestStruct("PageHeaderData")]
internal readonly ref partial struct PageHeader
{
    /// <summary>Where its checksum is, two bytes.</summary>
    [GuestName("pd_checksum")]
    public static partial int ChecksumOffset { get; }

    /// <summary>Where it says, in two bytes, where its free space begins: behind the item pointers, which follow the header.</summary>
    [GuestName("pd_lower")]
    public static partial int LowerOffset { get; }

    /// <summary>Where it says, in two bytes, where its free space ends: 0 in a page that was never filled.</summary>
    [GuestName("pd_upper")]
    public static partial int UpperOffset { get; }

    /// <summary>Where it says, in two bytes, where the part begins that the access method has at the end of the page.</summary>
    [GuestName("pd_special")]
    public static partial int SpecialOffset { get; }
}

/// <summary>What a page of a B-tree ends with (access/nbtree.h).</summary>
[GuestStruct("BTPageOpaqueData")]
internal readonly ref partial struct IndexPageEnd
{
    /// <summary>Where it says, in four bytes, how far above the leaves it is.</summary>
    [GuestName("btpo_level")]
    public static partial int LevelOffset { get; }
}

/// <summary>What a B-tree's first page has behind its header (access/nbtree.h).</summary>
[GuestStruct("BTMetaPageData")]
internal readonly ref partial struct IndexMeta
{
    /// <summary>Where BTREE_MAGIC is, four bytes.</summary>
    [GuestName("btm_magic")]
    public static partial int MagicOffset { get; }
}

/// <summary>pg_filenode.map: which files the catalogs have that pg_class does not tell of (utils/cache/relmapper.c).</summary>
[GuestStruct("RelMapFile")]
internal readonly ref partial struct RelationMap
{
    /// <summary>Where RELMAPPER_FILEMAGIC is, four bytes.</summary>
    [GuestName("magic")]
    public static partial int MagicOffset { get; }

    /// <summary>Where the number of mappings is, four bytes.</summary>
    [GuestName("num_mappings")]
    public static partial int CountOffset { get; }

    /// <summary>Where the mappings begin.</summary>
    [GuestName("mappings")]
    public static partial int MappingsOffset { get; }

    /// <summary>Where the checksum of all before it is.</summary>
    [GuestName("crc")]
    public static partial int CrcOffset { get; }
}

/// <summary>One catalog's file (utils/cache/relmapper.c).</summary>
[GuestStruct("RelMapping")]
internal readonly ref partial struct RelationMapping
{
    /// <summary>Where the catalog's OID is.</summary>
    [GuestName("mapoid")]
    public static partial int OidOffset { get; }

    /// <summary>Where the file's number is.</summary>
    [GuestName("mapfilenumber")]
    public static partial int FileOffset { get; }
}

/// <summary>A dimension of a list of most common values, as it is stored (statistics/statistics_internal.h).</summary>
[GuestStruct("DimensionInfo")]
internal readonly ref partial struct StatisticsDimension
{
#pragma warning disable CS1591, SA1600 // The names are PostgreSQL's own.
    [GuestName("nvalues")]
    public static partial int ValuesOffset { get; }

    [GuestName("nbytes_aligned")]
    public static partial int AlignedOffset { get; }

    [GuestName("typlen")]
    public static partial int LengthOffset { get; }

    [GuestName("typbyval")]
    public static partial int ByValueOffset { get; }
#pragma warning restore CS1591, SA1600
}

/// <summary>A pointer to a row in its page: bit fields (storage/itemid.h).</summary>
[GuestStruct("ItemIdData")]
internal readonly ref partial struct ItemPointer
{
}

/// <summary>What a row begins with (access/htup_details.h).</summary>
[GuestStruct("HeapTupleHeaderData")]
internal readonly ref partial struct RowHeader
{
    /// <summary>Where it says, in a byte, where its columns begin.</summary>
    [GuestName("t_hoff")]
    public static partial int ColumnsOffset { get; }
}

/// <summary>The fixed columns of a row of pg_type (catalog/pg_type.h).</summary>
[GuestStruct("FormData_pg_type")]
internal readonly ref partial struct TypeRow
{
#pragma warning disable CS1591, SA1600 // The names are PostgreSQL's own.
    [GuestName("oid")]
    public static partial int OidOffset { get; }

    [GuestName("typlen")]
    public static partial int LengthOffset { get; }

    [GuestName("typbyval")]
    public static partial int ByValueOffset { get; }

    [GuestName("typalign")]
    public static partial int AlignmentOffset { get; }
#pragma warning restore CS1591, SA1600
}

/// <summary>The fixed columns of a row of pg_attribute (catalog/pg_attribute.h).</summary>
[GuestStruct("FormData_pg_attribute")]
internal readonly ref partial struct AttributeRow
{
#pragma warning disable CS1591, SA1600 // The names are PostgreSQL's own.
    [GuestName("attlen")]
    public static partial int LengthOffset { get; }

    [GuestName("attbyval")]
    public static partial int ByValueOffset { get; }

    [GuestName("attalign")]
    public static partial int AlignmentOffset { get; }
#pragma warning restore CS1591, SA1600
}

/// <summary>A value of variable length (c.h), with a header of four bytes.</summary>
[GuestStruct("varlena")]
internal readonly ref partial struct Varlena
{
    /// <summary>Where its content begins: VARHDRSZ.</summary>
    [GuestName("vl_dat")]
    public static partial int ContentOffset { get; }
}

/// <summary>The beginning of a page of the write-ahead log (access/xlog_internal.h).</summary>
[GuestStruct("XLogPageHeaderData")]
internal readonly ref partial struct LogPageHeader
{
    /// <summary>Flags, XLP_LONG_HEADER among them.</summary>
    [GuestName("xlp_info")]
    public partial ushort Flags { get; }
}

/// <summary>The beginning of a segment's first page, which <see cref="LogPageHeader"/> is the beginning of (access/xlog_internal.h).</summary>
[GuestStruct("XLogLongPageHeaderData")]
internal readonly ref partial struct LogSegmentHeader
{
    /// <summary>The cluster's.</summary>
    [GuestName("xlp_sysid")]
    public partial ulong SystemIdentifier { get; set; }

    /// <summary>Where that is in a segment.</summary>
    [GuestName("xlp_sysid")]
    public static partial int SystemIdentifierOffset { get; }
}
