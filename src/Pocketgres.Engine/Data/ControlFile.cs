using System.Buffers.Binary;
using Layout = Pocketgres.Engine.Pg.ControlFileData;

namespace Pocketgres.Engine.Data;

/// <summary>
/// global/pg_control, PostgreSQL 18 (catalog/pg_control.h, struct ControlFileData): what a server must have in common with a data directory,
/// and the state it was left in. The same layout on every platform with 8-byte alignment of int64, wasm64 and x86-64 among them.
/// </summary>
internal sealed class ControlFile
{
    /// <summary>Path in a data directory.</summary>
    public const string Name = "global/pg_control";

    /// <summary>PG_CONTROL_FILE_SIZE: bytes on disk, zero behind the checksum.</summary>
    public const int FileSize = 8192;

    /// <summary>The version (PG_CONTROL_VERSION) this layout is of.</summary>
    public const int KnownVersion = 1800;

    private const int NonceLength = 32; // MOCK_AUTH_NONCE_LEN

    private readonly byte[] _bytes;

    private ControlFile(byte[] bytes) => _bytes = bytes;

    /// <summary>system_identifier: one number for all copies of one cluster.</summary>
    public ulong SystemIdentifier => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(Layout.SystemIdentifierOffset));

    /// <summary>pg_control_version.</summary>
    public int Version => Int32(Layout.VersionOffset);

    /// <summary>catalog_version_no.</summary>
    public int CatalogVersion => Int32(Layout.CatalogVersionOffset);

    /// <summary>DBState: how the server left the cluster.</summary>
    public ClusterState State => (ClusterState)Int32(Layout.StateOffset);

    /// <summary>minRecoveryPoint: pages may be as new as this place in the log, so that without the log up to it they make no sense; 0 when nothing needs it.</summary>
    public ulong MinimumRecoveryPoint => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(Layout.MinimumRecoveryPointOffset));

    /// <summary>max_prepared_xacts: what max_prepared_transactions was when the server last ran, wherever it had it from.</summary>
    public int MaximumPreparedTransactions => Int32(Layout.MaximumPreparedTransactionsOffset);

    /// <summary>Bytes of a page.</summary>
    public int BlockSize => Int32(Layout.BlockSizeOffset);

    /// <summary>Pages of a full segment file of a relation.</summary>
    public int SegmentSize => Int32(Layout.SegmentSizeOffset);

    /// <summary>Bytes of a WAL segment.</summary>
    public int WalSegmentSize => Int32(Layout.WalSegmentSizeOffset);

    /// <summary>True for clusters of 64-bit servers.</summary>
    public bool Float8ByValue => _bytes[Layout.Float8ByValueOffset] != 0;

    /// <summary>Whether pages have checksums.</summary>
    public bool HasChecksums => Int32(Layout.ChecksumVersionOffset) != 0;

    /// <summary>Whether the checksum is right.</summary>
    public bool IsIntact => Int32(Layout.CrcOffset) == unchecked((int)Crc32C.Compute(_bytes.AsSpan(0, Layout.CrcOffset)));

    /// <summary>The file as it must be written, checksum included.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Takes the bytes of the file over.</summary>
    /// <exception cref="InvalidDataException">They are too few.</exception>
    public static ControlFile Parse(byte[] bytes) => bytes.Length >= Layout.CrcOffset + 4
        ? new ControlFile(bytes)
        : throw new InvalidDataException($"{Name} has only {bytes.Length} bytes");

    /// <summary>
    /// Whether one server can run both: the versions of control file and catalogue, alignment, the format of numbers, and all sizes that are
    /// compiled in. The WAL segment's size is not among them: servers take what they find.
    /// </summary>
    public bool IsCompatibleWith(ControlFile other)
    {
        // From maxAlign to float8ByVal
        var before = Layout.AlignmentOffset..Layout.WalSegmentSizeOffset;
        var after = (Layout.WalSegmentSizeOffset + sizeof(int))..(Layout.Float8ByValueOffset + 1);
        return Version == other.Version && CatalogVersion == other.CatalogVersion
            && _bytes.AsSpan(before).SequenceEqual(other._bytes.AsSpan(before)) && _bytes.AsSpan(after).SequenceEqual(other._bytes.AsSpan(after));
    }

    /// <summary>Says that the server was running: recovery then looks at the log that follows the last checkpoint.</summary>
    public void SetInProduction()
    {
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(Layout.StateOffset), (int)ClusterState.InProduction);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(Layout.CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, Layout.CrcOffset)));
    }

    /// <summary>Says whether the cluster is a 64-bit server's.</summary>
    public void SetFloat8ByValue(bool value)
    {
        _bytes[Layout.Float8ByValueOffset] = value ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(Layout.CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, Layout.CrcOffset)));
    }

    /// <summary>Gives the cluster another identity, with a new nonce for authentication.</summary>
    public void SetIdentity(ulong identifier)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(Layout.SystemIdentifierOffset), identifier);
        Kernel.HostRandom.Fill(_bytes.AsSpan(Layout.NonceOffset, NonceLength));
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(Layout.CrcOffset), Crc32C.Compute(_bytes.AsSpan(0, Layout.CrcOffset)));
    }

    private int Int32(int offset) => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(offset));
}

/// <summary>DBState (catalog/pg_control.h).</summary>
internal enum ClusterState
{
    StartingUp = 0,
    ShutDown = 1,
    ShutDownInRecovery = 2,
    ShuttingDown = 3,
    InCrashRecovery = 4,
    InArchiveRecovery = 5,
    InProduction = 6,
}
